package engine

import (
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/progress"
	"github.com/tallystick/tallystick/engine/task"
)

// noticed keeps what is said.
type noticed struct {
	progress.Listener
	said []string
}

func (n *noticed) Notice(text string) { n.said = append(n.said, text) }

// A twentieth of the input tells what the rest of a scan will write; it is said once,
// and only where there is no room for it.
func TestSpaceIsWatched(t *testing.T) {
	p := plan.Plan{Shards: make([]plan.Shard, 100)}
	for i := range p.Shards {
		p.Shards[i].Length = 1000
	}
	rec := task.Record{Work: []task.WorkSum{{Size: 200}, {Size: 300}}} // half of what was read
	for name, c := range map[string]struct {
		free  uint64
		known bool
		want  bool
	}{
		"room for all":     {47_500, true, false},
		"a byte too few":   {47_499, true, true},
		"nobody can tell":  {0, false, false},
		"no room any more": {0, true, true},
	} {
		var said noticed
		w := watchSpace(&p, "out", &said)
		w.free = func(dir string) (uint64, bool) {
			if dir != "out" {
				t.Errorf("asked of %s", dir)
			}
			return c.free, c.known
		}
		for i := range p.Shards {
			w.add(1000, &rec)
			if i == 3 && len(said.said) > 0 {
				t.Errorf("%s: said too early: %q", name, said.said)
			}
		}
		if (len(said.said) == 1) != c.want || len(said.said) > 1 || c.want && !strings.Contains(said.said[0], "47.5 kB more") {
			t.Errorf("%s: %q", name, said.said)
		}
	}
	watchSpace(&p, "out", nil).add(100_000, &rec) // nobody to tell
	if free, known := freeSpace(t.TempDir()); known && free == 0 {
		t.Error("no room at all")
	}
}
