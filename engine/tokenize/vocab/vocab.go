// Package vocab reads the vocabulary and the merges of a BPE model in a
// tokenizer.json (models/bpe/serialization.rs), which can have half a million of
// each.
package vocab

import (
	"bytes"
	"hash/maphash"
	"slices"
	"strconv"

	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// Vocabulary is the tokens of a file, numbered as they come, whatever their
// ids: those only tell tokens apart.
type Vocabulary struct {
	Tokens Arena
	slots  []uint64 // open addressing, at most half full: hash<<32 | token+1
}

// Arena is many short texts, one after another.
type Arena struct {
	Text []byte
	Ends []uint32
}

// Len returns the number of texts.
func (a *Arena) Len() int { return len(a.Ends) }

// At returns a text.
func (a *Arena) At(i uint32) []byte {
	begin := uint32(0)
	if i > 0 {
		begin = a.Ends[i-1]
	}
	return a.Text[begin:a.Ends[i]]
}

func (a *Arena) add(text []byte) {
	a.Text = append(a.Text, text...)
	a.Ends = append(a.Ends, uint32(len(a.Text)))
}

// Valid tells whether the ends are in order and the last is that of the text.
func (a *Arena) Valid() bool {
	n := len(a.Ends)
	return n > 0 && slices.IsSorted(a.Ends) && int(a.Ends[n-1]) == len(a.Text)
}

// Of makes a vocabulary of tokens, all different.
func Of(tokens Arena) *Vocabulary {
	size := 1
	for size < 2*tokens.Len()+1 {
		size *= 2
	}
	v := &Vocabulary{tokens, make([]uint64, size)}
	for i := range tokens.Len() {
		at, hash, _ := v.slot(tokens.At(uint32(i)))
		v.slots[at] = hash<<32 | uint64(i+1)
	}
	return v
}

// Read reads the member vocab of a model. An id that two tokens share would make
// merges of the one merges of the other.
func Read(raw []byte) (*Vocabulary, error) {
	v := &Vocabulary{slots: make([]uint64, 1<<10)}
	v.Tokens.Text = make([]byte, 0, len(raw)/2)
	var ids []uint32
	err := pipeline.EachMemberRaw(raw, func(key, value []byte) error {
		id, err := readID(value)
		if err != nil {
			return err
		}
		token, err := pipeline.UnquoteBytes(key)
		if err != nil {
			return err
		}
		at, hash, n := v.slot(token)
		if n >= 0 {
			ids[n] = id // the last of equal keys holds
			return nil
		}
		v.Tokens.add(token)
		ids = append(ids, id)
		v.slots[at] = hash<<32 | uint64(len(ids))
		if 2*len(ids) > len(v.slots) {
			v.grow()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(ids)
	for i := 1; i < len(ids); i++ {
		if ids[i] == ids[i-1] {
			return nil, pipeline.Unsupported("id %d for two tokens", ids[i])
		}
	}
	return v, nil
}

func readID(value []byte) (uint32, error) {
	id := uint32(0)
	for _, c := range value {
		if c < '0' || c > '9' || len(value) > 9 {
			id, err := strconv.ParseUint(string(value), 10, 32)
			return uint32(id), err
		}
		id = id*10 + uint32(c-'0')
	}
	return id, nil
}

// Find returns the number of a token.
func (v *Vocabulary) Find(token []byte) (number uint32, ok bool) {
	_, _, n := v.slot(token)
	return uint32(n), n >= 0
}

var hashSeed = maphash.MakeSeed()

func hashOf(token []byte) uint64 { return maphash.Bytes(hashSeed, token) >> 32 }

// slot returns where a token is or, with its number -1, would be.
func (v *Vocabulary) slot(token []byte) (at uint64, hash uint64, number int) {
	hash = hashOf(token)
	mask := uint64(len(v.slots) - 1)
	for at = hash & mask; ; at = (at + 1) & mask {
		s := v.slots[at]
		if s == 0 {
			return at, hash, -1
		}
		if s>>32 == hash && bytes.Equal(v.Tokens.At(uint32(s)-1), token) {
			return at, hash, int(uint32(s) - 1)
		}
	}
}

func (v *Vocabulary) grow() {
	old := v.slots
	v.slots = make([]uint64, 4*len(old))
	mask := uint64(len(v.slots) - 1)
	for _, s := range old {
		if s == 0 {
			continue
		}
		at := s >> 32 & mask
		for v.slots[at] != 0 {
			at = (at + 1) & mask
		}
		v.slots[at] = s
	}
}
