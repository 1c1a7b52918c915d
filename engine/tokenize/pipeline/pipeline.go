// Package pipeline is what every native engine shares: the sections of a
// tokenizer.json, the added tokens that stand in a text, and the order in which
// Hugging Face tokenizers goes about a text (tokenizers/src/tokenizer/mod.rs,
// added_vocabulary.rs):
//
//	added tokens that are not normalised are found in the raw text,
//	the text between them is normalised,
//	normalised added tokens are found in that,
//	the rest, in segments, goes to the pre-tokenizer and the model.
//
// The last two are a Worker's; the packages bpe, spbpe, wordpiece and unigram
// make them.
package pipeline

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/tallystick/tallystick/kernels/utf8valid"
)

// ErrNotUTF8 is what Count returns for a text that is not valid UTF-8.
var ErrNotUTF8 = errors.New("text is not valid UTF-8")

// Worker normalises and counts for one goroutine at a time. What it caches is
// a function of the tokenizer alone, so that dropping it changes no count.
type Worker interface {
	// Normalize returns the normalised text, valid until the next call; that
	// may be text itself. Text is not empty and is not changed.
	Normalize(text []byte) []byte
	// Count returns the number of tokens of a segment of normalised text,
	// which is not empty and holds no added token. First tells that it begins
	// the document. It may overwrite what Normalize returned, within segment.
	Count(segment []byte, first bool) int
	// Trim gives back memory that one unusual text has taken.
	Trim()
}

// Joiner is a Worker that can count a text with the added tokens in it at once.
// Many short segments, such as lines where line feeds are added tokens, cost
// more than their text otherwise.
type Joiner interface {
	Worker
	// Room returns a buffer for the added tokens of CountJoined. It is nil where
	// that may not be called: it may if Normalize returns text as it is, Count
	// does not care which segment is the first, and no added token is
	// normalised, a single word only, or takes white space beside it.
	Room() []Span
	// CountJoined returns the sum of Count of what is between the added tokens
	// of text and of 1 for each of these. They are given in order.
	CountJoined(text []byte, added []Span) int
}

// Streamer is a Worker that need not hold all of a normalised text: that may be
// many times as long as the text, as where a character stands for a sentence.
type Streamer interface {
	Worker
	// Streams tells whether CountStream may be called.
	Streams() bool
	// CountStream is Count of what Normalize returns.
	CountStream(text []byte, first bool) int
}

// Span is the part text[Start:Stop] of a text.
type Span struct{ Start, Stop int }

// Options are what the user of a tokenizer chooses.
type Options struct {
	AddedAsText bool // added tokens that stand in a text are plain text
	CacheBytes  int  // bound of what a Worker caches; 0 is countcache.DefaultBytes
}

// Counter counts tokens for one tokenizer. It is safe for concurrent use.
type Counter struct {
	family     string
	raw        *addedTokens // found in the text as it is
	normalized *addedTokens // found in the normalised text
	joins      bool         // the workers are Joiners and have room
	groups     bool         // the workers are Groupers and group
	defers     bool         // the workers are Deferrers
	workers    sync.Pool    // of *place
}

// place is where a Worker works.
type place struct {
	Worker
	group group
}

// New makes a Counter of the family (a name for users) from the added_tokens
// of a tokenizer.json, none of them with o.AddedAsText, and from what makes a
// Worker.
func New(file Object, o Options, family string, newWorker func() Worker) (*Counter, error) {
	var processor Object
	err := file.Decode("post_processor", &processor)
	if err == nil {
		err = checkPostProcessor(processor)
	}
	if err != nil {
		return nil, fmt.Errorf("post_processor: %w", err)
	}
	c := &Counter{family: family}
	c.workers.New = func() any { return &place{Worker: newWorker()} }
	added, err := file.AddedTokens()
	if err != nil {
		return nil, err
	}
	if o.AddedAsText {
		added = nil
	}
	w := newWorker()
	if err := c.setAdded(added, w); err != nil {
		return nil, fmt.Errorf("added_tokens: %w", err)
	}
	j, ok := w.(Joiner)
	c.joins = ok && j.Room() != nil
	g, ok := w.(Grouper)
	c.groups = ok && g.Groups()
	_, c.defers = w.(Deferrer)
	c.workers.Put(&place{Worker: w})
	return c, nil
}

