package plan

import (
	"strings"
	"testing"
)

func TestStandingShardsComeLast(t *testing.T) {
	p := Plan{
		Rules: Rules{Priority: RulePrioritySource}, SourceRank: []string{"wiki", "web"},
		Files:  []File{{Path: "a"}, {Path: "b", Run: strings.Repeat("1", 64)}, {Path: "c", Run: strings.Repeat("2", 64)}},
		Shards: []Shard{{File: 0}, {File: 0}, {File: 1}, {File: 2}},
		Earlier: []Earlier{
			{Folder: "feb", RunID: strings.Repeat("2", 64), FirstShard: 2, Shards: 2},
		},
	}
	if p.Delivery() != 2 || p.IsStanding(1) || !p.IsStanding(2) || p.TallyTasks() != 2 {
		t.Errorf("%d shards of the delivery, %d tasks of tally", p.Delivery(), p.TallyTasks())
	}
	if p.Index = true; p.TallyTasks() != 4 {
		t.Errorf("%d tasks of tally with an index", p.TallyTasks())
	}
	for shard, want := range []string{"", "", "the earlier run 111111111111, by way of feb", "the earlier run 222222222222 in feb"} {
		if got := p.Origin(shard); got != want {
			t.Errorf("shard %d is of %q, want %q", shard, got, want)
		}
	}
	if got := append(p.Policy(), p.Chain()...); len(got) != 3 || got[0][1] != "the source named first: wiki, web" || got[1][1] != "feb (run 222222222222)" {
		t.Errorf("%q", got)
	}
	none := Plan{Files: []File{{Path: "a"}}, Shards: []Shard{{}}}
	if none.Delivery() != 1 || (&Plan{}).Delivery() != 0 || len(none.Policy()) != 0 || len(none.Chain()) != 0 {
		t.Error("a plan without policies")
	}
	reference := Plan{Files: []File{{Reference: true}}, Shards: []Shard{{}}}
	if reference.Delivery() != 0 || reference.Origin(0) != "the reference corpus" {
		t.Error("a plan of a reference corpus alone")
	}
}
