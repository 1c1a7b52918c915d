// Package bpe counts the tokens of byte-level BPE tokenizers exactly, and
// counts only: no ids are made.
//
// The definition is the number of ids that Hugging Face tokenizers 0.22.2
// returns with add_special_tokens=false and truncation and padding off. What
// package pipeline leaves of a text is cut into pretokens, and every pretoken
// is merged.
//
// What a tokenizer.json asks for is recognised from its normalizer,
// pre_tokenizer, model and added_tokens, never from a name. Package pretoken
// lists the families of pre-tokenizers.
//
// Anything else is refused with an error that wraps doc.ErrUnsupported and
// names the thing. The Unicode data is that of package ucd.
package bpe

import (
	"slices"

	"github.com/tallystick/tallystick/engine/tokenize/automaton"
	"github.com/tallystick/tallystick/engine/tokenize/countcache"
	"github.com/tallystick/tallystick/engine/tokenize/normalize"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
	"github.com/tallystick/tallystick/engine/tokenize/pretoken"
	"github.com/tallystick/tallystick/engine/tokenize/ucd"
)

// tokenizer is what a file asks for, without its added tokens.
type tokenizer struct {
	family      string
	rules       *pretoken.Rules
	splitter    *automaton.Splitter // in place of rules that are nil
	nfc         bool                // text between added tokens is brought to NFC
	steps       []normalize.Step    // what else is done to it, if not nfc
	prefixSpace bool                // a segment that does not begin with a space is given one
	model       *model
}

// New makes a Counter from the sections of a tokenizer.json. With o.AddedAsText,
// added tokens that stand in a text are counted as plain text. A configuration
// that this package does not know exactly gives an error that wraps
// doc.ErrUnsupported.
//
// A count needs about 40 bytes of memory for each byte of the longest
// pretoken, given back afterwards; most texts need none.
func New(file pipeline.Object, o pipeline.Options) (*pipeline.Counter, error) {
	c, _, err := Open(file, o)
	return c, err
}

// worker is a pipeline.Worker.
type worker struct {
	*tokenizer
	cache      *countcache.Cache
	merger     merger
	scanner    pretoken.Scanner
	hangul     hangulCuts
	text       []byte // that is counted
	scanned    int    // bytes of it whose bits have been given
	normalizer ucd.Normalizer
	normal     []byte
	chain      normalize.Chain
	prefixed   []byte
	texts      countcache.Texts // of CountGroup
}

func newWorker(t *tokenizer, cacheBytes int) *worker {
	cache := countcache.New(countcache.Options{MaxBytes: cacheBytes, BytesAreTokens: true})
	return &worker{
		tokenizer: t, cache: cache, merger: newMerger(t.model, cache), hangul: newHangulCuts(),
		chain: normalize.Chain{Steps: t.steps},
	}
}

// Normalize returns the text as the normalizer of the file makes it.
func (w *worker) Normalize(text []byte) []byte {
	if !w.nfc {
		return w.chain.Run(text)
	}
	quick := ucd.QuickNFC(text)
	if quick == len(text) {
		return text
	}
	w.normal = append(slices.Grow(w.normal[:0], len(text)), text[:quick]...)
	w.normal = w.normalizer.AppendNFC(w.normal, text[quick:])
	return w.normal
}

// Count cuts a segment into pretokens, and these into pieces, and adds up the
// tokens.
func (w *worker) Count(text []byte, first bool) (n int) {
	if w.prefixSpace && text[0] != ' ' {
		w.prefixed = append(append(w.prefixed[:0], ' '), text...)
		text = w.prefixed
	}
	w.scanner.Start(w.rules, text)
	w.text, w.scanned = text, 0
	return w.cache.Count(text, w, w)
}

// Defer and Settle make the worker a pipeline.Deferrer.
func (w *worker) Defer(counts []int, i int) { w.cache.Defer(counts, i) }
func (w *worker) Settle()                   { w.cache.Settle(w) }

// Bits makes the worker the countcache.Starts of its text: pretokens, and their
// pieces where they can be cut.
func (w *worker) Bits(dst []uint64) (blocks int) {
	blocks = w.scanner.Bits(dst)
	w.model.cut(w.text, w.scanned, dst[:blocks], w.hangul.leads(blocks*pretoken.Block))
	w.scanned += blocks * pretoken.Block
	return blocks
}

// Counts makes the worker the countcache.Model of its cache.
func (w *worker) Counts(text []byte, pieces []countcache.Span, counts []int) {
	w.hangul.lack(text, pieces)
	w.merger.counts(text, pieces, counts)
}

// maxScratch is the largest buffer, in bytes, that outlives a count.
const maxScratch = 1 << 20

func (w *worker) Trim() {
	w.text = nil
	w.chain.Trim(maxScratch)
	if cap(w.normal) > maxScratch {
		w.normal = nil
	}
	if cap(w.prefixed) > maxScratch {
		w.prefixed = nil
	}
}
