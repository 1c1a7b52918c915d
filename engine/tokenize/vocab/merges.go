package vocab

import (
	"bytes"
	"errors"

	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// Merge makes one token, Product, of two; all are numbers of a vocabulary.
type Merge struct{ Left, Right, Product uint32 }

// ReadMerges reads the member merges of a model, in order. They come in either
// form: pairs of tokens, or older, strings of two tokens with a space between.
func (v *Vocabulary) ReadMerges(raw []byte) ([]Merge, error) {
	r := mergeReader{vocabulary: v, merges: make([]Merge, 0, len(raw)/24)}
	form := byte(0) // that of all is the first one's
	err := pipeline.EachElementAt(raw, func(begin int) (end int, err error) {
		if form == 0 {
			form = raw[begin]
		} else if form != raw[begin] {
			return 0, pipeline.Unsupported("merges as text and as lists")
		}
		switch form {
		case '"':
			end = pipeline.SkipString(raw, begin)
			return end, r.line(raw[begin:end])
		case '[':
			return r.pair(raw, begin)
		}
		return 0, errors.New("not a merge")
	})
	if err == nil {
		err = r.flush()
	}
	return r.merges, err
}

// mergeReader gathers merges and looks up the tokens of many at once: one after
// the other each would wait for the memory.
type mergeReader struct {
	vocabulary *Vocabulary
	merges     []Merge
	tokens     [2 * gathered][]byte // of merges: left, right, left …
	n          int                  // tokens gathered
}

const gathered = 32

// line reads a merge that is a string.
func (r *mergeReader) line(value []byte) error {
	line, err := pipeline.UnquoteBytes(value)
	if err != nil || bytes.HasPrefix(line, []byte("#version")) {
		return err
	}
	left, right, ok := bytes.Cut(line, []byte(" "))
	if !ok || bytes.IndexByte(right, ' ') >= 0 {
		return pipeline.Unsupported("merge %q is not two tokens", line)
	}
	return r.add(left, right)
}

// pair reads a merge that is a list and begins at begin.
func (r *mergeReader) pair(raw []byte, begin int) (end int, err error) {
	var values [2][]byte
	n, end := pipeline.ElementsAt(raw, begin, values[:])
	if n != len(values) {
		return 0, pipeline.Unsupported("merge of %d tokens", n)
	}
	left, err := pipeline.UnquoteBytes(values[0])
	if err != nil {
		return 0, err
	}
	right, err := pipeline.UnquoteBytes(values[1])
	if err != nil {
		return 0, err
	}
	return end, r.add(left, right)
}

func (r *mergeReader) add(left, right []byte) error {
	r.tokens[r.n], r.tokens[r.n+1] = left, right
	if r.n += 2; r.n == len(r.tokens) {
		return r.flush()
	}
	return nil
}

// flush appends the merges that were gathered.
func (r *mergeReader) flush() error {
	var numbers [2 * gathered]int
	r.vocabulary.findAll(r.tokens[:r.n], &numbers)
	for i := 0; i < r.n; i += 2 {
		left, right := r.tokens[i], r.tokens[i+1]
		product, ok := r.product(left, right)
		if !ok || numbers[i] < 0 || numbers[i+1] < 0 {
			return pipeline.Unsupported("merge %q + %q of a token that is not in vocab", left, right)
		}
		r.merges = append(r.merges, Merge{uint32(numbers[i]), uint32(numbers[i+1]), product})
	}
	r.n = 0
	return nil
}

// findAll is Find for tokens as many as are gathered; -1 for those that are not
// there.
func (v *Vocabulary) findAll(tokens [][]byte, numbers *[2 * gathered]int) {
	var hashes, slots [2 * gathered]uint64
	mask := uint64(len(v.slots) - 1)
	for i, token := range tokens {
		hashes[i] = hashOf(token)
		slots[i] = v.slots[hashes[i]&mask]
	}
	for i, token := range tokens {
		if s := slots[i]; s != 0 && s>>32 == hashes[i] && bytes.Equal(v.Tokens.At(uint32(s)-1), token) {
			numbers[i] = int(uint32(s) - 1)
		} else {
			_, _, numbers[i] = v.slot(token)
		}
	}
}

// product returns the token of two. Lists have merges in the order of what they
// make, often repeated.
func (r *mergeReader) product(left, right []byte) (number uint32, ok bool) {
	if n := len(r.merges); n > 0 {
		last := r.merges[n-1].Product
		for number = last; number < last+2 && int(number) < r.vocabulary.Tokens.Len(); number++ {
			token := r.vocabulary.Tokens.At(number)
			if len(token) == len(left)+len(right) && bytes.HasPrefix(token, left) && bytes.HasSuffix(token, right) {
				return number, true
			}
		}
	}
	return r.vocabulary.Find(append(append(make([]byte, 0, 64), left...), right...))
}
