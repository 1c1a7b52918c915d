package tiktoken

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tallystick/tallystick/engine/doc"
)

// The packed form of a vocabulary holds its merges in place of its tokens,
// which is half the size once compressed and spares finding them:
//
//	magic
//	the number of tokens, 4 bytes little endian
//	the 256 bytes in the order of their ranks
//	of the left parts of all other tokens, in the order of their ranks,
//	    bits 16 to 23, then bits 8 to 15, then bits 0 to 7
//	the same of their right parts
//
// Only what all published vocabularies are can be packed: ranks without gaps,
// the bytes first, and every token formed by a merge.
var magic = []byte("ranks v1")

const maxPacked = 1 << 24 // tokens

var errPack = errors.New("this vocabulary has no packed form")

// Pack returns the packed form of a vocabulary and its merges.
func Pack(v Vocabulary, merges []Merge) ([]byte, error) {
	if len(v) < 256 || len(v) > maxPacked || len(merges) != len(v)-256 {
		return nil, errPack
	}
	out := binary.LittleEndian.AppendUint32(bytes.Clone(magic), uint32(len(v)))
	for i, t := range v {
		if t.Rank != uint32(i) || i < 256 && len(t.Bytes) != 1 || i >= 256 && merges[i-256].Token != uint32(i) {
			return nil, errPack
		}
		if i < 256 {
			out = append(out, t.Bytes[0])
		}
	}
	for _, part := range []func(Merge) uint32{func(m Merge) uint32 { return m.Left }, func(m Merge) uint32 { return m.Right }} {
		for shift := 16; shift >= 0; shift -= 8 {
			for _, m := range merges {
				out = append(out, byte(part(m)>>shift))
			}
		}
	}
	return out, nil
}

// IsPacked tells whether data begins as packed vocabularies do.
func IsPacked(data []byte) bool { return bytes.HasPrefix(data, magic) }

// Unpack is the inverse of Pack. Errors wrap doc.ErrInput.
func Unpack(data []byte) (Vocabulary, []Merge, error) {
	head := len(magic) + 4
	if !IsPacked(data) || len(data) < head+256 {
		return nil, nil, fmt.Errorf("%w: not a packed vocabulary", doc.ErrInput)
	}
	n := int(binary.LittleEndian.Uint32(data[len(magic):]))
	planes := data[head+256:]
	if n < 256 || n > maxPacked || len(planes) != 6*(n-256) {
		return nil, nil, fmt.Errorf("%w: a packed vocabulary of %d tokens in %d bytes", doc.ErrInput, n, len(data))
	}
	v := make(Vocabulary, n)
	for i := range 256 {
		v[i] = Token{string(data[head+i : head+i+1]), uint32(i)}
	}
	merges := make([]Merge, n-256)
	at := func(plane, i int) uint32 { return uint32(planes[plane*len(merges)+i]) }
	for i := range merges {
		m := Merge{at(0, i)<<16 | at(1, i)<<8 | at(2, i), at(3, i)<<16 | at(4, i)<<8 | at(5, i), uint32(256 + i)}
		if m.Left >= m.Token || m.Right >= m.Token {
			return nil, nil, fmt.Errorf("%w: token %d of a packed vocabulary consists of later ones", doc.ErrInput, m.Token)
		}
		v[m.Token] = Token{v[m.Left].Bytes + v[m.Right].Bytes, m.Token}
		merges[i] = m
	}
	return v, merges, nil
}
