package neardup

import (
	"context"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/shingleset"
)

// stress is a corpus that would be quadratic: few, many documents of shingles
// made up by number, all of which belong to families. Documents of different
// families are below the threshold by construction.
type stress struct {
	name   string
	full   int // documents with TALLYSTICK_STRESS=full
	small  int
	set    func(d int) []uint64
	family func(d int) int
}

// made is a shingle hash: SplitMix64 of two numbers.
func made(a, b int) uint64 {
	x := uint64(a)<<40 ^ uint64(b)
	x = (x + 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// template makes documents of size shingles that have common ones, and every
// twentieth is a revision of an earlier one: five of its own shingles differ.
func template(size, common int) (set func(d int) []uint64, family func(d int) int) {
	family = func(d int) int {
		if d%20 == 19 {
			return d - 10
		}
		return d
	}
	set = func(d int) []uint64 {
		var s []uint64
		for i := range size {
			switch {
			case i < common:
				s = append(s, made(0, i))
			case family(d) != d && i < common+5:
				s = append(s, made(d+1, i))
			default:
				s = append(s, made(family(d)+1, i))
			}
		}
		return s
	}
	return set, family
}

// revised makes a chain: each of the blocks of size/blocks shingles is new every
// blocks-th time.
func revised(size, blocks int) func(d int) []uint64 {
	return func(d int) []uint64 {
		var s []uint64
		for i := range size {
			s = append(s, made(1+(d+i%blocks)/blocks, i))
		}
		return s
	}
}

func stresses() []stress {
	var all []stress
	for _, percent := range []int{60, 75, 85} {
		set, family := template(100, percent)
		all = append(all, stress{"template of " + strconv.Itoa(percent) + " %", 100_000, 3000, set, family})
	}
	one := func(int) int { return 0 }
	all = append(all, stress{"chain of revisions", 10_000, 1000, revised(180, 45), one})
	// One word is in five shingles: of a long page all but the first are
	// dropped, of a short one all are kept.
	long, _ := template(60, 55)
	all = append(all, stress{"long page, one number changed", 1_000_000, 5000, func(d int) []uint64 { return long(20 * d) }, one})
	short, _ := template(26, 21)
	all = append(all, stress{"short page, one number changed", 1_000_000, 5000, func(d int) []uint64 { return short(20 * d) }, func(d int) int { return d }})
	return all
}

// TestNoQuadraticCorner resolves what would cost the square of its number, with
// the real keys, and compares with the definition. TALLYSTICK_STRESS=full makes
// it as large as docs/design.md has measured it.
func TestNoQuadraticCorner(t *testing.T) {
	full := os.Getenv("TALLYSTICK_STRESS") == "full"
	for _, s := range stresses() {
		t.Run(strings.ReplaceAll(s.name, " ", "-"), func(t *testing.T) {
			n := s.small
			if full {
				n = s.full
			}
			g, sets := s.build(t, n)
			defer sets.Close()
			resetPeak()
			begin, used := time.Now(), cpuTime()
			verdicts, stats, err := Resolve(context.Background(), g, sets, 4, 5, Standing{}, 1, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d documents: %v, of CPU %v, peak %s; %d dropped, %d hot buckets; a document: %.2f candidates, %.2f merges",
				n, time.Since(begin).Round(time.Millisecond), cpuTime()-used, peak(), len(verdicts), stats.HotBuckets,
				float64(stats.Candidates)/float64(n), float64(stats.Merged)/float64(n))
			if d := cmp.Diff(s.definition(g, n), verdicts); d != "" {
				t.Errorf("verdicts (-definition +got):\n%s", d)
			}
		})
	}
}

// build makes the graph of n documents from their keys, and their sets.
func (s stress) build(t *testing.T, n int) (Graph, *shingleset.Stored) {
	t.Helper()
	bands, rows, err := Bands(4, 5, 0.99)
	if err != nil {
		t.Fatal(err)
	}
	sketcher := NewSketcher(plan.NearDup{ThresholdNum: 4, ThresholdDen: 5, Bands: bands, Rows: rows, PrefixUpTo: PrefixUpTo}, 1)
	w, err := shingleset.NewWriter(t.TempDir(), n)
	if err != nil {
		t.Fatal(err)
	}
	var records []BandRecord
	var keys []uint64
	for d := range n {
		set := s.set(d)
		slices.Sort(set)
		if len(slices.Compact(set)) != len(set) {
			t.Fatalf("document %d repeats a shingle", d)
		}
		if err := w.Append(uint32(d), set); err != nil {
			t.Fatal(err)
		}
		keys = sketcher.BandKeys(keys[:0], set)
		for _, k := range keys {
			records = append(records, BandRecord{k, doc.Place{Ordinal: uint32(d)}})
		}
	}
	groups := Buckets(records)
	members := make([]uint32, len(groups.Docs))
	for i, p := range groups.Docs {
		members[i] = p.Ordinal
	}
	g, err := NewGraph(n, groups.Offsets, members)
	if err != nil {
		t.Fatal(err)
	}
	sets, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return g, sets
}

// definition is that of Resolve, among the documents of a family.
func (s stress) definition(g Graph, n int) []Verdict {
	var verdicts []Verdict
	type keptDoc struct {
		d   uint32
		set []uint64
	}
	kept := map[int][]keptDoc{}
	for d := range uint32(n) {
		set := s.set(int(d))
		slices.Sort(set)
		var best *Verdict
		f := s.family(int(d))
		for _, k := range kept[f] {
			both := commonOf(set, k.set)
			union := len(set) + len(k.set) - both
			if 5*both < 4*union || best != nil && both*int(best.Union) <= int(best.Overlap)*union {
				continue
			}
			if shared := sharedBuckets(g, d, k.d); shared > 0 {
				best = &Verdict{d, k.d, uint32(both), uint32(union), shared}
			}
		}
		if best != nil {
			verdicts = append(verdicts, *best)
		} else {
			kept[f] = append(kept[f], keptDoc{d, set})
		}
	}
	return verdicts
}

// commonOf is the size of the intersection of two ascending sets.
func commonOf(a, b []uint64) (n int) {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			a = a[1:]
		case a[0] > b[0]:
			b = b[1:]
		default:
			n++
			a, b = a[1:], b[1:]
		}
	}
	return n
}

// resetPeak makes the system forget what memory was in use before, peak tells
// the most since and cpuTime what time was used: where there is Linux's /proc.
func resetPeak() {
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}

func cpuTime() time.Duration {
	stat, _ := os.ReadFile("/proc/self/stat")
	_, after, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

func peak() string {
	status, _ := os.ReadFile("/proc/self/status")
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	line, _, _ := strings.Cut(after, "\n")
	if line == "" {
		return "unknown"
	}
	return strings.TrimSpace(line)
}
