// Package countcache counts the tokens of a text whose pretokens, its keys
// here, have been found: by remembering the count of every key it has seen.
//
// A Cache is a bounded map from byte strings to counts for one goroutine. Keys
// of up to 15 and of up to 31 bytes are in two tables that package countprobe
// probes many keys at a time; longer ones, which are rare, in a table of their
// own. What the cache does not hold is counted by a Model, many keys at a time.
//
// What is held is a function of the model alone: a cache of any size, wiped at
// any time, gives the same counts.
package countcache

import (
	"math/bits"
	"runtime"
	"slices"

	"github.com/tallystick/tallystick/kernels/countprobe"
)

// Starts tells where the keys of a text begin.
type Starts interface {
	// Bits fills dst with the next at most len(dst) blocks of 64 bytes and
	// returns how many they are, 0 after the last: bit j of dst[i] is set where
	// a key begins, and ends the one before, at byte 64i+j counted from the
	// first of these blocks. No bit is set beyond the text.
	Bits(dst []uint64) (blocks int)
}

// Span is the key text[Start:End] of a text.
type Span struct{ Start, End int }

// Model counts the tokens of keys.
type Model interface {
	// Counts sets counts[i] to the number of tokens of spans[i] of text. There
	// are at most Batch spans. It may look up and insert parts of them in the
	// cache that asks. A count below zero is added up like any other, and not
	// kept: the model is asked for the next key like it again.
	Counts(text []byte, spans []Span, counts []int)
}

// Batch is the largest number of keys that a Model is asked for at once: many,
// as a Model may work on them side by side.
const Batch = 64

// Options of a Cache.
type Options struct {
	// MaxBytes is the most memory that the entries take, but for a few hundred
	// bytes; 0 means DefaultBytes. A cache begins small.
	MaxBytes int

	// BytesAreTokens promises that every key of one byte is one token: these
	// need no entry.
	BytesAreTokens bool
}

// DefaultBytes is the default of Options.MaxBytes.
const DefaultBytes = 64 << 20

// Shares of MaxBytes: 1/shortShare of it, and so on.
const (
	shortShare = 2
	wideShare  = 4
	longShare  = 4
)

const blocksAhead = 64 // blocks of start bits asked for at once

// Cache is not safe for concurrent use.
type Cache struct {
	short table[countprobe.Key, countprobe.Bucket, *countprobe.Bucket]
	wide  table[countprobe.WideKey, countprobe.WideBucket, *countprobe.WideBucket]
	long  longKeys
	least int // bytes of the shortest key that needs an entry

	// Of one Count:
	chunk  countprobe.Chunk
	starts [blocksAhead + 1]uint64
	probed bool // the tables are as they were when the chunk was looked up
	asked  int  // keys that wait for the model
	spans  [Batch]Span
	keys   [Batch]countprobe.WideKey // of the tables; a short key is the first words
	hashes [Batch]uint32             // of long keys
	counts [Batch]int
	owners [Batch]int // of counts, in tallies

	repeats repeats

	// tallies is where the model's answers are added up: one for each text, of
	// which owner is the one whose keys are looked up.
	tallies  []int
	owner    int
	total    [1]int // the tallies of Count
	deferred deferred
}

// New returns an empty cache.
func New(o Options) *Cache {
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultBytes
	}
	c := &Cache{least: 1}
	if o.BytesAreTokens {
		c.least = 2
	}
	c.short.init(countprobe.Place, o.MaxBytes/shortShare)
	c.wide.init(countprobe.PlaceWide, o.MaxBytes/wideShare)
	c.long.init(o.MaxBytes / longShare)
	return c
}

// Wipe forgets all entries.
func (c *Cache) Wipe() {
	c.short.wipe()
	c.wide.wipe()
	c.long.wipe()
	runtime.KeepAlive(c)
}

