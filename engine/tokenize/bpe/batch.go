package bpe

import (
	"math/bits"

	"github.com/tallystick/tallystick/engine/tokenize/countcache"
	"github.com/tallystick/tallystick/kernels/countprobe"
	"github.com/tallystick/tallystick/kernels/pairmerge"
)

// merger counts for one goroutine what a cache asks for.
type merger struct {
	*model
	cache  *countcache.Cache // that asks, and holds pieces of the keys as well
	pieces shortPieces       // the short ones
	short  shortMerge
	lanes  *lanes // nil where one key after another is faster
	long   *longLanes
	asked  int       // keys
	tokens *tokenSet // nil beside lanes, and until so many have been asked for that making it pays
}

func newMerger(m *model, cache *countcache.Cache) merger {
	return merger{model: m, cache: cache, lanes: fastLanes(m)}
}

// manyAsked is how many keys pay for making a tokenSet.
const manyAsked = 1 << 12

// counts is a countcache.Model: it counts the tokens of some pretokens, or
// pieces of them, of text.
func (g *merger) counts(text []byte, spans []countcache.Span, counts []int) {
	if g.asked += len(spans); g.tokens == nil && g.lanes == nil && g.asked > manyAsked {
		g.tokens = g.tokenSet()
	}
	var tokens uint64
	if g.tokens != nil {
		tokens = g.tokens.among(text, spans)
	}
	for rest := tokens; rest != 0; rest &= rest - 1 {
		counts[bits.TrailingZeros64(rest)] = 1
	}
	for rest := ^tokens & (1<<len(spans) - 1); rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros64(rest)
		key := text[spans[i].Start:spans[i].End]
		if g.isWhole(key) {
			counts[i] = 1
		} else if g.lanes != nil && g.addToLanes(text, laneKey{spans[i], i, false}, counts) {
			continue
		} else if g.junctions != nil && hasUncut(key) {
			counts[i] = 0
			n := g.sum(text, spans[i], i, counts)
			counts[i] += n
		} else if g.isLong(len(key)) {
			counts[i] = 0
			g.addLong(text, longKey{spans[i], i, false}, counts)
		} else {
			counts[i] = g.merge(key)
		}
	}
	if g.lanes != nil {
		g.mergeLanes(text, counts)
	}
	if g.long != nil && g.long.n > 0 {
		g.long.count(g, text, counts)
	}
}

// addLong leaves a long key, or a part of one, to be counted with others.
func (g *merger) addLong(text []byte, key longKey, counts []int) {
	long := g.longLanes()
	if long.n == len(long.jobs) {
		long.count(g, text, counts)
	}
	long.add(key)
}

// isLong tells whether texts of so many bytes are counted together in windows.
func (g *merger) isLong(size int) bool { return size > pairmerge.Long && g.lanes != nil }

func (g *merger) longLanes() *longLanes {
	if g.long == nil {
		g.long = newLongLanes(g.model, g.lanes)
	}
	return g.long
}

// hasUncut tells whether text has characters of three bytes before which Bits
// does not cut.
func hasUncut(text []byte) bool {
	for _, b := range text {
		if b >= 0xE0 && b < 0xF0 && !cutBefore.Has(b) {
			return true
		}
	}
	return false
}

// sum adds up what lies between the safe cuts of a key, but for those that
// lanes are to add to counts[to]. Pieces repeat where words do not.
func (g *merger) sum(text []byte, span countcache.Span, to int, counts []int) (n int) {
	key := text[span.Start:span.End]
	begin := 0
	add := func(end int) {
		piece, at := key[begin:end], countcache.Span{Start: span.Start + begin, End: span.Start + end}
		if len(piece) <= maxPiece || g.lanes == nil {
			n += g.piece(piece)
		} else if known, ok := g.cache.Lookup(piece); ok {
			n += known
		} else if !g.addToLanes(text, laneKey{at, to, true}, counts) {
			g.addLong(text, longKey{at, to, true}, counts)
		}
		begin = end
	}
	for at := 0; at < len(key); at += 64 {
		var starts [1]uint64
		g.cut(key, at, starts[:], &allScripts)
		for word := starts[0]; word != 0; word &= word - 1 {
			add(at + bits.TrailingZeros64(word))
		}
	}
	switch { // the cache will hold the key
	case begin > 0:
		add(len(key))
	case g.isLong(len(key)):
		g.addLong(text, longKey{span, to, false}, counts)
	default:
		n = g.merge(key)
	}
	return n
}

// piece counts a part of a key.
func (g *merger) piece(text []byte) (n int) {
	if len(text) <= maxPiece {
		key := pieceKey(text)
		if n = g.pieces.lookup(key); n == 0 {
			n = g.merge(text)
			g.pieces.insert(key, n)
		}
		return n
	}
	n, ok := g.cache.Lookup(text)
	if !ok {
		if n = 1; !g.isToken(text) {
			n = g.merge(text)
		}
		g.cache.Insert(text, n)
	}
	return n
}

// isToken tells of a text that it is one token, if that is known without
// merging.
func (g *merger) isToken(text []byte) bool {
	return g.tokens != nil && len(text) <= countprobe.MaxShort && g.tokens.has(countprobe.KeyOf(text))
}

// merge is model.merge without clearing memory first.
func (g *merger) merge(text []byte) int {
	if len(text) > maxShort {
		if g.lanes != nil {
			return g.longLanes().countOne(text)
		}
		return g.countLong(text)
	}
	return g.short.count(g.model, text)
}
