package bpe

import "encoding/binary"

// shortPieces remembers the counts of pieces of at most maxPiece bytes: most of
// those that are cut out of keys are a character or two, and these are so few
// that a table in a near cache has them. An entry is the bytes of a piece above
// eight bits of its length and its count; a newer piece takes the place of an
// older one.
type shortPieces [1 << pieceBits]uint64

const (
	pieceBits = 14
	maxPiece  = 7
)

// pieceKey returns the entry of a piece of 1 to maxPiece bytes with a count of
// 0, which no entry has.
func pieceKey(piece []byte) uint64 {
	n := len(piece)
	var b uint64
	if n >= 4 {
		b = uint64(binary.LittleEndian.Uint32(piece)) | uint64(binary.LittleEndian.Uint32(piece[n-4:]))<<(8*(n-4)&63)
	} else {
		b = uint64(piece[0]) | uint64(piece[n/2])<<(8*(n/2)&63) | uint64(piece[n-1])<<(8*(n-1)&63)
	}
	return b<<8 | uint64(n)<<4
}

func (p *shortPieces) place(key uint64) *uint64 { return &p[key*hashA>>(64-pieceBits)] }

// lookup returns the count of a piece, 0 if it is not known.
func (p *shortPieces) lookup(key uint64) (count int) {
	if e := *p.place(key); e&^0xF == key {
		count = int(e & 0xF)
	}
	return count
}

func (p *shortPieces) insert(key uint64, count int) { *p.place(key) = key | uint64(count) }
