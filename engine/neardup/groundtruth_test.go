package neardup

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/shingle"
)

// groundTruth is a file of the ground truth, which -short leaves out.
func groundTruth(t *testing.T, name string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: the ground truth is not read with -short")
	}
	return refdata.Path("groundtruth", name)
}

// corpus is a real one, in the order of its file.
type corpus struct {
	ids      []string
	shingles [][]uint64 // in text order
	sets     [][]uint64
}

func readCorpus(t *testing.T, name string) corpus {
	t.Helper()
	var c corpus
	scanner := shingle.NewHasher(1).NewScanner()
	refdata.Lines(t, groundTruth(t, name+".jsonl.zst"), func(line []byte) bool {
		var d struct{ ID, Text string }
		if err := json.Unmarshal(line, &d); err != nil {
			t.Fatal(err)
		}
		c.ids = append(c.ids, d.ID)
		c.shingles = append(c.shingles, slices.Clone(scanner.Shingles([]byte(d.Text))))
		c.sets = append(c.sets, slices.Clone(scanner.Set([]byte(d.Text))))
		return true
	})
	return c
}

// graph puts the documents into buckets, as match does.
func (c corpus) graph(t *testing.T, rule plan.NearDup) Graph {
	t.Helper()
	var records []BandRecord
	sketcher := NewSketcher(rule, 1)
	var keys []uint64
	for d, shingles := range c.shingles {
		keys = sketcher.BandKeys(keys[:0], shingles)
		for _, k := range keys {
			records = append(records, BandRecord{Key: k, Doc: doc.Place{Ordinal: uint32(d)}})
		}
	}
	groups := Buckets(records)
	members := make([]uint32, len(groups.Docs))
	for i, p := range groups.Docs {
		members[i] = p.Ordinal
	}
	g, err := NewGraph(len(c.ids), groups.Offsets, members)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// name gives a pair by its ids, in alphabetical order.
func (c corpus) name(a, b uint32) string {
	ids := []string{c.ids[a], c.ids[b]}
	slices.Sort(ids)
	return ids[0] + " " + ids[1]
}

// readTruth returns the score, with six decimals, of every pair of a corpus
// that reaches its list's floor.
func readTruth(t *testing.T, name string) map[string]string {
	t.Helper()
	truth := map[string]string{}
	refdata.Lines(t, groundTruth(t, name+".pairs-w5.tsv.zst"), func(line []byte) bool {
		f := strings.Split(string(line), "\t")
		ids := f[:2]
		slices.Sort(ids)
		truth[ids[0]+" "+ids[1]] = f[2]
		return true
	})
	return truth
}

func score(overlap, union int) string {
	return fmt.Sprintf("%.6f", float64(overlap)/float64(union))
}

func TestExactPairsAreTheTrueOnes(t *testing.T) {
	for _, c := range []struct {
		name     string
		num, den int64
	}{{"synthetic-edits", 3, 10}, {"extractor-clusters", 1, 2}} {
		t.Run(c.name, func(t *testing.T) {
			real := readCorpus(t, c.name)
			got := map[string]string{}
			err := ExactPairs(context.Background(), len(real.ids), storeSets(t, real.sets), c.num, c.den, 2, func(a, b uint32, overlap, union int) error {
				got[real.name(a, b)] = score(overlap, union)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(readTruth(t, c.name), got); d != "" {
				t.Errorf("pairs (-want +got):\n%s", d)
			}
			t.Logf("%d pairs", len(got))
		})
	}
}

func TestPlantedPairsAreFound(t *testing.T) {
	real := readCorpus(t, "mccormick-2500")
	var want, got []string
	refdata.Lines(t, groundTruth(t, "mccormick-2500.truth.tsv"), func(line []byte) bool {
		ids := strings.Fields(string(line))
		slices.Sort(ids)
		want = append(want, strings.Join(ids, " "))
		return true
	})
	err := ExactPairs(context.Background(), len(real.ids), storeSets(t, real.sets), 1, 2, 2, func(a, b uint32, _, _ int) error {
		got = append(got, real.name(a, b))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("pairs (-want +got):\n%s", d)
	}
}

// TestRecallAndWrongfulDrops holds the bands of the rule to what they promise
// on real pairs, and every drop to its proof.
func TestRecallAndWrongfulDrops(t *testing.T) {
	for _, name := range []string{"synthetic-edits", "extractor-clusters"} {
		real := readCorpus(t, name)
		truth := readTruth(t, name)
		stored := storeSets(t, real.sets)
		for _, threshold := range []string{"0.8", "0.7"} {
			t.Run(name+"/"+threshold, func(t *testing.T) {
				num, den, err := ParseThreshold(threshold)
				if err != nil {
					t.Fatal(err)
				}
				bands, rows, err := Bands(num, den, 0.99)
				if err != nil {
					t.Fatal(err)
				}
				g := real.graph(t, plan.NearDup{ThresholdNum: num, ThresholdDen: den, Bands: bands, Rows: rows, PrefixUpTo: PrefixUpTo})

				found := 0
				err = Pairs(context.Background(), g, stored, num, den, 2, func(a, b uint32, overlap, union int) error {
					found++
					if got, want := score(overlap, union), truth[real.name(a, b)]; got != want {
						t.Errorf("%s: score %s, want %s", real.name(a, b), got, want)
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				floor, err := strconv.ParseFloat(threshold, 64)
				if err != nil {
					t.Fatal(err)
				}
				all := 0
				for _, s := range truth {
					if v, err := strconv.ParseFloat(s, 64); err != nil {
						t.Fatal(err)
					} else if v >= floor {
						all++
					}
				}
				recall := float64(found) / float64(all)
				if recall < 0.99 || recall > 1 {
					t.Errorf("%d×%d: recall %.5f: %d of %d pairs", bands, rows, recall, found, all)
				}

				verdicts, stats, err := Resolve(context.Background(), g, stored, num, den, Standing{}, 2, nil)
				if err != nil {
					t.Fatal(err)
				}
				dropped := map[uint32]bool{}
				for _, v := range verdicts {
					dropped[v.Doc] = true
				}
				for _, v := range verdicts {
					want := truth[real.name(v.Doc, v.Witness)]
					if dropped[v.Witness] || v.Witness >= v.Doc || want != score(int(v.Overlap), int(v.Union)) ||
						int64(v.Overlap)*den < num*int64(v.Union) {
						t.Errorf("dropped without proof: %+v, true score %q", v, want)
					}
				}
				t.Logf("%d×%d: recall %.5f (%d of %d pairs); %+v", bands, rows, recall, found, all, stats)
			})
		}
	}
}
