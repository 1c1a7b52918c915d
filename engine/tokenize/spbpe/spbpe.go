// Package spbpe counts the tokens of BPE tokenizers in the manner of
// SentencePiece exactly, and counts only: no ids are made. Llama 2, Gemma 1 to
// 3, the first Mistrals, TinyLlama, Phi-3 and CodeLlama are of this kind: the
// characters of a text are merged, its spaces written as "▁" (U+2581), and a
// character that the vocabulary does not have becomes its bytes.
//
// The definition is the number of ids that Hugging Face tokenizers 0.22.2
// returns with add_special_tokens=false and truncation and padding off
// (tokenizers/src/models/bpe/model.rs, word.rs). There a whole text between two
// added tokens is one word to merge. Here it is cut where no merge can cross,
// into pieces of a few bytes, which repeat, so that their counts are looked up;
// cuts tells why that is exact.
//
// What a tokenizer.json asks for is recognised from its normalizer,
// pre_tokenizer, model and added_tokens, never from a name. Anything that is
// not known exactly is refused with an error that wraps doc.ErrUnsupported and
// names the thing.
package spbpe

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/tallystick/tallystick/engine/tokenize/countcache"
	"github.com/tallystick/tallystick/engine/tokenize/normalize"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
	"github.com/tallystick/tallystick/engine/tokenize/ucd"
)

// Family is the name of this kind of tokenizer for users.
const Family = "SP"

// New makes a Counter from the sections of a tokenizer.json. With o.AddedAsText,
// added tokens that stand in a text are counted as plain text. A configuration
// that this package does not know exactly gives an error that wraps
// doc.ErrUnsupported.
func New(file pipeline.Object, o pipeline.Options) (*pipeline.Counter, error) {
	c, _, err := Open(file, o)
	return c, err
}

func (t *tokenizer) counter(file pipeline.Object, o pipeline.Options) (*pipeline.Counter, error) {
	c, err := pipeline.New(file, o, Family, func() pipeline.Worker { return newWorker(t, o.CacheBytes) })
	if err != nil {
		return nil, fmt.Errorf("spbpe: %w", err)
	}
	return c, nil
}

// marker is what spaces are written as; its bytes in a text count as a space.
const marker = "▁"

// tokenizer is what a file asks for, without its added tokens.
type tokenizer struct {
	steps   []normalize.Step // text between added tokens is normalised by these,
	nfc     bool             // brought to NFC,
	prepend bool             // and a marker put in front of it if anything is left
	// A segment, which is what normalised added tokens leave of that, is given
	// a marker if it has none: always, or where it begins the document.
	prefix scheme
	split  bool // every marker begins a word of its own

	normalized normalForm
	joined     *joined // nil where segments are counted one by one
	model      *model
	cuts       *cuts
}

// joined is the added tokens where a text is counted with them in it. Then they
// are pieces of one token; what they spell is nowhere else in a text, so that
// there is no other count for the same bytes.
type joined struct {
	contents map[string]struct{}
	first    [256]bool // bytes that contents begin with
}

func (j *joined) has(piece []byte) bool {
	if j == nil || len(piece) == 0 || !j.first[piece[0]] {
		return false
	}
	_, ok := j.contents[string(piece)]
	return ok
}

type scheme int

const (
	never scheme = iota
	firstSegment
	always
)

// normalForm is what Normalize returns. Spaces and markers are the same to the
// model, so that only a search for added tokens needs the form that Hugging
// Face gives the text.
type normalForm int

const (
	asIs    normalForm = iota // no added token is searched for in normalised text: nothing is prepended either
	literal                   // the normalizer leaves spaces alone
	spaces                    // spaces are markers; it is shorter to make markers spaces
	markers                   // so they are, and white space beside an added token is stripped, which markers are not
)

// worker is a pipeline.Worker.
type worker struct {
	*tokenizer
	cache      *countcache.Cache
	scanner    scanner
	merger     merger
	chain      normalize.Chain
	normalizer ucd.Normalizer
	composed   []byte // of Normalize: in NFC
	normal     []byte // of Normalize: result
	leading    []byte // of Count: the first piece with the marker before it
	room       [256]pipeline.Span
	texts      countcache.Texts // of CountGroup
}

