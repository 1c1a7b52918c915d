package neardup

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
)

// Sketcher makes band keys: rule oph-fallback-v1. It belongs to one goroutine.
//
// A signature has k = bands × rows slots. It is one permutation hashing (Li,
// Owen, Zhang: "One permutation hashing", 2012): the shingle hash x falls into
// the bin ⌊(x mod 2³²)·k / 2³²⌋ with the value ⌊x / 2³²⌋, and a slot holds the
// least value of its bin. Slots whose bin stays empty fall back to classic
// MinHash: slot j holds the least aⱼ·x + bⱼ mod 2⁶⁴ over all shingles x, halved
// and with the top bit set, so that it never equals the value of a bin (as the
// first round of Dahlgaard, Knudsen, Thorup: "Fast similarity sketching", 2017,
// with a second round that leaves nothing empty).
//
// Two sets have the same value in a slot with a probability of exactly their
// Jaccard J: where the union has elements in the bin, the least of them is in
// both sets with probability J, and if it is not, one set holds another value
// or fell back; where the union has none, both fell back, and MinHash has the
// same probability. The variance of the share of equal slots is at most classic
// MinHash's J(1−J)/k, and about 0.6 of it where there are k shingles.
//
// The key of band i starts as cᵢ and takes in the band's slots v in order:
// h = (h xor v)·dᵣ, h = h xor h >> 32, with an odd factor dᵣ for each row r, so
// that slots that differ in one row never give the same key.
//
// The numbers aⱼ (odd), bⱼ, cᵢ and dᵣ (odd) come from the plan's seed: number n
// of the stream is bytes 8(n mod 4) … 8(n mod 4)+7 of block n/4, little endian,
// of SHA-256("tallystick sketch v1" || seed || block) with both numbers 64 bits
// little endian; a₀, b₀, a₁, b₁, …, then all c, then all d; odd ones have their
// lowest bit set.
type Sketcher struct {
	slots    []uint64
	fallback []linear // of each slot
	vacant   []int    // slots whose bin is empty
	bandInit []uint64 // c
	rowOdd   []uint64 // d
}

// linear is the function x → a·x + b mod 2⁶⁴.
type linear struct{ a, b uint64 }

// keyStream is the stream of numbers that a seed gives.
type keyStream struct {
	seed  uint64
	n     uint64
	block [sha256.Size]byte
}

func (s *keyStream) next() uint64 {
	at := s.n % 4
	if at == 0 {
		b := []byte("tallystick sketch v1")
		b = binary.LittleEndian.AppendUint64(b, s.seed)
		s.block = sha256.Sum256(binary.LittleEndian.AppendUint64(b, s.n/4))
	}
	s.n++
	return binary.LittleEndian.Uint64(s.block[8*at:])
}

// NewSketcher returns a Sketcher for the plan's bands, rows and seed. Bands and
// rows are at least 1 and k is below 2³¹.
func NewSketcher(bands, rows int, seed uint64) *Sketcher {
	k := bands * rows
	s := &Sketcher{
		slots:    make([]uint64, k),
		fallback: make([]linear, k),
		vacant:   make([]int, 0, k+fallbackWidth),
		bandInit: make([]uint64, bands),
		rowOdd:   make([]uint64, rows),
	}
	keys := keyStream{seed: seed}
	for j := range s.fallback {
		s.fallback[j].a = keys.next() | 1
		s.fallback[j].b = keys.next()
	}
	for i := range s.bandInit {
		s.bandInit[i] = keys.next()
	}
	for r := range s.rowOdd {
		s.rowOdd[r] = keys.next() | 1
	}
	return s
}

// BandKeys appends to dst one key for each band of the document with the given
// shingle hashes, in any order, repeats allowed; none if there are no shingles.
// Documents share the bucket of a band iff they have the same key there.
func (s *Sketcher) BandKeys(dst, shingles []uint64) []uint64 {
	if len(shingles) == 0 {
		return dst
	}
	s.sketch(shingles)
	return s.appendKeys(dst)
}

// appendKeys appends the keys of the bands of s.slots.
func (s *Sketcher) appendKeys(dst []uint64) []uint64 {
	slots := s.slots
	for _, h := range s.bandInit {
		for r, d := range s.rowOdd {
			h = (h ^ slots[r]) * d
			h ^= h >> 32
		}
		dst = append(dst, h)
		slots = slots[len(s.rowOdd):]
	}
	return dst
}

// sketch fills s.slots from at least one shingle.
func (s *Sketcher) sketch(shingles []uint64) {
	const noValue = math.MaxUint64 // no bin holds it: values have 32 bits
	for j := range s.slots {
		s.slots[j] = noValue
	}
	k := uint64(len(s.slots))
	for _, x := range shingles {
		slot := &s.slots[uint64(uint32(x))*k>>32]
		*slot = min(*slot, x>>32)
	}
	s.vacant = s.vacant[:0]
	for j, v := range s.slots {
		if v == noValue {
			s.vacant = append(s.vacant, j)
		}
	}
	if len(s.vacant) > 0 {
		s.fallBack(shingles)
	}
}

// fallbackWidth is the number of slots that fall back together.
const fallbackWidth = 4

// fallBack fills the vacant slots. The loop over shingles is the inner one, and
// goes through them for four slots at a time, whose least values stay in
// registers. The other order gives the same values, each with a load and a
// store: measured at half the speed for every size of set.
func (s *Sketcher) fallBack(shingles []uint64) {
	for len(s.vacant)%fallbackWidth != 0 {
		s.vacant = append(s.vacant, s.vacant[0])
	}
	for i := 0; i < len(s.vacant); i += fallbackWidth {
		j := (*[fallbackWidth]int)(s.vacant[i:])
		f0, f1, f2, f3 := s.fallback[j[0]], s.fallback[j[1]], s.fallback[j[2]], s.fallback[j[3]]
		m0, m1, m2, m3 := uint64(math.MaxUint64), uint64(math.MaxUint64), uint64(math.MaxUint64), uint64(math.MaxUint64)
		for _, x := range shingles {
			m0 = min(m0, f0.a*x+f0.b)
			m1 = min(m1, f1.a*x+f1.b)
			m2 = min(m2, f2.a*x+f2.b)
			m3 = min(m3, f3.a*x+f3.b)
		}
		s.slots[j[0]], s.slots[j[1]], s.slots[j[2]], s.slots[j[3]] = fellBack(m0), fellBack(m1), fellBack(m2), fellBack(m3)
	}
}

// fellBack makes a slot of a least fallback value: unlike any bin's.
func fellBack(v uint64) uint64 { return v>>1 | 1<<63 }
