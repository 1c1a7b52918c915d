package bench

import (
	"math"
	"testing"

	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/shingle"
)

// defaultRule is that for threshold 0.8 at a recall of 0.99.
var defaultRule = plan.NearDup{ThresholdNum: 4, ThresholdDen: 5, Bands: 16, Rows: 5, PrefixUpTo: neardup.PrefixUpTo}

const seed = 1

// keyFunc appends the band keys of a text to dst and returns how many windows
// of words they are made from.
type keyFunc func(dst []uint64, text []byte) (keys []uint64, windows int)

// sketchRivals turn a text into band keys; a call makes one with its memory.
// Words and windows are the same for all, their hashes are not.
var sketchRivals = []struct {
	name string
	open func(rule plan.NearDup) keyFunc
}{
	{"native", func(rule plan.NearDup) keyFunc {
		scanner := shingle.NewHasher(seed).NewScanner()
		sketcher := neardup.NewSketcher(rule, seed)
		return func(dst []uint64, text []byte) ([]uint64, int) {
			shingles := scanner.Shingles(text)
			return sketcher.BandKeys(dst, shingles), len(shingles)
		}
	}},
	{"rival-classic-sketch", func(rule plan.NearDup) keyFunc {
		scanner := shingle.NewHasher(seed).NewScanner()
		c := newClassic(rule.Bands, rule.Rows)
		return func(dst []uint64, text []byte) ([]uint64, int) {
			shingles := scanner.Shingles(text)
			return c.bandKeys(dst, shingles), len(shingles)
		}
	}},
	{"rival-classic", func(rule plan.NearDup) keyFunc {
		c := newClassic(rule.Bands, rule.Rows)
		return func(dst []uint64, text []byte) ([]uint64, int) {
			shingles := c.shingles(string(text))
			return c.bandKeys(dst, shingles), len(shingles)
		}
	}},
}

func BenchmarkMinHash(b *testing.B) { benchmark(b, minhashCells()) }

func minhashCells() []cell {
	return perText("MinHash", func(t *text) []cell {
		var cells []cell
		for _, rival := range sketchRivals {
			cells = append(cells, cell{contender: rival.name, prepare: func() (work, error) {
				docs, err := t.documents()
				if err != nil {
					return work{}, err
				}
				keysOf := rival.open(defaultRule)
				var keys []uint64
				return work{totalBytes(docs), func() (answer, error) {
					var a answer
					for _, d := range docs {
						var windows int
						keys, windows = keysOf(keys[:0], d)
						a.total += int64(windows)
						if len(keys) > 0 {
							a.documents++
						}
						for _, k := range keys {
							a.digest = a.digest*31 + k
						}
					}
					return a, nil
				}}, nil
			}})
		}
		return cells
	})
}

// TestSketchRivals holds every sketch, rivals too, to what a sketch is for:
// with one row a band, the share of equal keys estimates the Jaccard.
func TestSketchRivals(t *testing.T) {
	lines, err := readLines(bundledCorpus+"/powershell-docs-history.jsonl.zst", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	docs, err := decode(lines, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	const slots = 512
	a, b := shingle.NewHasher(seed).NewScanner(), shingle.NewHasher(seed).NewScanner()
	for _, rival := range sketchRivals {
		keysOf := rival.open(plan.NearDup{Bands: slots, Rows: 1})
		var sum float64
		pairs := 0
		// Documents far apart in a page's history: Jaccards from low to high.
		for i := 0; i+40 < len(docs); i++ {
			x, y := a.Set(docs[i]), b.Set(docs[i+40])
			both := shingle.Overlap(x, y)
			want := float64(both) / float64(len(x)+len(y)-both)
			kx, _ := keysOf(nil, docs[i])
			ky, _ := keysOf(nil, docs[i+40])
			equal := 0
			for j := range kx {
				if kx[j] == ky[j] {
					equal++
				}
			}
			sum += math.Abs(float64(equal)/slots - want)
			pairs++
		}
		// The standard error is at most 0.5/√512 = 0.022.
		if mean := sum / float64(pairs); mean > 0.022 {
			t.Errorf("%s: estimates are off by %.4f on average of %d pairs", rival.name, mean, pairs)
		} else {
			t.Logf("%s: mean error %.4f of %d pairs", rival.name, mean, pairs)
		}
	}
}
