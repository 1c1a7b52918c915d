package fate

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/wire"
)

// someDocument is of few values, so that two have some of them in common. Names
// begin with each other, and hold what strings in keys might end in.
func someDocument(rnd *rand.Rand) wire.Document {
	names := []string{"", "a", "aa", "a\x00", "a\x00b", "a\x01", "b", "\xff"}
	name := func() []byte { return []byte(names[rnd.IntN(len(names))]) }
	d := wire.Document{Bytes: rnd.Uint64N(3), Hash: rnd.Uint64N(2) << 63, Contributor: name(), ID: name(), Source: name()}
	if rnd.IntN(3) > 0 {
		d.Created = doc.Instant{Sec: rnd.Int64N(3) - 1, Nsec: rnd.Int32N(2) * 999_999_999, Set: true}
	}
	return d
}

// before is the priority order word by word: what stands, what of it was kept, then
// the policy; the earlier, what has no date last; then hash, contributor, id.
func before(p *plan.Plan, a, b *wire.Document, stands, dropped [2]bool) int {
	first := func(is [2]bool) int {
		switch {
		case is[0] == is[1]:
			return 0
		case is[0]:
			return -1
		}
		return 1
	}
	policy := 0
	switch p.Rules.Priority {
	case plan.RulePriorityLongest:
		policy = cmp.Compare(b.Bytes, a.Bytes)
	case plan.RulePrioritySource:
		place := func(d *wire.Document) int {
			if i := slices.Index(p.SourceRank, string(d.Source)); i >= 0 {
				return i
			}
			return len(p.SourceRank)
		}
		policy = cmp.Compare(place(a), place(b))
	}
	created := first([2]bool{a.Created.Set, b.Created.Set})
	if created == 0 {
		created = cmp.Or(cmp.Compare(a.Created.Sec, b.Created.Sec), cmp.Compare(a.Created.Nsec, b.Created.Nsec))
	}
	return cmp.Or(first(stands), -first(dropped), policy, created, cmp.Compare(a.Hash, b.Hash),
		bytes.Compare(a.Contributor, b.Contributor), bytes.Compare(a.ID, b.ID))
}

// The order of nodes is the definition's under every policy, and the keys that parts
// are sorted by have it too.
func TestOrderIsTheDefinition(t *testing.T) {
	for name, p := range map[string]*plan.Plan{
		"created": {Rules: plan.Rules{Priority: plan.RulePriority}},
		"longest": {Rules: plan.Rules{Priority: plan.RulePriorityLongest}},
		"source":  {Rules: plan.Rules{Priority: plan.RulePrioritySource}, SourceRank: []string{"b", "a"}},
	} {
		rnd := rand.New(rand.NewPCG(1, 1))
		order := NewOrder(p)
		decided := 0
		for range 20_000 {
			docs := [2]wire.Document{someDocument(rnd), someDocument(rnd)}
			if rnd.IntN(2) == 0 { // as long as the names decide
				docs[1] = docs[0]
				docs[1].Contributor, docs[1].ID = someDocument(rnd).Contributor, someDocument(rnd).ID
			}
			var nodes [2]Node
			var stands, dropped [2]bool
			for i := range nodes {
				stands[i] = rnd.IntN(4) == 0
				nodes[i].Place = doc.Place{Ordinal: uint32(i)}
				order.Describe(&nodes[i], &docs[i], stands[i])
				if dropped[i] = stands[i] && rnd.IntN(2) == 0; dropped[i] {
					nodes[i].SetDropped()
				}
				if nodes[i].Stands() != stands[i] {
					t.Fatalf("%s: stands: %v", name, nodes[i].Stands())
				}
			}
			want := before(p, &docs[0], &docs[1], stands, dropped)
			if want == 0 && docs[0].Bytes == docs[1].Bytes {
				want = -1 // by place
			} else if want == 0 {
				continue // texts of one hash and several lengths: the length decides
			} else {
				decided++
			}
			if got := nodes[0].Compare(&nodes[1]); got != want || nodes[1].Compare(&nodes[0]) != -want {
				t.Fatalf("%s: %d, want %d: %+v %+v", name, got, want, nodes[0], nodes[1])
			}
			if got := bytes.Compare(AppendKey(nil, &nodes[0]), AppendKey(nil, &nodes[1])); got != want {
				t.Fatalf("%s: by keys %d, want %d: %+v %+v", name, got, want, nodes[0], nodes[1])
			}
		}
		if decided < 10_000 {
			t.Errorf("%s: only %d pairs differ", name, decided)
		}
	}
}

