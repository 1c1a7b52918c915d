package bpe

import (
	"github.com/tallystick/tallystick/engine/tokenize/countcache"
	"github.com/tallystick/tallystick/kernels/pairmerge"
)

// lanes holds keys of one batch that are merged together, by kind: what merges
// together begins alike and takes about as many steps.
type lanes struct {
	tables *pairmerge.Tables
	kinds  [4]laneKind
	text   [pairmerge.Lanes][pairmerge.Long]byte
}

const _ = -uint(countcache.Batch % pairmerge.Lanes) // a batch is whole groups

// A laneKind begins with bytes or with characters, and has at most longest of
// them.
type laneKind struct {
	chars   bool
	longest int
	n       int // keys
	keys    [countcache.Batch]laneKey
	size    [countcache.Batch]uint32 // in bytes or characters
	groups  [countcache.Batch / pairmerge.Lanes]pairmerge.Group
}

type laneKey struct {
	span countcache.Span
	to   int  // the count that it adds to
	part bool // of a key, which the cache holds apart as well
}

// fastLanes returns nil where one key after another is faster.
func fastLanes(m *model) *lanes {
	if !pairmerge.Fast() {
		return nil
	}
	return newLanes(m)
}

// newLanes returns nil for a model without merges, or with too many.
func newLanes(m *model) *lanes {
	if len(m.checks) == 0 || m.pairs.idBits > pairmerge.MaxBits {
		return nil
	}
	l := &lanes{tables: pairmerge.NewTables(m.pairs.buckets, m.pairs.idBits, m.checks, (*[1 << 16]symbol)(m.bytes))}
	for i := range l.kinds {
		l.kinds[i].chars, l.kinds[i].longest = i&1 != 0, pairmerge.Short
		if i&2 != 0 {
			l.kinds[i].longest = pairmerge.Long
		}
	}
	return l
}

// addToLanes takes a key of text; false if it is none for lanes.
func (g *merger) addToLanes(text []byte, k laneKey, counts []int) bool {
	m, key := g.model, text[k.span.Start:k.span.End]
	if m.junctions != nil && !isASCII(key) {
		var symbols [pairmerge.Long]symbol
		if n, ok := m.charSymbols(&symbols, key); ok {
			kind := g.laneKind(true, n, text, counts)
			group, lane := &kind.groups[kind.n/pairmerge.Lanes], kind.n%pairmerge.Lanes
			for i, id := range symbols[:n] {
				group.Symbols[i][lane] = id
			}
			kind.add(k, n)
			return true
		}
	}
	if len(key) > pairmerge.Long {
		return false
	}
	g.laneKind(false, len(key), text, counts).add(k, len(key))
	return true
}

// laneKind returns the one for texts that begin with so many bytes or characters,
// in which there is room.
func (g *merger) laneKind(chars bool, size int, text []byte, counts []int) *laneKind {
	kind := g.lanes.kind(chars, size)
	if kind.n == len(kind.keys) {
		g.mergeKind(kind, text, counts)
	}
	return kind
}

// kind returns the one for texts that begin with so many bytes or characters.
func (l *lanes) kind(chars bool, size int) *laneKind {
	i := 0
	if chars {
		i = 1
	}
	if size > pairmerge.Short {
		i += 2
	}
	return &l.kinds[i]
}

func (k *laneKind) add(key laneKey, size int) {
	k.keys[k.n], k.size[k.n] = key, uint32(size)
	k.n++
}

// charSymbols sets symbols to those of the characters of text; false if there
// are too many, or merging may not begin with them.
func (m *model) charSymbols(symbols *[pairmerge.Long]symbol, text []byte) (n int, ok bool) {
	j := m.junctions
	var left uint32 // character
	for i := 0; i < len(text); n++ {
		char, size := uint32(text[i]), 1
		switch {
		case char < 0x80:
		case char < 0xE0:
			char, size = char&0x1F<<6|uint32(text[i+1]&0x3F), 2
		case char < 0xF0:
			char, size = char&0xF<<12|uint32(text[i+1]&0x3F)<<6|uint32(text[i+2]&0x3F), 3
		default:
			return 0, false
		}
		id := j.symbols[char&0xFFFF]
		if n == len(symbols) || id == dead || i > 0 && left|char >= 0x80 && j.torn.has(left, char) {
			return 0, false
		}
		symbols[n] = id
		left = char
		i += size
	}
	return n, true
}

// mergeLanes counts the keys that wait in lanes.
func (g *merger) mergeLanes(text []byte, counts []int) {
	for i := range g.lanes.kinds {
		if kind := &g.lanes.kinds[i]; kind.n > 0 {
			g.mergeKind(kind, text, counts)
		}
	}
}

// fewest is how many keys are merged as fast together as one after another.
const fewest = 3

func (g *merger) mergeKind(kind *laneKind, text []byte, counts []int) {
	const lanes = pairmerge.Lanes
	if kind.n < fewest {
		for _, key := range kind.keys[:kind.n] {
			g.addCount(text, key, g.merge(text[key.span.Start:key.span.End]), counts)
		}
		kind.n = 0
		return
	}
	groups := kind.groups[:(kind.n+lanes-1)/lanes]
	if !kind.chars && len(groups) > 1 {
		kind.sort()
	}
	clear(kind.size[kind.n : len(groups)*lanes])
	for i := range groups {
		size := (*[lanes]uint32)(kind.size[i*lanes:])
		if kind.chars {
			groups[i].StartSymbols(g.lanes.tables, size, kind.longest)
			continue
		}
		for lane, key := range kind.keys[i*lanes : min((i+1)*lanes, kind.n)] {
			row := &g.lanes.text[lane]
			if from := text[key.span.Start:]; len(from) >= len(row) {
				*row = [pairmerge.Long]byte(from) // what is behind the key is not looked at
			} else {
				copy(row[:], text[key.span.Start:key.span.End])
			}
		}
		groups[i].StartBytes(g.lanes.tables, &g.lanes.text, size, kind.longest)
	}
	pairmerge.Run(groups, g.lanes.tables, kind.longest)
	for i, key := range kind.keys[:kind.n] {
		n, ok := groups[i/lanes].Count(i % lanes)
		if !ok {
			n = g.merge(text[key.span.Start:key.span.End])
		}
		g.addCount(text, key, n, counts)
	}
	kind.n = 0
}

// addCount adds the tokens of a key, or of a part of one.
func (g *merger) addCount(text []byte, key laneKey, n int, counts []int) {
	if !key.part {
		counts[key.to] = n
		return
	}
	counts[key.to] += n
	g.cache.Insert(text[key.span.Start:key.span.End], n)
}

// sort brings the keys into the order of their sizes: those of a group should
// be done together.
func (k *laneKind) sort() {
	var begin [pairmerge.Long + 1]uint8
	for _, size := range k.size[:k.n] {
		begin[size%(pairmerge.Long+1)]++
	}
	sum := uint8(0)
	for i, n := range begin {
		begin[i] = sum
		sum += n
	}
	keys, size := k.keys, k.size
	for i, n := range size[:k.n] {
		at := &begin[n%(pairmerge.Long+1)]
		k.keys[*at%countcache.Batch], k.size[*at%countcache.Batch] = keys[i], n
		*at++
	}
}