// Lookup returns the count of a key, if the cache holds it.
func (c *Cache) Lookup(key []byte) (count int, ok bool) {
	switch {
	case len(key) < c.least:
		return 1, true
	case len(key) <= countprobe.MaxShort:
		count, ok = c.short.lookup(countprobe.KeyOf(key))
	case len(key) <= countprobe.MaxWide:
		count, ok = c.wide.lookup(countprobe.WideKeyOf(key))
	default:
		count, ok = c.long.lookup(c.long.hash(key), key)
	}
	runtime.KeepAlive(c)
	return count, ok
}

// Insert makes the cache hold the count of a key, unless it does already or
// the key is too long. Other entries may go.
func (c *Cache) Insert(key []byte, count int) {
	switch {
	case len(key) < c.least:
	case len(key) <= countprobe.MaxShort:
		c.short.insert(countprobe.KeyOf(key), count)
	case len(key) <= countprobe.MaxWide:
		c.wide.insert(countprobe.WideKeyOf(key), count)
	default:
		c.long.insert(c.long.hash(key), key, count)
	}
	runtime.KeepAlive(c)
}

// Count returns the number of tokens of text, whose keys begin where starts
// says, the first at 0 in any case. No byte of text is 0xFF, which UTF-8 has no
// use for.
func (c *Cache) Count(text []byte, starts Starts, model Model) (total int) {
	if c.total[0] = 0; !c.deferred.on {
		c.tallies, c.owner = c.total[:], 0
	}
	open := 0 // where the key begins that has not ended yet
	for base := 0; base < len(text); {
		blocks := starts.Bits(c.starts[:blocksAhead])
		if blocks == 0 {
			panic("countcache: the start bits end before the text")
		}
		words := c.starts[:blocks]
		if base == 0 {
			words[0] &^= 1
		}
		if end := len(text) - base; end <= blocks*countprobe.Block {
			// The end of the text ends the last key, as one more start does.
			c.starts[blocks] = 0
			words = c.starts[:end/countprobe.Block+1]
			words[end/countprobe.Block] |= 1 << (end % countprobe.Block)
		}
		for len(words) > 0 {
			n := min(countprobe.Blocks, len(words))
			total += c.count(text, base, words[:n], &open, model)
			words = words[n:]
			base += n * countprobe.Block
		}
	}
	if !c.deferred.on {
		c.answer(text, model)
	}
	runtime.KeepAlive(c) // the memory of the tables goes when c does
	return total + c.total[0]
}

// count is Count for the keys that end in the chunk at base, but for those that
// the tables do not hold.
func (c *Cache) count(text []byte, base int, starts []uint64, open *int, model Model) (total int) {
	if base-*open > countprobe.Behind {
		i := slices.IndexFunc(starts, func(word uint64) bool { return word != 0 })
		if i < 0 {
			return 0
		}
		end := base + i*countprobe.Block + bits.TrailingZeros64(starts[i])
		starts[i] &= starts[i] - 1
		c.missLong(text, Span{*open, end}, model)
		*open = end
	}
	chunk := &c.chunk
	spans, last := chunk.Split(starts, *open-base, c.least)
	*open = base + last
	total += spans - chunk.Short.Len - chunk.Wide.Len

	c.probed = true
	chunk.FillShort(text, base, c.short.buckets)
	if chunk.Wide.Len > 0 {
		c.askLong(text, base, model)
		chunk.FillWide(text, base, c.wide.buckets)
		total += chunk.ProbeWide(c.wide.buckets)
	}
	total += chunk.ProbeShort(c.short.buckets)
	for _, i := range chunk.Short.Missing[:chunk.Short.Misses] {
		start := base + int(chunk.Short.Start[i])
		c.missShort(text, Span{start, start + int(chunk.Short.Size[i])}, chunk.Short.Key[i], chunk.Short.Place[i], model)
	}
	for _, i := range chunk.Wide.Missing[:chunk.Wide.Misses] {
		start := base + int(chunk.Wide.Start[i])
		c.missWide(text, Span{start, start + int(chunk.Wide.Size[i])}, &chunk.Wide.Key[i], chunk.Wide.Place[i], model)
	}
	return total
}

