package neardup

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/kernels/linmin"
)

// PrefixUpTo is the N of new plans. Of longer documents prefixes are longer
// and, where pages share a template, common to many: of tldr's pages N = 16
// makes 30 times as many candidates as bands do.
const PrefixUpTo = 8

// Sketcher makes band keys and prefix keys: rule oph-fallback-prefix-v2. It
// belongs to one goroutine.
//
// # Band keys
//
// A signature has k = bands × rows slots. It is one permutation hashing (Li,
// Owen, Zhang: "One permutation hashing", 2012): the shingle hash x falls into
// the bin ⌊(x mod 2³²)·k / 2³²⌋ with the value ⌊x / 2³²⌋, and a slot holds the
// least value of its bin. Slots whose bin stays empty fall back to classic
// MinHash: slot j holds 2³² plus the least aⱼ·x + bⱼ mod 2³² over all shingles
// x, which never equals the value of a bin (as the first round of Dahlgaard,
// Knudsen, Thorup: "Fast similarity sketching", 2017, with a second round that
// leaves nothing empty).
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
// # Prefix keys
//
// Of n distinct shingles, ascending by hash, the first n − ⌈t·n⌉ + 1 are the
// prefix for the threshold t. Two documents whose Jaccard is t or more have an
// element of both prefixes in common (prefix filtering; Chaudhuri, Ganti,
// Kaushik: "A primitive operator for similarity joins in data cleaning", 2006),
// so that keys made of prefixes find all such pairs. Tiny documents, of at most
// N shingles, have prefix keys instead of band keys. Their partners have at most
// N/t shingles: those of more than N and up to N/t have both kinds. A key of
// shingle x is that of a band after all others whose only slot holds x.
//
// # Numbers
//
// The numbers aⱼ (odd), bⱼ, cᵢ and dᵣ (odd) come from the plan's seed: number n
// of the stream is bytes 8(n mod 4) … 8(n mod 4)+7 of block n/4, little endian,
// of SHA-256("tallystick sketch v1" || seed || block) with both numbers 64 bits
// little endian; a₀, b₀, a₁, b₁, …, modulo 2³², then all c, the one of prefix
// keys last, then all d; odd ones have their lowest bit set.
type Sketcher struct {
	bands     int
	tiny      int // N
	mostFew   int // distinct shingles of a document that has prefix keys
	threshold ratio

	slots    []uint64
	a, b     []uint32 // of each slot, then 0 up to a multiple of linmin.Lanes
	bandInit []uint64 // c
	rowOdd   []uint64 // d

	vacant       []uint32 // slots whose bin is empty
	someA, someB []uint32 // a and b of those
	least        []uint32
	few          []uint64 // distinct shingles of a document of few
}

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

// NewSketcher returns a Sketcher for the plan's rule and seed. Bands and rows
// are at least 1, k is below 2³¹, and the threshold is one that ParseThreshold
// gives; a rule with PrefixUpTo 0 has no prefix keys and needs no threshold.
func NewSketcher(rule plan.NearDup, seed uint64) *Sketcher {
	k := rule.Bands * rule.Rows
	padded := (k + linmin.Lanes - 1) / linmin.Lanes * linmin.Lanes
	num, den := rule.Lowest()
	s := &Sketcher{
		bands:     rule.Bands,
		tiny:      rule.PrefixUpTo,
		threshold: ratio{uint64(num), uint64(den)},
		slots:     make([]uint64, k),
		a:         make([]uint32, padded),
		b:         make([]uint32, padded),
		bandInit:  make([]uint64, rule.Bands+1),
		rowOdd:    make([]uint64, rule.Rows),
		vacant:    make([]uint32, k),
		someA:     make([]uint32, padded),
		someB:     make([]uint32, padded),
		least:     make([]uint32, padded),
	}
	if s.tiny > 0 {
		s.mostFew = int(uint64(s.tiny) * s.threshold.den / s.threshold.num)
	}
	keys := keyStream{seed: seed}
	for j := range k {
		s.a[j] = uint32(keys.next()) | 1
		s.b[j] = uint32(keys.next())
	}
	for i := range s.bandInit {
		s.bandInit[i] = keys.next()
	}
	for r := range s.rowOdd {
		s.rowOdd[r] = keys.next() | 1
	}
	return s
}

