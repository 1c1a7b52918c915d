package bpe

import (
	"bytes"
	"errors"
	"hash/maphash"
	"slices"
	"strconv"

	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// vocabulary is the tokens of a file, numbered as they come, whatever their
// ids: those only tell tokens apart.
type vocabulary struct {
	tokens arena
	slots  []uint64 // open addressing, at most half full: hash<<32 | token+1
}

// arena is many short texts, one after another.
type arena struct {
	text []byte
	ends []uint32
}

func (a *arena) len() int { return len(a.ends) }

func (a *arena) at(i uint32) []byte {
	begin := uint32(0)
	if i > 0 {
		begin = a.ends[i-1]
	}
	return a.text[begin:a.ends[i]]
}

func (a *arena) add(text []byte) {
	a.text = append(a.text, text...)
	a.ends = append(a.ends, uint32(len(a.text)))
}

var hashSeed = maphash.MakeSeed()

// slot returns where a token is or, with its number -1, would be.
func (v *vocabulary) slot(token []byte) (at uint64, hash uint64, number int) {
	hash = maphash.Bytes(hashSeed, token) >> 32
	mask := uint64(len(v.slots) - 1)
	for at = hash & mask; ; at = (at + 1) & mask {
		s := v.slots[at]
		if s == 0 {
			return at, hash, -1
		}
		if s>>32 == hash && bytes.Equal(v.tokens.at(uint32(s)-1), token) {
			return at, hash, int(uint32(s) - 1)
		}
	}
}

func (v *vocabulary) find(token []byte) (number uint32, ok bool) {
	_, _, n := v.slot(token)
	return uint32(n), n >= 0
}

// readVocab reads the tokens of a model. An id that two tokens share would
// make merges of the one merges of the other.
func readVocab(raw []byte) (*vocabulary, error) {
	v := &vocabulary{slots: make([]uint64, 1<<10)}
	v.tokens.text = make([]byte, 0, len(raw)/2)
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
		v.tokens.add(token)
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

func (v *vocabulary) grow() {
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

// readMerges reads the merges of a model, in order. They come in either form:
// pairs of tokens, or older, strings of two tokens with a space between.
func (v *vocabulary) readMerges(raw []byte) (merges []listedMerge, err error) {
	merges = make([]listedMerge, 0, len(raw)/24)
	var joined []byte
	add := func(left, right []byte) error {
		l, ok1 := v.find(left)
		r, ok2 := v.find(right)
		joined = append(append(joined[:0], left...), right...)
		merged, ok3 := uint32(0), false
		// Lists have merges in the order of what they make, often repeated.
		if n := len(merges); n > 0 {
			for merged = merges[n-1].merged; merged < merges[n-1].merged+2 && !ok3; merged++ {
				ok3 = int(merged) < v.tokens.len() && bytes.Equal(v.tokens.at(merged), joined)
			}
			merged--
		}
		if !ok3 {
			merged, ok3 = v.find(joined)
		}
		if !ok1 || !ok2 || !ok3 {
			return pipeline.Unsupported("merge %q + %q of a token that is not in vocab", left, right)
		}
		merges = append(merges, listedMerge{l, r, merged})
		return nil
	}
	form := byte(0) // that of all is the first one's
	err = pipeline.EachElement(raw, func(value []byte) error {
		if form == 0 {
			form = value[0]
		} else if form != value[0] {
			return pipeline.Unsupported("merges as text and as lists")
		}
		switch value[0] {
		case '"':
			line, err := pipeline.UnquoteBytes(value)
			if err != nil || bytes.HasPrefix(line, []byte("#version")) {
				return err
			}
			left, right, ok := bytes.Cut(line, []byte(" "))
			if !ok || bytes.IndexByte(right, ' ') >= 0 {
				return pipeline.Unsupported("merge %q is not two tokens", line)
			}
			return add(left, right)
		case '[':
			var pair [2][]byte
			n := 0
			err := pipeline.EachElement(value, func(value []byte) (err error) {
				if n < len(pair) {
					pair[n], err = pipeline.UnquoteBytes(value)
				}
				n++
				return err
			})
			if err == nil && n != len(pair) {
				err = pipeline.Unsupported("merge of %d tokens", n)
			}
			if err != nil {
				return err
			}
			return add(pair[0], pair[1])
		}
		return errors.New("not a merge")
	})
	return merges, err
}

// spellings returns the bytes that the tokens spell; none for one, like most
// added tokens, that spells no bytes.
func (v *vocabulary) spellings() *arena {
	s := &arena{text: make([]byte, 0, len(v.tokens.text)), ends: make([]uint32, 0, v.tokens.len())}
	for i := range v.tokens.len() {
		begin := len(s.text)
		for _, r := range string(v.tokens.at(uint32(i))) {
			b := -1
			if int(r) < len(charBytes) {
				b = int(charBytes[r])
			}
			if b < 0 {
				s.text = s.text[:begin]
				break
			}
			s.text = append(s.text, byte(b))
		}
		s.ends = append(s.ends, uint32(len(s.text)))
	}
	return s
}

// byteChars are the characters that byte-level vocabularies spell bytes with:
// printable ones stand for themselves, the others are moved up by 256
// (bytes_to_unicode of GPT-2's encoder.py).
var byteChars = func() (chars [256]rune) {
	moved := rune(256)
	for b := range chars {
		if b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE {
			chars[b] = rune(b)
			continue
		}
		chars[b] = moved
		moved++
	}
	return chars
}()

// charBytes is byteChars the other way, -1 for a character that spells no byte.
var charBytes = func() (bytes [256 + 68]int16) {
	for i := range bytes {
		bytes[i] = -1
	}
	for b, r := range byteChars {
		bytes[r] = int16(b)
	}
	return bytes
}()

// inUTF8 reports whether b occurs in valid UTF-8.
func inUTF8(b byte) bool { return b != 0xC0 && b != 0xC1 && b < 0xF5 }
