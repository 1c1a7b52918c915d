package bpe

import "github.com/tallystick/tallystick/engine/tokenize/countcache"

// merger counts for one goroutine.
type merger struct {
	*model
	short shortMerge
}

// counts is a countcache.Model: it counts the tokens of some pretokens, or
// pieces of them, of text.
func (g *merger) counts(text []byte, spans []countcache.Span, counts []int) {
	m := g.model
	for i, span := range spans {
		key := text[span.Start:span.End]
		if len(key) > maxShort || m.whole != nil {
			counts[i] = m.count(key)
		} else {
			counts[i] = g.short.count(m, key)
		}
	}
}