// Texts of one hash are told apart by length and digest before the place decides.
func TestCollidingTexts(t *testing.T) {
	long, first, second := Node{Length: 2}, Node{Length: 1, Place: doc.Place{Ordinal: 9}}, Node{Length: 1}
	second.Sum[31] = 1
	nodes := []*Node{&long, &second, &first}
	slices.SortFunc(nodes, (*Node).Compare)
	if nodes[0] != &first || nodes[1] != &second || nodes[2] != &long {
		t.Errorf("%+v", nodes)
	}
}

// Copies fare as the document that stands for them, buckets are of one source where
// sources are apart, and only what a reference corpus has is dropped by it.
func TestFates(t *testing.T) {
	for scope, want := range map[string]string{
		"":                  "kept exact_dup:0 near_dup:0 near_dup:0 kept",
		plan.ScopeSource:    "kept exact_dup:0 kept exact_dup:2 kept",
		plan.ScopeReference: "kept kept near_dup:4 near_dup:4 kept",
	} {
		reference := scope == plan.ScopeReference
		p := &plan.Plan{Scope: scope, Files: []plan.File{{}, {Reference: reference}}, Shards: []plan.Shard{{}, {File: 1}}}
		g, order := New(p), NewOrder(p)
		for i, source := range []string{"s", "s", "t", "t", "u"} {
			n := Node{Place: doc.Place{Shard: uint32(i / 4), Ordinal: uint32(i)}, First: int32(i / 2 * 2), Rank: -1}
			order.Describe(&n, &wire.Document{Hash: uint64(i / 2), Source: []byte(source)}, g.delivery == int(n.Place.Shard))
			g.All = append(g.All, n)
		}
		bucket := []int32{0, 2}
		if reference {
			bucket = []int32{2, 4}
		}
		if err := g.Connect(func(fn func(bucket []int32)) error { fn(bucket); return nil }); err != nil {
			t.Fatal(err)
		}
		// The verdicts of equal sets: each but the first of a bucket is dropped.
		for rank := 1; rank < g.Graph.Len(); rank++ {
			g.Verdicts = append(g.Verdicts, neardup.Verdict{Doc: uint32(rank), Witness: 0, Overlap: 1, Union: 1, Shared: 1})
		}
		var got []string
		for _, f := range g.Fates() {
			s := f.Class.String()
			if f.Class != doc.Kept {
				s += fmt.Sprint(":", f.Witness)
			}
			got = append(got, s)
		}
		if diff := gocmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("scope %q: %s", scope, diff)
		}
	}
}

// A bucket is cut in the same way however its sources are numbered: a task of decide, which
// meets only some of them, numbers them otherwise than resolve.
func TestBySource(t *testing.T) {
	p := &plan.Plan{Scope: plan.ScopeSource}
	for _, sources := range [][]int32{{0, 1, 2}, {2, 0, 1}, {1, 2, 0}} {
		var got [][]string
		members := []string{"b1", "a1", "c1", "a2", "b2", "b3"}
		for cut := range BySource(p, members, func(m string) int32 { return sources[m[0]-'a'] }) {
			got = append(got, slices.Clone(cut))
		}
		if diff := gocmp.Diff([][]string{{"b1", "b2", "b3"}, {"a1", "a2"}}, got); diff != "" {
			t.Errorf("sources %v: %s", sources, diff)
		}
	}
	for cut := range BySource(p, []string{"a1", "a2"}, func(string) int32 { return 7 }) {
		if len(cut) != 2 {
			t.Errorf("of one source: %v", cut)
		}
	}
}
