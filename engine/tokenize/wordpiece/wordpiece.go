// Package wordpiece counts the tokens of WordPiece tokenizers (BERT and its
// like) exactly, and counts only: no ids are made.
//
// The definition is the number of ids that Hugging Face tokenizers 0.22.2
// returns with add_special_tokens=false and truncation and padding off. There,
// a text is normalised, cut at white space and around punctuation and Chinese
// characters, and every word is taken apart by the longest entry of the
// vocabulary that it begins with, over and over; a word that cannot be, or is
// too long, is one unknown token.
//
// Two things make counting faster than that. A word of one character is one
// token whatever the vocabulary: punctuation and Chinese characters are only
// counted. And words are found in the text as it is, with nothing but their
// ASCII letters in lower case: their counts are remembered by that spelling,
// and normalised is only what is seen for the first time.
package wordpiece

import (
	"fmt"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/countcache"
	"github.com/tallystick/tallystick/engine/tokenize/normalize"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// Family is the name of what this package counts.
const Family = "WordPiece"

// tokenizer is what a file asks for, without its added tokens.
type tokenizer struct {
	// steps run before added tokens are looked for in normalised text; words is
	// what remains to be done, word by word.
	steps []normalize.Step
	words normalize.Bert
	classes
	model *model
}

// New makes a Counter from the sections of a tokenizer.json. What this package
// does not know exactly gives an error that wraps doc.ErrUnsupported, as does
// o.AddedAsText: the model finds in its vocabulary what spells an added token,
// added or not.
func New(file pipeline.Object, o pipeline.Options) (*pipeline.Counter, error) {
	if o.AddedAsText {
		return nil, fmt.Errorf("wordpiece: %w", pipeline.Unsupported("added tokens as plain text with a model of type WordPiece, which would match them all the same"))
	}
	t, err := load(file)
	if err != nil {
		return nil, fmt.Errorf("wordpiece: %w", err)
	}
	c, err := pipeline.New(file, o, Family, func() pipeline.Worker { return newWorker(t, o.CacheBytes) })
	if err != nil {
		return nil, fmt.Errorf("wordpiece: %w", err)
	}
	return c, nil
}

// worker is a pipeline.Worker.
type worker struct {
	*tokenizer
	chain normalize.Chain
	scan  scanner
	cache *countcache.Cache
	texts countcache.Texts // of CountGroup
	// Of one word that the cache does not have:
	scratch normalize.Scratch
	word    []byte
}

func newWorker(t *tokenizer, cacheBytes int) *worker {
	return &worker{
		tokenizer: t,
		chain:     normalize.Chain{Steps: t.steps},
		// One byte is one token: scanner makes up for those that are none.
		cache: countcache.New(countcache.Options{MaxBytes: cacheBytes, BytesAreTokens: true}),
	}
}

// Normalize does what cannot be left to Count.
func (w *worker) Normalize(text []byte) []byte { return w.chain.Run(text) }

// Count returns the number of tokens of a segment.
func (w *worker) Count(text []byte, _ bool) (n int) {
	for len(text) > 0 {
		used, tokens := w.scan.chunk(&w.classes, text)
		if used == 0 { // a word longer than a chunk
			used = w.longWord(text)
			n += w.countAny(text[:used])
		} else {
			n += tokens + w.cache.Count(w.scan.text(), &w.scan, w)
		}
		text = text[used:]
	}
	return n
}

// longWord returns the length of the word that text begins with.
func (w *worker) longWord(text []byte) (n int) {
	r, n := utf8.DecodeRune(text)
	for first := w.classOf(r); n < len(text); {
		r, size := utf8.DecodeRune(text[n:])
		if w.classOf(r) != first {
			break
		}
		n += size
	}
	return n
}

// Counts is countcache.Model.
func (w *worker) Counts(text []byte, spans []countcache.Span, counts []int) {
	for i, s := range spans {
		counts[i] = w.count(text[s.Start:s.End])
	}
}

// count returns the number of tokens of a word that is not normalised yet.
func (w *worker) count(word []byte) int {
	if len(word) > w.model.maxChars || !isASCIIWord(word) {
		return w.countAny(word)
	}
	return w.model.count(word)
}

// countAny is count for a word that may have letters in upper case.
func (w *worker) countAny(word []byte) (n int) {
	var chars int
	w.word, chars = w.words.AppendLimited(w.word[:0], word, w.model.maxChars, &w.scratch)
	if chars > w.model.maxChars {
		return 1
	}
	return w.model.count(w.word)
}

// isASCIIWord tells that a word is its own normal form, but for upper case.
func isASCIIWord(word []byte) bool {
	for _, c := range word {
		if c-'!' > '~'-'!' {
			return false
		}
	}
	return true
}

// maxScratch is the largest buffer, in bytes, that outlives a count.
const maxScratch = 1 << 20

func (w *worker) Trim() {
	w.chain.Trim(maxScratch)
	if cap(w.word) > maxScratch {
		w.word = nil
	}
}
