package neardup

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// Probes are sampled documents whose partners are looked for among all others,
// without buckets: an audit of what the buckets find. Only the prefixes of the
// probes are indexed; every other document is streamed past them. (Of two sets
// that reach the threshold t, one's n shingles in any fixed order, n − ⌈t·n⌉ + 1
// of them, its prefix, have one in common with all of the other's: prefix.go. So
// the streamed documents need no order and no prefix of their own.)
//
// The order is that of frequency within the sample: what several probes have
// comes last, so that what many documents have is seldom in a prefix. Memory is
// about 12 bytes for each shingle of a prefix, and while the index is made 8 for
// each shingle of the sample.
type Probes struct {
	sets      Sets
	n         int
	threshold ratio

	filter   []uint64 // one bit for each shingle, by its low bits
	begin    []uint32 // by the leading bits of a shingle: where to look in shingles
	shift    int
	shingles []uint64 // ascending, repeated for each probe
	probes   []uint32
}

// NewProbes indexes the n documents of sets for a threshold of num/den.
func NewProbes(ctx context.Context, n int, sets Sets, num, den int64) (*Probes, error) {
	threshold, err := newThreshold(num, den)
	if err != nil {
		return nil, err
	}
	all := make([]uint32, n)
	for d := range all {
		all[d] = uint32(d)
	}
	order, err := newFrequencyOrder(ctx, all, sets)
	if err != nil {
		return nil, fmt.Errorf("order shingles by frequency: %w", err)
	}
	type entry struct {
		shingle uint64
		probe   uint32
	}
	type ordered struct {
		number  uint32
		shingle uint64
	}
	var entries []entry
	var set []uint64
	var shared []ordered
	for d := range uint32(n) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if set, err = sets.Load(d, set); err != nil {
			return nil, err
		}
		left := len(set) - int((threshold.num*uint64(len(set))+threshold.den-1)/threshold.den) + 1
		if len(set) == 0 {
			continue
		}
		shared = shared[:0]
		for _, s := range set {
			if number, several := order.number(s); several {
				shared = append(shared, ordered{number, s})
			} else if left > 0 {
				entries = append(entries, entry{s, d})
				left--
			}
		}
		slices.SortFunc(shared, func(a, b ordered) int { return int(int64(a.number) - int64(b.number)) })
		for _, s := range shared[:min(max(left, 0), len(shared))] {
			entries = append(entries, entry{s.shingle, d})
		}
	}
	if uint64(len(entries)) > math.MaxUint32 {
		return nil, fmt.Errorf("audit: %d shingles in the prefixes of %d probes: at most %d can be numbered; sample less", len(entries), n, uint32(math.MaxUint32))
	}
	sortByKey(entries, func(e *entry) uint64 { return e.shingle })

	width := max(bits.Len(uint(len(entries))), 6)
	p := &Probes{
		sets: sets, n: n, threshold: threshold,
		filter: make([]uint64, 1<<(width+4-6)),
		begin:  make([]uint32, 1<<width+1), shift: 64 - width,
		shingles: make([]uint64, len(entries)), probes: make([]uint32, len(entries)),
	}
	for i, e := range entries {
		p.shingles[i], p.probes[i] = e.shingle, e.probe
		p.begin[e.shingle>>p.shift+1]++
		bit := e.shingle & uint64(len(p.filter)*64-1)
		p.filter[bit/64] |= 1 << (bit % 64)
	}
	for i := 1; i < len(p.begin); i++ {
		p.begin[i] += p.begin[i-1]
	}
	return p, nil
}

// ProbeMatcher finds the probes that one document after the other reaches the
// threshold with. It belongs to one goroutine.
type ProbeMatcher struct {
	probes *Probes
	round  uint32
	seen   []uint32 // by probe, the last round it was found in
	found  []uint32
	set    []uint64
}

// NewMatcher returns a ProbeMatcher.
func (p *Probes) NewMatcher() *ProbeMatcher {
	return &ProbeMatcher{probes: p, seen: make([]uint32, p.n)}
}

// Look reports whether a document may reach the threshold with a probe. shingles
// are in any order and may repeat.
func (m *ProbeMatcher) Look(shingles []uint64) bool {
	if m.round++; m.round == 0 {
		clear(m.seen)
		m.round = 1
	}
	m.found = m.found[:0]
	p := m.probes
	mask := uint64(len(p.filter)*64 - 1)
	for _, s := range shingles {
		if bit := s & mask; p.filter[bit/64]>>(bit%64)&1 == 0 {
			continue
		}
		cell := s >> p.shift
		for i := p.begin[cell]; i < p.begin[cell+1]; i++ {
			if d := p.probes[i]; p.shingles[i] == s && m.seen[d] != m.round {
				m.seen[d] = m.round
				m.found = append(m.found, d)
			}
		}
	}
	return len(m.found) > 0
}

// Prove calls fn for every probe that the document of the last Look, whose
// distinct shingles are set, ascending, reaches the threshold with, in no
// particular order.
func (m *ProbeMatcher) Prove(set []uint64, fn func(probe uint32, overlap, union int)) error {
	p := m.probes
	for _, d := range m.found {
		total := len(set) + p.sets.Size(d)
		need := p.threshold.toReach(total)
		if need > min(len(set), p.sets.Size(d)) {
			continue
		}
		var err error
		if m.set, err = p.sets.Load(d, m.set); err != nil {
			return err
		}
		if o, ok := overlapAtLeast(set, m.set, need); ok {
			fn(d, o, total-o)
		}
	}
	return nil
}

// Share reports whether two documents share a bucket.
func (g Graph) Share(a, b uint32) bool { return g.shared(a, b) > 0 }

// PredictedPPM is the probability, in parts per million, that documents of
// Jaccard overlap/union share one of so many bands.
func PredictedPPM(overlap, union, bands, rows int) int64 {
	return int64(math.Round(1e6 * sharesBucket(float64(overlap)/float64(union), bands, rows)))
}