// BandKeys appends to dst the keys of the document with the given shingle hashes,
// in any order, repeats allowed: prefix keys if it has few, then one key for
// each band unless it is tiny; none if there are no shingles. Documents share
// the bucket of a key iff both have it.
func (s *Sketcher) BandKeys(dst, shingles []uint64) []uint64 {
	if len(shingles) == 0 {
		return dst
	}
	if s.gatherFew(shingles) {
		n := len(s.few)
		for _, x := range s.few[:n-s.threshold.ofSize(n)+1] {
			h := (s.bandInit[s.bands] ^ x) * s.rowOdd[0]
			dst = append(dst, h^h>>32)
		}
		if n <= s.tiny {
			return dst
		}
	}
	s.sketch(shingles)
	return s.appendKeys(dst)
}

// gatherFew leaves the distinct shingles in s.few, ascending, and reports
// whether they are so few that the document has prefix keys.
func (s *Sketcher) gatherFew(shingles []uint64) bool {
	few := s.few[:0]
	for _, x := range shingles {
		i := len(few)
		for i > 0 && few[i-1] > x {
			i--
		}
		if i > 0 && few[i-1] == x {
			continue
		}
		if len(few) == s.mostFew {
			s.few = few
			return false
		}
		few = append(few, x)
		for j := len(few) - 1; j > i; j-- {
			few[j] = few[j-1]
		}
		few[i] = x
	}
	s.few = few
	return true
}

// appendKeys appends the keys of the bands of s.slots.
func (s *Sketcher) appendKeys(dst []uint64) []uint64 {
	slots := s.slots
	for _, h := range s.bandInit[:s.bands] {
		for r, d := range s.rowOdd {
			h = (h ^ slots[r]) * d
			h ^= h >> 32
		}
		dst = append(dst, h)
		slots = slots[len(s.rowOdd):]
	}
	return dst
}

const (
	// fellBack tells what a slot holds that fell back from the values of bins,
	// which have 32 bits.
	fellBack = 1 << 32
	// noValue stands in a slot whose bin is empty so far.
	noValue = math.MaxUint64
)

// sketch fills s.slots from at least one shingle.
func (s *Sketcher) sketch(shingles []uint64) {
	if 2*len(shingles) < len(s.slots) {
		// Most bins are empty. All slots at once, and without a list of the
		// vacant ones: the values of bins are less than those of the fallback.
		linmin.Min(s.least, s.a, s.b, shingles)
		for j := range s.slots {
			s.slots[j] = fellBack | uint64(s.least[j])
		}
		s.fillBins(shingles)
		return
	}
	for j := range s.slots {
		s.slots[j] = noValue
	}
	s.fillBins(shingles)
	n := 0
	for j, v := range s.slots {
		s.vacant[n] = uint32(j)
		n += one(v == noValue)
	}
	if n > 0 {
		s.fallBack(s.vacant[:n], shingles)
	}
}

// fillBins lowers each slot to the least value of its bin.
func (s *Sketcher) fillBins(shingles []uint64) {
	slots := s.slots
	k := uint64(len(slots))
	for _, x := range shingles {
		slot := &slots[uint64(uint32(x))*k>>32]
		*slot = min(*slot, x>>32)
	}
}

// fallBack fills the slots that are vacant.
func (s *Sketcher) fallBack(vacant []uint32, shingles []uint64) {
	for i, j := range vacant {
		s.someA[i], s.someB[i] = s.a[j], s.b[j]
	}
	// What stands there beyond does no harm.
	lanes := (len(vacant) + linmin.Lanes - 1) / linmin.Lanes * linmin.Lanes
	linmin.Min(s.least[:lanes], s.someA[:lanes], s.someB[:lanes], shingles)
	for i, j := range vacant {
		s.slots[j] = fellBack | uint64(s.least[i])
	}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