// askLong takes the keys out of the wide list of the chunk that are too long
// for it.
func (c *Cache) askLong(text []byte, base int, model Model) {
	list, n := &c.chunk.Wide, 0
	for i, size := range list.Size[:list.Len] {
		if size <= countprobe.MaxWide {
			list.Start[n], list.Size[n] = list.Start[i], size
			n++
			continue
		}
		start := base + int(list.Start[i])
		c.missLong(text, Span{start, start + int(size)}, model)
	}
	list.Len = n
}

// missShort counts a key that the probe has not found at its place in the short
// table.
func (c *Cache) missShort(text []byte, span Span, key countprobe.Key, place uint32, model Model) {
	waiting := c.repeats.at(place)
	if i := int(*waiting); i < c.asked && c.keys[i][0] == key.Low && c.keys[i][1] == key.High {
		c.repeat(text, span, i, model)
		return
	}
	// Entries go to the neighbour when the home is full.
	if home := &c.short.buckets[place/line%uint32(len(c.short.buckets))]; !c.probed || home.Low[3] != 0 {
		if count, ok := c.short.lookup(key); ok {
			c.tallies[c.owner] += count
			return
		}
	}
	*waiting = uint8(c.asked)
	c.ask(text, span, countprobe.WideKey{key.Low, key.High}, model)
}

// missWide is missShort of the wide table.
func (c *Cache) missWide(text []byte, span Span, key *countprobe.WideKey, place uint32, model Model) {
	waiting := c.repeats.at(place)
	if i := int(*waiting); i < c.asked && c.keys[i] == *key {
		c.repeat(text, span, i, model)
	} else if count, ok := c.wide.lookup(*key); ok {
		c.tallies[c.owner] += count
	} else {
		*waiting = uint8(c.asked)
		c.ask(text, span, *key, model)
	}
}

// missLong counts a key that is in no table.
func (c *Cache) missLong(text []byte, span Span, model Model) {
	key := text[span.Start:span.End]
	hash := c.long.hash(key)
	if count, ok := c.long.lookup(hash, key); ok {
		c.tallies[c.owner] += count
	} else if c.deferred.on && len(key) > maxDeferred {
		c.answerOne(text, span, model)
	} else {
		c.hashes[c.asked] = hash
		c.ask(text, span, countprobe.WideKey{}, model)
	}
}

// ask leaves a key to the model; key is span's in the tables.
func (c *Cache) ask(text []byte, span Span, key countprobe.WideKey, model Model) {
	if c.deferred.on {
		span = c.deferred.add(text[span.Start:span.End])
	}
	c.spans[c.asked], c.keys[c.asked], c.owners[c.asked] = span, key, c.owner
	if c.asked++; c.asked == Batch || len(c.deferred.text) > maxDeferred {
		c.answer(text, model)
	}
}

// answer counts and inserts the keys that wait for the model.
func (c *Cache) answer(text []byte, model Model) {
	if c.asked == 0 {
		return
	}
	if c.deferred.on {
		text = c.deferred.text
	}
	model.Counts(text, c.spans[:c.asked], c.counts[:c.asked])
	for i, span := range c.spans[:c.asked] {
		count := c.counts[i]
		c.tallies[c.owners[i]] += count
		switch size := span.End - span.Start; {
		case size <= countprobe.MaxShort:
			c.short.insert(countprobe.Key{Low: c.keys[i][0], High: c.keys[i][1]}, count)
		case size <= countprobe.MaxWide:
			c.wide.insert(c.keys[i], count)
		default:
			c.long.insert(c.hashes[i], text[span.Start:span.End], count)
		}
	}
	c.answerRepeats(text, model)
	c.asked, c.probed = 0, false
	c.deferred.text = c.deferred.text[:0]
}
