package sweepable_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/shingle"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/sweep"
	"github.com/tallystick/tallystick/engine/sweepable"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/task/tasktest"
)

// newSweepable is a finished sweepable run over chains of edits, with copies.
func newSweepable(t *testing.T, seed uint64) (*task.Job, map[string]string) {
	t.Helper()
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(seed, 2))
	texts := map[string]string{} // by id
	var contents []string
	for f := range 2 {
		var b strings.Builder
		var words []string
		for n := range 150 {
			id := fmt.Sprintf("%d-%d", f, n)
			switch {
			case n%25 == 0 || len(words) == 0:
				words = words[:0]
				for i := range 30 + rng.IntN(40) {
					words = append(words, fmt.Sprintf("w%d", rng.IntN(40)+i%5*100))
				}
			case n%7 == 3:
				// a copy
			default:
				for range 1 + rng.IntN(3) {
					words[rng.IntN(len(words))] = fmt.Sprintf("e%d", rng.IntN(1000))
				}
			}
			texts[id] = strings.Join(words, " ")
			fmt.Fprintf(&b, `{"id":%q,"contributor":"c%d","created":%d,"text":%q}`+"\n", id, n%5, 1000+rng.IntN(5)*100+n, texts[id])
			if n%40 == 0 {
				b.WriteString("[]\n")
			}
		}
		contents = append(contents, b.String())
	}
	p := tasktest.Plan(t, dir, contents, func(p *plan.Plan) {
		p.NearDup, p.Seed = plan.NearDup{ThresholdNum: 4, ThresholdDen: 5, Bands: 40, Rows: 3, FloorNum: 3, FloorDen: 10}, seed
	})
	j := tasktest.Job(t, p, filepath.Join(dir, "out"))
	tasktest.Run(t, stage.Do, j, task.Order...)
	return j, texts
}

// TestDecideIsTheDefinition decides every document that shares a key by the
// definition, from the texts themselves: in priority order, a document is an
// exact_dup of the first kept one with its text, else a near_dup of the best
// earlier kept one that it shares a bucket with, from the threshold up.
func TestDecideIsTheDefinition(t *testing.T) {
	for seed := range uint64(4) {
		job, texts := newSweepable(t, seed)
		kept, err := sweepable.Open(t.Context(), job, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer kept.Close()
		r := kept.Nodes()
		sets := make([]map[string]struct{}, len(r.All))
		for i := range r.All {
			sets[i] = shingle.Reference([]byte(texts[r.All[i].ID]))
		}
		for _, percent := range []int64{30, 45, 60, 80, 99, 100} {
			want := make([]sweep.Fate, len(r.All))
			for rank, d := range r.ByRank {
				best := sweep.Fate{}
				for _, k := range r.ByRank[:rank] {
					shared := 0
					for _, x := range r.Graph.Of(uint32(rank)) {
						for _, y := range r.Graph.Of(uint32(r.All[k].Rank)) {
							if x == y {
								shared++
							}
						}
					}
					if shared == 0 || want[k].Class != doc.Kept {
						continue
					}
					overlap := 0
					for s := range sets[d] {
						if _, both := sets[k][s]; both {
							overlap++
						}
					}
					union := len(sets[d]) + len(sets[k]) - overlap
					if int64(overlap)*100 < percent*int64(union) || best.Union > 0 && overlap*int(best.Union) <= int(best.Overlap)*union {
						continue
					}
					best = sweep.Fate{Class: doc.NearDup, Witness: k, Overlap: uint32(overlap), Union: uint32(union), Shared: uint32(shared)}
				}
				want[d] = best
			}
			near := 0
			for i := range r.All {
				for j := range r.All {
					a, b := &r.All[i], &r.All[j]
					if texts[a.ID] != texts[b.ID] || b.Compare(a) >= 0 || int(b.First) != j {
						continue
					}
					if want[i] = want[j]; want[i].Class == doc.Kept {
						want[i] = sweep.Fate{Class: doc.ExactDup, Witness: int32(j)}
					}
				}
				if want[i].Class == doc.NearDup {
					near++
				}
			}
			got, err := kept.Decide(t.Context(), percent, 100)
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Fatalf("seed %d, threshold %d %%:\n%s", seed, percent, diff)
			}
			if percent < 90 && near == 0 {
				t.Errorf("seed %d, threshold %d %%: nothing is near", seed, percent)
			}
		}
	}
}

// TestKeptOpensWhole: a damaged file of sweepable.Dir is an error, never a panic,
// even where its digest was not looked at.
func TestKeptOpensWhole(t *testing.T) {
	job, _ := newSweepable(t, 1)
	rng := rand.New(rand.NewPCG(1, 1))
	for _, name := range sweepable.Files {
		path := filepath.Join(job.Dir, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for range 60 {
			damaged := append([]byte(nil), whole...)
			if at := rng.IntN(len(damaged)); rng.IntN(2) == 0 {
				damaged = damaged[:at]
			} else {
				damaged[at] ^= byte(1 + rng.IntN(255))
			}
			if err := os.WriteFile(path, damaged, 0o666); err != nil {
				t.Fatal(err)
			}
			if kept, err := sweepable.Open(t.Context(), job, t.TempDir()); err == nil {
				kept.Close()
			}
		}
		if err := os.WriteFile(path, whole, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}
