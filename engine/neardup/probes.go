package neardup

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/tallystick/tallystick/engine/shingleset"
)

// Probes are sampled documents whose partners are looked for among all others,
// without buckets: an audit of what the buckets find. Only a few shingles of the
// probes are indexed; every other document is streamed past them. Who reaches the
// threshold t with a set of n has ⌈t·n⌉ of its shingles at least, so one of any
// n − ⌈t·n⌉ + 1: unlike where prefixes are compared with prefixes (prefix.go) it
// does not matter which.
//
// They are those that the fewest other probes have, as far as a small table of
// counts can tell, of the first ones of each probe: hashes are uniform, so these
// are where the others have theirs. Memory is about 12 bytes for each indexed
// shingle and 28 more while the index is made.
type Probes struct {
	sets      shingleset.Sets
	n         int
	threshold ratio

	filter   []uint64 // one bit for each shingle, by its low bits
	begin    []uint32 // by the leading bits of a shingle: where to look in shingles
	shift    int
	shingles []uint64 // by those bits, repeated for each probe
	probes   []uint32
}

// choice is from how many times more shingles of a probe the indexed ones are chosen.
const choice = 2

// probeEntry is a shingle of a probe.
type probeEntry struct {
	shingle uint64
	probe   uint32
}

// NewProbes indexes the n documents of sets for a threshold of num/den.
func NewProbes(ctx context.Context, n int, sets shingleset.Sets, num, den int64) (*Probes, error) {
	threshold, err := newThreshold(num, den)
	if err != nil {
		return nil, err
	}
	p := &Probes{sets: sets, n: n, threshold: threshold}
	total := 0
	for d := range uint32(n) {
		total += p.needed(sets.Size(d))
	}
	if uint64(total) > math.MaxUint32 {
		return nil, fmt.Errorf("audit: %d shingles of %d probes to index: at most %d can be numbered; sample less", total, n, uint32(math.MaxUint32))
	}
	entries, err := p.choose(ctx, total)
	if err != nil {
		return nil, err
	}

	width := max(bits.Len(uint(total)), 6)
	p.filter = make([]uint64, 1<<(width+4-6))
	p.begin, p.shift = make([]uint32, 1<<width+1), 64-width
	p.shingles, p.probes = make([]uint64, total), make([]uint32, total)
	mask := uint64(len(p.filter)*64 - 1)
	for _, e := range entries {
		p.begin[e.shingle>>p.shift]++
		bit := e.shingle & mask
		p.filter[bit/64] |= 1 << (bit % 64)
	}
	sum := uint32(0)
	for i, count := range p.begin {
		sum += count
		p.begin[i] = sum
	}
	for _, e := range slices.Backward(entries) {
		next := &p.begin[e.shingle>>p.shift] // ends where the cell begins
		*next--
		p.shingles[*next], p.probes[*next] = e.shingle, e.probe
	}
	return p, nil
}

// needed is how many shingles of a probe of n are indexed.
func (p *Probes) needed(n int) int {
	if n == 0 {
		return 0
	}
	return n - int((p.threshold.num*uint64(n)+p.threshold.den-1)/p.threshold.den) + 1
}

// choose returns the shingles to index, total of them.
func (p *Probes) choose(ctx context.Context, total int) ([]probeEntry, error) {
	// Two counts for each shingle that is counted, so that few are alone in vain.
	shift := 64 - bits.Len(uint(2*choice*total))
	counts := make([]uint8, 1<<(64-shift))
	var buffer []uint64
	eachOf := func(fn func(d uint32, needed int, from []uint64)) error {
		for d := range uint32(p.n) {
			if err := ctx.Err(); err != nil {
				return err
			}
			set, err := p.sets.Load(d, &buffer)
			if err != nil {
				return err
			}
			needed := p.needed(len(set))
			fn(d, needed, set[:min(len(set), choice*needed)])
		}
		return nil
	}
	err := eachOf(func(_ uint32, _ int, from []uint64) {
		for _, s := range from {
			if c := &counts[s>>shift]; *c < math.MaxUint8 {
				*c++
			}
		}
	})
	if err != nil {
		return nil, err
	}
	entries := make([]probeEntry, 0, total)
	err = eachOf(func(d uint32, needed int, from []uint64) {
		var having [math.MaxUint8 + 1]int // shingles by their counts
		for _, s := range from {
			having[counts[s>>shift]]++
		}
		last := 0 // the highest count of those that are chosen
		for ; needed > having[last]; last++ {
			needed -= having[last]
		}
		for _, s := range from {
			c := int(counts[s>>shift])
			if c > last {
				continue
			}
			if c == last {
				if needed == 0 {
					continue
				}
				needed--
			}
			entries = append(entries, probeEntry{s, d})
		}
	})
	return entries, err
}

// ProbeMatcher finds the probes that one document after the other reaches the
// threshold with. It belongs to one goroutine.
type ProbeMatcher struct {
	probes *Probes
	round  uint32
	seen   []uint32 // by probe, the last round it was found in
	found  []uint32
	buffer []uint64 // of a set
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
		probe, err := p.sets.Load(d, &m.buffer)
		if err != nil {
			return err
		}
		if o, ok := shingleset.OverlapAtLeast(set, probe, need); ok {
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
