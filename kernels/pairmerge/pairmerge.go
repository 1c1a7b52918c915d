// Package pairmerge merges the symbols of sixteen short texts at a time, as
// byte-pair encoding does: while two neighbours of a text make a symbol, the
// pair that makes the smallest is replaced by it, the leftmost of equals first.
package pairmerge

import (
	"math/bits"

	"github.com/tallystick/tallystick/kernels"
)

const (
	// Lanes is the number of texts in a Group.
	Lanes = 16

	// Short and Long are how many symbols a text has at most.
	Short = 16
	Long  = 32

	// FirstMade is the smallest symbol that is made of two; those below are
	// bytes.
	FirstMade = 256
)

// Check tells what a symbol is made of, to whoever has found it by the
// fingerprint of two symbols: see CheckOf.
type Check uint32

// CheckOf returns that of a symbol made of these two. If both are below
// 1<<MaxBits, a symbol with this check and the fingerprint of some two symbols is
// made of just these: left and the low bits of right are in the check. Bit j of
// Hash's print, from 1 on, is of bits 0 to j of both and, XORed, of bit j+10 of
// right; so, one after another, the other bits of right follow.
func CheckOf(left, right uint32) Check { return Check(left | right<<checkShift) }

const (
	// MaxBits is the most bits of a symbol.
	MaxBits = 21

	checkShift = MaxBits
	printShift = 32 - checkShift - 1
)

// Tables are the pairs that make a symbol. The first fields are read by
// assembly.
type Tables struct {
	buckets *uint64
	checks  *Check
	shift   uint32 // of a hash, to a bucket
	idBits  uint32
	hash    [4]uint32
	bytes   *uint32
	bucketN int
	checksN int
}

// NewTables returns tables that keep the slices.
//
// Buckets are a power of two, 2 to 2^31, of two entries of 32 bits each. The
// entry of a pair is in either half of one of its two buckets (see Hash): its
// fingerprint, above idBits bits for the symbol that it makes. A free entry is
// 0. checks[i] is that of symbol FirstMade+i. bytes has what two bytes make
// at left | right<<8, or 1<<idBits for nothing. There is one symbol with a check
// or more; entries have no other symbols than those with one, all symbols are
// below 1<<idBits, and idBits is at most MaxBits.
func NewTables(buckets []uint64, idBits uint8, checks []Check, bytes *[1 << 16]uint32) *Tables {
	return &Tables{
		buckets: &buckets[0], bucketN: len(buckets), checks: &checks[0], checksN: len(checks),
		shift: uint32(33 - bits.Len(uint(len(buckets)))), idBits: uint32(idBits),
		hash: [4]uint32{hash0, hash1, hash2, hash3}, bytes: &bytes[0],
	}
}

// The hash of a pair is linear in its symbols and, as the determinant is odd,
// different for all.
const (
	hash0 = 0x9E3779B1
	hash1 = 0x85EBCA77
	hash2 = 0xC2B2AE3E
	hash3 = 0x27D4EB2F
)

// Hash returns two numbers whose highest bits are the buckets of a pair, and
// print: shifted left by idBits, with that bit set, it is the fingerprint.
func Hash(left, right uint32) (one, two, print uint32) {
	one, two = left*hash0+right*hash1, left*hash2+right*hash3
	return one, two, one ^ two ^ right>>printShift
}

// Group is sixteen texts on their way. The zero value is ready for a start.
type Group struct {
	// Symbols[i][lane] is the symbol at place i of a text, for StartSymbols.
	Symbols [Long][Lanes]uint32
	// pairs[i][lane] is what the symbol there makes with the next, above i.
	pairs   [Long][Lanes]uint32
	begin   [Lanes]uint32 // bit i: a symbol begins at place i
	wrong   uint32        // bit of a lane: some merge was none, or out of order
	ordered uint32        // bit of a lane: merges out of order are wrong
	_       [14]uint32
}

// StartBytes makes texts of size[lane] bytes ready, which are at most longest.
func (g *Group) StartBytes(t *Tables, text *[Lanes][Long]byte, size *[Lanes]uint32, longest int) {
	startBytes(g, t, text, size, longest > Short)
}

// StartSymbols makes texts of size[lane] symbols ready, which are at most
// longest, and have been put into Symbols. Count will not be ok for a text in
// which some merge makes a smaller symbol than one that it is made of.
func (g *Group) StartSymbols(t *Tables, size *[Lanes]uint32, longest int) {
	startSymbols(g, t, size, longest > Short)
}

// Run makes all merges of groups that have been started with the same longest.
func Run(groups []Group, t *Tables, longest int) {
	if len(groups) > 0 {
		run(groups, t, longest > Short)
	}
}

// Count returns the number of symbols that a text has become. It is not ok, and
// means nothing, if the tables gave a symbol that its check denies.
func (g *Group) Count(lane int) (n int, ok bool) {
	return bits.OnesCount32(g.begin[lane%Lanes]), g.wrong>>(lane%Lanes)&1 == 0
}

// Begins returns the places at which the symbols begin that Count counts.
func (g *Group) Begins(lane int) (places uint32, ok bool) {
	return g.begin[lane%Lanes], g.wrong>>(lane%Lanes)&1 == 0
}

func init() { kernels.Register("pairmerge", implementation()) }