// Family names the way in which the tokenizer cuts text.
func (c *Counter) Family() string { return c.family }

// Count returns the number of tokens of text, which must be shorter than 2 GiB
// and valid UTF-8 (else ErrNotUTF8). It does not keep text.
func (c *Counter) Count(text []byte) (int, error) {
	if len(text) > math.MaxInt32 {
		return 0, fmt.Errorf("a text of %d bytes is too long", len(text))
	}
	if !utf8valid.Valid(text) {
		return 0, ErrNotUTF8
	}
	p := c.workers.Get().(*place)
	n := c.count(text, p.Worker)
	p.Trim()
	c.workers.Put(p)
	return n, nil
}

func (c *Counter) count(text []byte, w Worker) (n int) {
	if c.joins {
		return c.countJoined(text, w.(Joiner))
	}
	stream, ok := w.(Streamer)
	streams := ok && len(c.normalized.tokens) == 0 && stream.Streams()
	first := true
	pieces := cut(text)
	for piece, added, ok := c.raw.next(&pieces); ok; piece, added, ok = c.raw.next(&pieces) {
		if added {
			n++
			first = false
			continue
		}
		if streams {
			n += stream.CountStream(piece, first)
			first = false
			continue
		}
		segments := cut(w.Normalize(piece))
		for segment, added, ok := c.normalized.next(&segments); ok; segment, added, ok = c.normalized.next(&segments) {
			if added {
				n++
			} else {
				n += w.Count(segment, first)
			}
			first = false
		}
		first = false
	}
	return n
}

// countJoined is count by a Joiner that has room.
func (c *Counter) countJoined(text []byte, w Joiner) (n int) {
	added := w.Room()
	for done, from := 0, 0; done < len(text); {
		k, end := 0, len(text)
		for k < len(added) && from < len(text) {
			start, stop, token := c.raw.find(text, from)
			if token == nil {
				from = len(text)
				break
			}
			added[k] = Span{start - done, stop - done}
			k, from = k+1, stop
		}
		if k == len(added) {
			end = from
		}
		n += w.CountJoined(text[done:end], added[:k])
		done = end
	}
	return n
}

// setAdded sets up the search for added tokens (added_vocabulary.rs): special
// ones come first, and those to be normalised are looked for in their
// normalised form.
func (c *Counter) setAdded(list []AddedToken, w Worker) error {
	var raw, normalized [2][]AddedToken // by special, others
	seen := make(map[string]AddedFlags, len(list))
	for _, t := range list {
		if t.Content == "" {
			continue
		}
		if earlier, ok := seen[t.Content]; ok {
			if earlier != t.Flags {
				return Unsupported("two of %q with different flags", t.Content)
			}
			continue
		}
		seen[t.Content] = t.Flags
		rank := 1
		if t.Flags.Special {
			rank = 0
		}
		if !t.Flags.Normalized {
			raw[rank] = append(raw[rank], t)
			continue
		}
		if t.Content = string(w.Normalize([]byte(t.Content))); t.Content == "" {
			return Unsupported("a token that its normalizer leaves empty")
		}
		normalized[rank] = append(normalized[rank], t)
	}
	for _, tokens := range [2][]AddedToken{append(raw[0], raw[1]...), append(normalized[0], normalized[1]...)} {
		if err := checkStripping(tokens); err != nil {
			return err
		}
	}
	c.raw = newAddedTokens(append(raw[0], raw[1]...))
	c.normalized = newAddedTokens(append(normalized[0], normalized[1]...))
	return nil
}

// checkStripping refuses tokens on which Hugging Face fails: one of white space
// that a token before it has taken, and that then begins, for what it takes
// itself, after its own end.
func checkStripping(tokens []AddedToken) error {
	for _, t := range tokens {
		if t.Flags.LStrip && !t.Flags.RStrip && spacesAfter([]byte(t.Content)) == len(t.Content) &&
			slices.ContainsFunc(tokens, func(other AddedToken) bool { return other.Flags.RStrip }) {
			return Unsupported("lstrip of %q beside a token with rstrip", t.Content)
		}
	}
	return nil
}