func newWorker(t *tokenizer, cacheBytes int) *worker {
	return &worker{
		tokenizer: t,
		cache:     countcache.New(countcache.Options{MaxBytes: cacheBytes, BytesAreTokens: t.model.bytesAreTokens()}),
		merger:    merger{model: t.model, words: t.cuts.none, joined: t.joined},
		chain:     normalize.Chain{Steps: t.steps},
	}
}

// Room makes it a pipeline.Joiner.
func (w *worker) Room() []pipeline.Span {
	if w.joined == nil {
		return nil
	}
	return w.room[:]
}

// CountJoined counts a text with added tokens in it.
func (w *worker) CountJoined(text []byte, added []pipeline.Span) int {
	w.scanner = scanner{cuts: w.cuts, text: text, added: added}
	return w.cache.Count(text, &w.scanner, &w.merger)
}

// Normalize returns the normalised text, in the form that normalized tells.
func (w *worker) Normalize(text []byte) []byte {
	if text = w.chain.Run(text); len(text) == 0 {
		return text
	}
	if w.nfc {
		if quick := ucd.QuickNFC(text); quick < len(text) {
			w.composed = append(slices.Grow(w.composed[:0], len(text)), text[:quick]...)
			w.composed = w.normalizer.AppendNFC(w.composed, text[quick:])
			text = w.composed
		}
	}
	if w.normalized == asIs {
		return text
	}
	from, to := w.rewrites()
	if !w.prepend && (from == to || !bytes.Contains(text, []byte(from))) {
		return text
	}
	w.normal = w.normal[:0]
	if w.prepend {
		w.normal = append(w.normal, to...)
	}
	for from != to {
		i := bytes.Index(text, []byte(from))
		if i < 0 {
			break
		}
		w.normal = append(append(w.normal, text[:i]...), to...)
		text = text[i+len(from):]
	}
	w.normal = append(w.normal, text...)
	return w.normal
}

// rewrites returns what Normalize writes otherwise, and how.
func (w *worker) rewrites() (from, to string) {
	switch w.normalized {
	case spaces:
		return marker, " "
	case markers:
		return " ", marker
	}
	return marker, marker
}

// Count cuts a segment into pieces and adds up their tokens.
func (w *worker) Count(text []byte, first bool) (n int) {
	lead := w.lead(text, first)
	if w.model.whole != nil && !w.split && w.model.isWhole(lead, text) {
		return 1
	}
	if lead {
		end := w.cuts.next(text, 0, '▁')
		n += w.countLeading(text[:end])
		text = text[end:]
	}
	if len(text) == 0 {
		return n
	}
	w.scanner = scanner{cuts: w.cuts, text: text}
	return n + w.cache.Count(text, &w.scanner, &w.merger)
}

// lead tells whether a marker stands before a segment of which Normalize has
// not put it there.
func (w *worker) lead(text []byte, first bool) bool {
	if w.prepend && w.normalized == asIs {
		return true
	}
	if w.prefix == never || w.prefix == firstSegment && !first {
		return false
	}
	return text[0] != ' ' && !bytes.HasPrefix(text, []byte(marker))
}

// countLeading returns the number of tokens of a marker with a piece, which may
// be empty, after it.
func (w *worker) countLeading(piece []byte) int {
	if len(piece) > maxScratch {
		return w.merger.count(true, piece)
	}
	w.leading = append(append(w.leading[:0], ' '), piece...)
	n, ok := w.cache.Lookup(w.leading)
	if !ok {
		n = w.merger.count(false, w.leading)
		w.cache.Insert(w.leading, n)
	}
	return n
}

// maxScratch is the largest buffer, in bytes, that outlives a count.
const maxScratch = 1 << 20

func (w *worker) Trim() {
	w.chain.Trim(maxScratch)
	if cap(w.normal) > maxScratch {
		w.normal = nil
	}
	if cap(w.composed) > maxScratch {
		w.composed = nil
	}
}
