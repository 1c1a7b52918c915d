package countcache

import (
	"math/bits"
	"runtime"

	"github.com/tallystick/tallystick/kernels/countprobe"
)

// MaxTexts is how many bytes Texts may hold.
const MaxTexts = 4 << 10

// Texts are short texts that are counted at once, back to back: one alone has
// too few keys for the cache to ask for the memory of the last before it waits
// for that of the first. The zero value is empty.
type Texts struct {
	text   [MaxTexts]byte
	starts [MaxTexts/countprobe.Block + 2]uint64 // of the keys in text, and of what is behind it
	ends   []int
	keys   []int // how many each has
	query  query
}

// Clear takes all texts out.
func (t *Texts) Clear() {
	clear(t.starts[:t.len()/countprobe.Block+2])
	t.ends, t.keys = t.ends[:0], t.keys[:0]
}

// len returns how many bytes the texts have.
func (t *Texts) len() int {
	if len(t.ends) == 0 {
		return 0
	}
	return t.ends[len(t.ends)-1]
}

// Add adds a text that is not empty and for which there is room. Bit j of
// starts[i] is set where a key begins, at byte 64i+j, as Starts has it; they
// are as many as text needs, or more. The first is set.
func (t *Texts) Add(text []byte, starts []uint64) {
	at := t.len()
	copy(t.text[at:at+len(text)], text)
	to, shift := t.starts[at/countprobe.Block:], uint(at%countprobe.Block)
	starts = starts[:(len(text)+countprobe.Block-1)/countprobe.Block]
	starts[0] |= 1
	keys := 0
	for i, word := range starts {
		keys += bits.OnesCount64(word)
		to[i] |= word << shift
		to[i+1] |= word >> (countprobe.Block - shift)
	}
	t.ends = append(t.ends, at+len(text))
	t.keys = append(t.keys, keys)
}

// CountTexts adds the number of tokens of the text that was added as the i-th to
// counts[i]. No byte of them is 0xFF.
func (c *Cache) CountTexts(t *Texts, model Model, counts []int) {
	size := t.len()
	if size == 0 {
		return
	}
	t.starts[size/countprobe.Block] |= 1 << (size % countprobe.Block) // which ends the last key
	for i, keys := range t.keys {
		counts[i] += keys
	}
	// So if every key were one token; now for those that may be more.
	q := &t.query
	*q = query{cache: c, model: model}
	c.tallies = counts
	blocks := size/countprobe.Block + 1
	t.starts[0] &^= 1
	open := 0
	for at := 0; at < blocks; at += countprobe.Blocks {
		q.base = at * countprobe.Block
		for t.ends[q.first] <= open {
			q.first++
		}
		_, last := c.chunk.Split(t.starts[at:min(at+countprobe.Blocks, blocks)], open-q.base, c.least)
		open = q.base + last
		c.probed = true
		c.chunk.FillShort(t.text[:size], q.base, c.short.buckets)
		if c.chunk.Wide.Len > 0 {
			t.long()
			c.chunk.FillWide(t.text[:size], q.base, c.wide.buckets)
			t.wide()
		}
		t.short()
	}
	c.answer(t.text[:size], model)
	q.cache, q.model, c.tallies = nil, nil, nil
	runtime.KeepAlive(c)
}

// query is one CountTexts.
type query struct {
	cache *Cache
	model Model
	base  int // where the chunk begins
	first int // the first text with keys that end in it
}

// span returns that of a key of the chunk.
func (q *query) span(start, size int16) Span {
	begin := q.base + int(start)
	return Span{begin, begin + int(size)}
}

// part returns which keys of a list, from one on, are of text i.
func (t *Texts) part(starts []int16, from, i int) (to int) {
	end := t.ends[i] - t.query.base
	for to = from; to < len(starts) && int(starts[to]) < end; to++ {
	}
	return to
}

// short adds up the keys of the short list.
func (t *Texts) short() {
	q := &t.query
	c := q.cache
	list := &c.chunk.Short
	for i, from := q.first, 0; from < list.Len; i++ {
		to := t.part(list.Start[:list.Len], from, i)
		c.owner = i
		c.tallies[i] += c.chunk.ProbeShortPart(c.short.buckets, from, to) - (to - from)
		for _, k := range list.Missing[:list.Misses] {
			k := from + int(k)
			c.missShort(t.text[:t.len()], q.span(list.Start[k], list.Size[k]), list.Key[k], list.Place[k], q.model)
		}
		from = to
	}
}

// wide adds up the keys of the wide list.
func (t *Texts) wide() {
	q := &t.query
	c := q.cache
	list := &c.chunk.Wide
	for i, from := q.first, 0; from < list.Len; i++ {
		to := t.part(list.Start[:list.Len], from, i)
		c.owner = i
		c.tallies[i] += c.chunk.ProbeWidePart(c.wide.buckets, from, to) - (to - from)
		for _, k := range list.Missing[:list.Misses] {
			k := from + int(k)
			c.missWide(t.text[:t.len()], q.span(list.Start[k], list.Size[k]), &list.Key[k], list.Place[k], q.model)
		}
		from = to
	}
}

// long takes the keys out of the wide list that are too long for it.
func (t *Texts) long() {
	q := &t.query
	c := q.cache
	list, n := &c.chunk.Wide, 0
	i := q.first
	for k, size := range list.Size[:list.Len] {
		start := list.Start[k]
		if size <= countprobe.MaxWide {
			list.Start[n], list.Size[n] = start, size
			n++
			continue
		}
		span := q.span(start, size)
		for t.ends[i] <= span.Start {
			i++
		}
		c.owner = i
		c.tallies[i]--
		c.missLong(t.text[:t.len()], span, q.model)
	}
	list.Len = n
}
