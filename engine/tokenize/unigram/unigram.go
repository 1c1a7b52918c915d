// Package unigram counts the tokens of Unigram tokenizers (T5, XLM-R, ALBERT
// and their like) exactly, and counts only: no ids are made.
//
// The definition is the number of ids that Hugging Face tokenizers 0.22.2
// returns with add_special_tokens=false and truncation and padding off. There,
// a text is normalised, cut into pieces that begin with the character ▁ for a
// space, and of all ways to spell a piece with entries of the vocabulary that
// of the highest score is taken (Kudo, Subword Regularization, 2018).
//
// The counts of pieces are remembered. A piece is looked up as the space and
// what follows it up to the next, so that nothing needs to be rewritten; the
// vocabulary, too, is kept with spaces in the place of ▁.
package unigram

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/tallystick/tallystick/engine/tokenize/countcache"
	"github.com/tallystick/tallystick/engine/tokenize/normalize"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// Family is the name of what this package counts.
const Family = "Unigram"

// tokenizer is what a file asks for, without its added tokens.
type tokenizer struct {
	steps []normalize.Step
	cutter
	model *model
}

// New makes a Counter from the sections of a tokenizer.json. What this package
// does not know exactly gives an error that wraps doc.ErrUnsupported, as does
// o.AddedAsText: the model finds in its vocabulary what spells an added token,
// added or not.
func New(file pipeline.Object, o pipeline.Options) (*pipeline.Counter, error) {
	if o.AddedAsText {
		return nil, fmt.Errorf("unigram: %w", pipeline.Unsupported("added tokens as plain text with a model of type Unigram, which would match them all the same"))
	}
	t, err := load(file)
	if err != nil {
		return nil, fmt.Errorf("unigram: %w", err)
	}
	c, err := pipeline.New(file, o, Family, func() pipeline.Worker { return newWorker(t, o.CacheBytes) })
	if err != nil {
		return nil, fmt.Errorf("unigram: %w", err)
	}
	return c, nil
}

// worker is a pipeline.Worker.
type worker struct {
	*tokenizer
	chain   normalize.Chain
	cache   *countcache.Cache
	viterbi viterbi
	scan    scanner
	piece   []byte // one that is not in the text as it is
	normal  []byte // of CountStream

	// Of one call of Cache.Count:
	within inPiece
	more   int // to be added to what it returns
}

func newWorker(t *tokenizer, cacheBytes int) *worker {
	return &worker{
		tokenizer: t,
		chain:     normalize.Chain{Steps: t.steps},
		// Keys of one byte are spaces; Count makes up for those.
		cache:   countcache.New(countcache.Options{MaxBytes: cacheBytes, BytesAreTokens: true}),
		viterbi: viterbi{model: t.model},
	}
}

// Normalize returns the normalised text.
func (w *worker) Normalize(text []byte) []byte { return w.chain.Run(text) }

// Count returns the number of tokens of a segment of normalised text.
func (w *worker) Count(text []byte, first bool) (n int) {
	if !w.metaspace && !w.atSpaces {
		n, _ = w.viterbi.count(text)
		return n
	}
	if !w.metaspace || !w.split || w.isOdd(text) {
		w.each(text, first, &w.piece, func(piece []byte) { n += w.one(piece) })
		return n
	}
	if text[0] != ' ' {
		end := len(text)
		if len(text) > maxCopied || !w.prepends(first) {
			if i := bytes.IndexByte(text, ' '); i >= 0 {
				end = i
			}
		}
		if w.prepends(first) {
			w.piece = append(append(w.piece[:0], ' '), text[:end]...)
			n = w.marked(w.piece)
		} else {
			n = w.one(text[:end])
		}
		text = text[end:]
	}
	if len(text) > 0 {
		n += w.marked(text)
	}
	return n
}

// streamBytes is how much text is normalised at a time.
const streamBytes = 32 << 10

// Streams makes the worker a pipeline.Streamer, where pieces begin at spaces and
// all that is done to a text is a Precompiled.
func (w *worker) Streams() bool {
	return w.charsmap() != nil && w.metaspace && w.split
}

func (w *worker) charsmap() *normalize.Precompiled {
	if len(w.steps) != 1 {
		return nil
	}
	p, _ := w.steps[0].(*normalize.Precompiled)
	return p
}

// CountStream is Count of what Normalize returns.
func (w *worker) CountStream(text []byte, first bool) int {
	return w.countStream(text, first, streamBytes)
}

// countStream is CountStream by some bytes of text at a time.
func (w *worker) countStream(text []byte, first bool, size int) (n int) {
	charsmap := w.charsmap()
	normal := w.normal[:0]
	for len(text) > 0 {
		if len(normal) > 2*streamBytes { // a long word, perhaps the rest of the text
			normal = slices.Grow(normal, len(text))
		}
		end := charsmap.Cut(text, size)
		from := max(len(normal)-1, 1)
		normal = charsmap.Append(normal, text[:end])
		text = text[end:]
		cut := len(normal)
		if len(text) > 0 {
			cut = lastWord(normal, from)
		}
		if cut > 0 {
			n += w.Count(normal[:cut], first)
			normal = normal[:copy(normal, normal[cut:])]
			first = false
		}
	}
	w.normal = normal
	return n
}

// lastWord returns where in text, from a place on, the last space is that has
// none before it and something behind it, or 0.
func lastWord(text []byte, from int) int {
	for end := len(text) - 1; end > from; {
		i := bytes.LastIndexByte(text[from:end], ' ')
		if i < 0 {
			break
		}
		if i += from; text[i-1] != ' ' {
			return i
		}
		end = i
	}
	return 0
}

// maxCopied is how long a text may be that is copied to put a space before it.
const maxCopied = 4 << 10

// marked returns the number of tokens of a text of pieces that begin with a
// space.
func (w *worker) marked(text []byte) int {
	cuts := w.model.cuts
	if cuts != nil && !cuts.fits(text) {
		cuts = nil
	}
	w.scan.start(cuts, text)
	w.within.start, w.more = -1, 0
	n := w.cache.Count(text, &w.scan, w) + w.more - w.scan.extra
	if w.atSpaces {
		n -= w.scan.lone // else a mark alone is a piece, and a token
	}
	return n
}

// one returns the number of tokens of a piece.
func (w *worker) one(piece []byte) int {
	if len(piece) > 1 {
		if n, ok := w.cache.Lookup(piece); ok {
			return n
		}
	}
	n, close := w.viterbi.count(piece)
	if !close {
		w.cache.Insert(piece, n)
	}
	return n
}

// Counts is countcache.Model. The cache does not keep negative counts.
func (w *worker) Counts(text []byte, spans []countcache.Span, counts []int) {
	for i, s := range spans {
		n, close := w.viterbi.count(text[s.Start:s.End])
		if close || s.End-s.Start > maxPart {
			if w.scan.cuts != nil {
				n = w.within.count(&w.viterbi, text, s.Start, s.End)
			}
			w.more += 2*n + 1
			n = -n - 1
		}
		counts[i] = n
	}
}

// maxScratch is the largest buffer, in bytes, that outlives a count.
const maxScratch = 1 << 20

func (w *worker) Trim() {
	w.chain.Trim(maxScratch)
	if cap(w.piece) > maxScratch {
		w.piece = nil
	}
	if cap(w.normal) > maxScratch {
		w.normal = nil
	}
	w.scan.text = nil
}
