// Package docset has sets of documents: by place, which number their members, by such
// numbers, and in disjoint sets of what hangs together. Places and Bits take a bit for
// each line or number, a Forest 4 bytes.
package docset

import (
	"iter"
	"math/bits"
	"sort"

	"github.com/tallystick/tallystick/engine/doc"
)

// Places is a set of places that, once numbered, knows the number of each in
// their order: a bit for every line up to the last place of a shard, and for
// every 64 lines the number of places before them.
type Places struct {
	shards []shardLines
}

type shardLines struct {
	first  uint32 // number of its first place, if it has one
	has    []uint64
	before []uint32
}

func (s *Places) Add(p doc.Place) {
	for int(p.Shard) >= len(s.shards) {
		s.shards = append(s.shards, shardLines{})
	}
	lines := &s.shards[p.Shard]
	for int(p.Ordinal/64) >= len(lines.has) {
		lines.has = append(lines.has, 0)
	}
	lines.has[p.Ordinal/64] |= 1 << (p.Ordinal % 64)
}

// Number gives the places their numbers, modulo 2³², and returns how many there
// are.
func (s *Places) Number() int {
	n := 0
	for i := range s.shards {
		lines := &s.shards[i]
		lines.first = uint32(n)
		lines.before = make([]uint32, len(lines.has))
		for j, w := range lines.has {
			lines.before[j] = uint32(n)
			n += bits.OnesCount64(w)
		}
	}
	return n
}

// All yields the places in order.
func (s *Places) All() iter.Seq[doc.Place] {
	return func(yield func(doc.Place) bool) {
		for shard, lines := range s.shards {
			for j, w := range lines.has {
				for ; w != 0; w &= w - 1 {
					if !yield(doc.Place{Shard: uint32(shard), Ordinal: uint32(j*64 + bits.TrailingZeros64(w))}) {
						return
					}
				}
			}
		}
	}
}

// Find returns the number of p and whether p is in the set.
func (s *Places) Find(p doc.Place) (uint32, bool) {
	if int(p.Shard) >= len(s.shards) || int(p.Ordinal/64) >= len(s.shards[p.Shard].has) {
		return 0, false
	}
	lines := &s.shards[p.Shard]
	w, bit := lines.has[p.Ordinal/64], uint64(1)<<(p.Ordinal%64)
	return lines.before[p.Ordinal/64] + uint32(bits.OnesCount64(w&(bit-1))), w&bit != 0
}

// At is the inverse of Find: the place of number n, or the zero place if there are
// not so many.
func (s *Places) At(n uint32) doc.Place {
	// The last shard, and of it the last 64 lines, that have no more places before them.
	shard := sort.Search(len(s.shards), func(i int) bool { return s.shards[i].first > n }) - 1
	if shard < 0 {
		return doc.Place{}
	}
	lines := &s.shards[shard]
	j := sort.Search(len(lines.before), func(j int) bool { return lines.before[j] > n }) - 1
	if j < 0 {
		return doc.Place{}
	}
	w, skip := lines.has[j], int(n-lines.before[j])
	if skip >= bits.OnesCount64(w) {
		return doc.Place{}
	}
	for range skip {
		w &= w - 1
	}
	return doc.Place{Shard: uint32(shard), Ordinal: uint32(j*64 + bits.TrailingZeros64(w))}
}

// End returns a bound on the lines of a shard that are in the set: all come before it.
func (s *Places) End(shard int) uint64 {
	if shard >= len(s.shards) {
		return 0
	}
	return 64 * uint64(len(s.shards[shard].has))
}
