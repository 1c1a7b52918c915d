package bpe

import (
	"github.com/tallystick/tallystick/engine/tokenize/countcache"
	"github.com/tallystick/tallystick/kernels/cutscan"
)

// hangulCuts decides for the texts of one worker whether words in Hangul are cut
// into their characters. Endings make so many of them that in most Korean a
// fourth is new, which costs as much as dozens of look-ups; but where a text
// repeats its words, to look up each once is faster. No count depends on it.
//
// For turnOfWords bytes they are whole. If the cache lacks many, the next bytes
// are cut, then it is asked again: for twice as many bytes each time, as long as
// the answer is the same.
type hangulCuts struct {
	cut    bool
	left   int // bytes of the turn
	lacked int // words in it that the cache did not have
	next   int // bytes that will be cut, if the words are still new
}

const (
	turnOfWords = 1 << 16 // bytes
	mostCut     = 1 << 22 // bytes of a turn
	// oftenLacked is how many bytes of text there are for each word that is
	// lacked where cutting them begins to pay.
	oftenLacked = 96
)

func newHangulCuts() hangulCuts { return hangulCuts{left: turnOfWords, next: 2 * turnOfWords} }

// leads returns what the next n bytes of text are to be cut before.
func (h *hangulCuts) leads(n int) *cutscan.Leads {
	if h.left -= n; h.left <= 0 {
		h.turn()
	}
	if h.cut {
		return &cutHangul
	}
	return &cutBefore
}

func (h *hangulCuts) turn() {
	switch {
	case h.cut:
		h.cut, h.left = false, turnOfWords
	case h.lacked > turnOfWords/oftenLacked:
		h.cut, h.left = true, h.next
		h.next = min(2*h.next, mostCut)
	default:
		h.left, h.next = turnOfWords, 2*turnOfWords
	}
	h.lacked = 0
}

// lack notes what the cache did not have.
func (h *hangulCuts) lack(text []byte, keys []countcache.Span) {
	if h.cut {
		return
	}
	for _, key := range keys {
		// A word, with or without the space before it.
		if isHangul(text[key.Start]) || key.End-key.Start > 1 && isHangul(text[key.Start+1]) {
			h.lacked++
		}
	}
}

// isHangul tells whether a byte begins a syllable in Hangul.
func isHangul(lead byte) bool { return cutHangul.Has(lead) && !cutBefore.Has(lead) }
