package spbpe

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"

	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// loadModel reads the section model of a tokenizer.json.
func loadModel(o pipeline.Object) (*model, error) {
	var ignoreMerges bool
	m := &model{}
	unknown, err := checkModel(o, m, &ignoreMerges)
	if err != nil {
		return nil, err
	}
	vocab, err := readVocab(o["vocab"])
	if err != nil {
		return nil, fmt.Errorf("vocab: %w", err)
	}
	m.setUnknown(vocab)
	standIns := map[uint32]bool{}
	if m.hasUnknown && unknown != nil {
		number, ok := vocab.find([]byte(*unknown))
		if !ok {
			return nil, pipeline.Unsupported("unk_token %q that is not in vocab", *unknown)
		}
		standIns[number] = true
	}
	if m.byteFallback {
		for b := range 256 {
			if number, ok := vocab.find([]byte(byteToken(byte(b)))); ok {
				standIns[number] = true
			}
		}
	}
	merges, err := vocab.readMerges(o["merges"], standIns)
	if err != nil {
		return nil, fmt.Errorf("merges: %w", err)
	}
	if vocab.tokens.len() >= 1<<tokenBits || len(merges) >= noRank {
		return nil, pipeline.Unsupported("%d tokens with %d merges", vocab.tokens.len(), len(merges))
	}
	if err := m.setMerges(vocab, merges); err != nil {
		return nil, err
	}
	if ignoreMerges {
		m.setWhole(vocab)
	}
	return m, nil
}

// checkModel refuses what is not plain BPE over characters, and reads how
// characters that the vocabulary does not have are treated.
func checkModel(o pipeline.Object, m *model, ignoreMerges *bool) (unknown *string, err error) {
	kind := "BPE" // files from before tokenizers 0.9 name no type
	if err := o.Decode("type", &kind); err != nil {
		return nil, err
	}
	if kind != "BPE" {
		return nil, pipeline.Unsupported("type %q", kind)
	}
	if o["vocab"] == nil || o["merges"] == nil {
		return nil, pipeline.Unsupported("without vocab and merges")
	}
	var dropout float64
	var prefix, suffix string
	for key, v := range map[string]any{
		"dropout": &dropout, "continuing_subword_prefix": &prefix, "end_of_word_suffix": &suffix,
		"unk_token": &unknown, "byte_fallback": &m.byteFallback, "fuse_unk": &m.fuseUnk, "ignore_merges": ignoreMerges,
	} {
		if err := o.Decode(key, v); err != nil {
			return nil, err
		}
	}
	switch {
	case dropout != 0:
		return nil, pipeline.Unsupported("dropout %v", dropout)
	case prefix != "":
		return nil, pipeline.Unsupported("continuing_subword_prefix %q", prefix)
	case suffix != "":
		return nil, pipeline.Unsupported("end_of_word_suffix %q", suffix)
	}
	m.unk = unknown != nil
	return unknown, nil
}

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

// valid tells whether the ends are in order and the last is that of the text.
func (a *arena) valid() bool {
	n := len(a.ends)
	return n > 0 && slices.IsSorted(a.ends) && int(a.ends[n-1]) == len(a.text)
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

// newVocabulary makes a vocabulary of tokens, all different.
func newVocabulary(tokens arena) *vocabulary {
	size := 1
	for size < 2*tokens.len()+1 {
		size *= 2
	}
	v := &vocabulary{tokens, make([]uint64, size)}
	for i := range tokens.len() {
		at, hash, _ := v.slot(tokens.at(uint32(i)))
		v.slots[at] = hash<<32 | uint64(i+1)
	}
	return v
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

// byteToken returns the token that stands for a byte.
func byteToken(b byte) string { return fmt.Sprintf("<0x%02X>", b) }

// merge makes one token, product, of two; all are numbers of a vocabulary.
type merge struct{ left, right, product uint32 }

// readMerges reads the merges of a model, in order. They come in either form:
// pairs of tokens, or older, strings of two tokens with a space between. A
// merge of a token that stands for unknown characters or bytes is refused:
// nothing then is known of what such a token stands beside.
func (v *vocabulary) readMerges(raw []byte, standIns map[uint32]bool) (merges []merge, err error) {
	merges = make([]merge, 0, len(raw)/24)
	var joined []byte
	add := func(left, right []byte) error {
		l, ok1 := v.find(left)
		r, ok2 := v.find(right)
		joined = append(append(joined[:0], left...), right...)
		product, ok3 := uint32(0), false
		// Lists have merges in the order of what they make, often repeated.
		if n := len(merges); n > 0 {
			for product = merges[n-1].product; product < merges[n-1].product+2 && !ok3; product++ {
				ok3 = int(product) < v.tokens.len() && bytes.Equal(v.tokens.at(product), joined)
			}
			product--
		}
		if !ok3 {
			product, ok3 = v.find(joined)
		}
		if !ok1 || !ok2 || !ok3 {
			return pipeline.Unsupported("merge %q + %q of a token that is not in vocab", left, right)
		}
		if standIns[l] || standIns[r] {
			return pipeline.Unsupported("merge %q + %q of a token for unknown characters", left, right)
		}
		merges = append(merges, merge{l, r, product})
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
