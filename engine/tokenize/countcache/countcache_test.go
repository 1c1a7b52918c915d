package countcache

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/kernels/countprobe"
)

// words is a Starts: a key begins at each of its set bits.
type words struct {
	bits []uint64
	most int // blocks at once; 0 for as many as wanted
}

func (w *words) Bits(dst []uint64) int {
	if w.most > 0 {
		dst = dst[:min(w.most, len(dst))]
	}
	n := copy(dst, w.bits)
	w.bits = w.bits[n:]
	return n
}

// wordsOf begins a key at each place.
func wordsOf(text []byte, places []int) []uint64 {
	bits := make([]uint64, (len(text)+63)/64)
	for _, i := range places {
		bits[i/64] |= 1 << (i % 64)
	}
	return bits
}

// afterSpaces begins a key at each run of spaces and after it.
func afterSpaces(text []byte) []uint64 {
	var places []int
	for i := 1; i < len(text); i++ {
		if (text[i] == ' ') != (text[i-1] == ' ') {
			places = append(places, i)
		}
	}
	return wordsOf(text, places)
}

// toy is a Model whose counts are 0 to the bytes of the key, with bytes as
// tokens.
type toy struct {
	asked int
	seen  map[string]int // how often each key was asked for, if not nil
}

func (m *toy) Counts(text []byte, spans []Span, counts []int) {
	if len(spans) == 0 || len(spans) > Batch || len(spans) != len(counts) {
		panic("a batch of a wrong size")
	}
	for i, s := range spans {
		counts[i] = toyCount(text[s.Start:s.End])
		m.asked++
		if m.seen != nil {
			m.seen[string(text[s.Start:s.End])]++
		}
	}
}

func toyCount(key []byte) int {
	if len(key) == 1 {
		return 1
	}
	h := uint32(2166136261)
	for _, b := range key {
		h = (h ^ uint32(b)) * 16777619
	}
	return int(h>>8) % (len(key) + 1)
}

// slow is what Count returns.
func slow(text []byte, starts []uint64) (total int) {
	open := 0
	for i := 1; i < len(text); i++ {
		if starts[i/64]>>(i%64)&1 == 1 {
			total += toyCount(text[open:i])
			open = i
		}
	}
	if len(text) > 0 {
		total += toyCount(text[open:])
	}
	return total
}

func check(t *testing.T, c *Cache, text []byte, starts []uint64, blocks int) {
	t.Helper()
	want := slow(text, starts)
	if got := c.Count(text, &words{bits: starts, most: blocks}, new(toy)); got != want {
		t.Fatalf("Count of %d bytes, %d blocks at once = %d, want %d", len(text), blocks, got, want)
	}
}

// caches are of all sizes, the smallest having room for a few keys.
func caches() map[string]*Cache {
	all := map[string]*Cache{}
	for _, bytes := range []int{1, 1 << 10, 1 << 14, 0} {
		for _, tokens := range []bool{false, true} {
			all[fmt.Sprintf("%d %v", bytes, tokens)] = New(Options{MaxBytes: bytes, BytesAreTokens: tokens})
		}
	}
	return all
}

func eachKernel(t *testing.T, run func(t *testing.T)) {
	t.Run("chosen", run)
	restore := countprobe.ForceGeneric()
	defer restore()
	t.Run("forced generic", run)
}

func randomText(random *rand.Rand, n int) []byte {
	text := make([]byte, n)
	for i := range text {
		text[i] = "\x00aab\xfe "[random.IntN(6)]
	}
	return text
}

func randomPlaces(random *rand.Rand, n, longest int) (places []int) {
	for i := 0; i < n; i += 1 + random.IntN(longest) {
		places = append(places, i)
	}
	return places
}

func TestEveryLength(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		for _, c := range caches() {
			random := rand.New(rand.NewPCG(1, 2))
			for n := 0; n < 2300; n += 1 + n/200 {
				text := randomText(random, n)
				starts := wordsOf(text, randomPlaces(random, n, 1+random.IntN(45)))
				check(t, c, text, starts, n%5)
				if n%100 == 99 {
					c.Wipe()
				}
			}
		}
	})
}

// Keys of 0xFE bytes and NULs: the padding is not mistaken for text.
func TestNULs(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		for _, c := range caches() {
			for size := 1; size < 70; size++ {
				for _, fill := range []byte{0, 0xFE} {
					text := bytes.Repeat([]byte{fill}, 20*size)
					var places []int
					for i := 0; i < len(text); i += size {
						places = append(places, i)
					}
					check(t, c, text, wordsOf(text, places), 0)
				}
			}
		}
	})
}

func TestKeysLongerThanChunks(t *testing.T) {
	text := bytes.Repeat([]byte("long "), 1<<15)
	for _, c := range caches() {
		for _, places := range [][]int{
			nil,
			{len(text) - 1},
			{countprobe.Behind}, {countprobe.Behind + 1}, {countprobe.Behind - 1},
			{countprobe.Behind + 1023}, {countprobe.Behind + 1024}, {countprobe.Behind + 1025, countprobe.Behind + 1026},
			{1 << 16, 1<<16 + 1, 1<<16 + 2, 1<<16 + 70}, {32768, 32769}, {65535, 131071}, {100000, 100016, 100032, 160000},
		} {
			check(t, c, text, wordsOf(text, places), 0)
			check(t, c, text, wordsOf(text, places), 1)
		}
	}
}

// A key that is missed many times in one chunk is held once: a second entry
// would be counted twice.
func TestDuplicates(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		for _, key := range []string{"word", "a word of some size", strings.Repeat("long", 20)} {
			text := []byte(strings.Repeat(key, 40))
			var places []int
			for i := 0; i < len(text); i += len(key) {
				places = append(places, i)
			}
			c, m := New(Options{}), &toy{seen: map[string]int{}}
			for range 3 {
				want := 40 * toyCount([]byte(key))
				if got := c.Count(text, &words{bits: wordsOf(text, places)}, m); got != want {
					t.Errorf("Count of %q 40 times = %d, want %d", key, got, want)
				}
			}
			// Once, where a table has the key.
			if m.seen[key] > 1 && (len(key) <= countprobe.MaxWide || m.seen[key] > Batch) {
				t.Errorf("the model was asked for %q %d times", key, m.seen[key])
			}
			if held := c.short.held + c.wide.held + c.long.held; held != 1 {
				t.Errorf("%d entries for %q", held, key)
			}
		}
	})
}

// manyKeys is a text of n different words of all lengths, some often.
func manyKeys(n int) []byte {
	var b bytes.Buffer
	random := rand.New(rand.NewPCG(7, 7))
	for i := range n {
		fmt.Fprintf(&b, "%x%s ", i, "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"[:random.IntN(40)*(i%2)])
		if i%3 == 0 {
			b.WriteString("often ")
		}
	}
	return b.Bytes()
}

func TestGrowthAndMemory(t *testing.T) {
	text := manyKeys(120_000)
	starts := afterSpaces(text)
	for _, most := range []int{1 << 12, 8 << 20, 0} {
		c := New(Options{MaxBytes: most, BytesAreTokens: true})
		for range 2 {
			check(t, c, text, starts, 0)
		}
		if most == 0 {
			m := new(toy)
			c.Count(text, &words{bits: starts}, m)
			if m.asked > 120_000/20 {
				t.Errorf("%d of about 120000 keys were forgotten by a cache of %d bytes that holds %d and %d and %d",
					m.asked, DefaultBytes, c.short.held, c.wide.held, c.long.held)
			}
			most = DefaultBytes
		}
		if used := len(c.short.memory.bytes) + len(c.wide.memory.bytes) + c.long.bytes; used > most {
			t.Errorf("%d bytes used of %d", used, most)
		}
		slots := 4*len(c.short.buckets) + 2*len(c.wide.buckets)
		if c.short.held+c.wide.held > slots {
			t.Errorf("%d entries in %d slots", c.short.held+c.wide.held, slots)
		}
		seen := map[string]bool{}
		for i := range c.short.buckets {
			for way := range 4 {
				key, _ := c.short.buckets[i].Entry(way)
				if key != (countprobe.Key{}) && seen[fmt.Sprint(key)] {
					t.Fatalf("key %x is held twice", key)
				}
				seen[fmt.Sprint(key)] = true
			}
		}
	}
}

// Of two ways entries go early: the table grows for it, while it may.
func TestGrowthWhereEntriesGo(t *testing.T) {
	const keys = 125_000
	var text []byte
	for i := range keys {
		text = fmt.Appendf(text, "%0*x ", 16+i%13, i)
	}
	starts := afterSpaces(text)
	c, m := New(Options{}), new(toy)
	for range 4 {
		m.asked = 0
		c.Count(text, &words{bits: starts}, m)
	}
	if m.asked > keys/64 {
		t.Errorf("%d of %d keys were forgotten by a table of %d", m.asked, keys, 2*len(c.wide.buckets))
	}
}

func TestLookupAndInsert(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		c := New(Options{BytesAreTokens: true})
		held := map[string]int{}
		for size := 1; size <= maxLongKey; size++ {
			key := bytes.Repeat([]byte{byte(size)}, size)
			if bytes.Contains(key, []byte{0xFF}) {
				continue
			}
			if n, ok := c.Lookup(key); ok != (size == 1) || ok && n != 1 {
				t.Errorf("an empty cache has %d, %v for a key of %d bytes", n, ok, size)
			}
			c.Insert(key, size-1)
			c.Insert(key, size-1)
			held[string(key)] = max(size-1, 1)
		}
		for key, want := range held {
			if n, ok := c.Lookup([]byte(key)); !ok || n != want {
				t.Errorf("Lookup of %d bytes = %d, %v, want %d", len(key), n, ok, want)
			}
		}
		c.Wipe()
		for key := range held {
			if _, ok := c.Lookup([]byte(key)); ok && len(key) > 1 {
				t.Errorf("a wiped cache has a key of %d bytes", len(key))
			}
		}
		// Counts too large for a table, and keys too long, are not held.
		c.Insert([]byte("many"), 256)
		c.Insert(make([]byte, maxLongKey+1), 3)
		if c.short.held+c.long.held > 0 {
			t.Error("held what does not fit")
		}
	})
}

// reentrant is a Model that asks the cache for the halves of a key.
type reentrant struct {
	c *Cache
	toy
}

func (m *reentrant) Counts(text []byte, spans []Span, counts []int) {
	for _, s := range spans {
		half := text[s.Start : (s.Start+s.End)/2]
		if n, ok := m.c.Lookup(half); ok && len(half) > 1 && n != toyCount(half) {
			panic("the cache has a wrong count")
		}
		if len(half) > 0 {
			m.c.Insert(half, toyCount(half))
		}
	}
	m.toy.Counts(text, spans, counts)
}

func TestModelMayUseTheCache(t *testing.T) {
	text := manyKeys(50_000)
	starts := afterSpaces(text)
	for name, c := range caches() {
		if got, want := c.Count(text, &words{bits: starts}, &reentrant{c: c}), slow(text, starts); got != want {
			t.Errorf("%s: Count = %d, want %d", name, got, want)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	text := manyKeys(1000)
	bits := afterSpaces(text)
	c, m, starts := New(Options{}), new(toy), new(words)
	count := func() {
		starts.bits = bits
		c.Count(text, starts, m)
	}
	count()
	if n := testing.AllocsPerRun(100, count); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzCount(f *testing.F) {
	f.Add([]byte("some words, some of them more than once"), uint64(1), uint8(5), uint16(300))
	f.Add(bytes.Repeat([]byte("ab\x00c"), 900), uint64(2), uint8(60), uint16(0))
	f.Fuzz(func(t *testing.T, text []byte, seed uint64, longest uint8, most uint16) {
		text = bytes.ReplaceAll(text, []byte{0xFF}, nil)
		random := rand.New(rand.NewPCG(seed, seed))
		starts := wordsOf(text, randomPlaces(random, len(text), 1+int(longest)))
		c := New(Options{MaxBytes: int(most), BytesAreTokens: seed%2 == 0})
		for range 2 {
			check(t, c, text, starts, int(seed%5))
		}
	})
}

func BenchmarkCount(b *testing.B) {
	text := manyKeys(100_000)
	bits := afterSpaces(text)
	want := slow(text, bits)
	c, m, starts := New(Options{BytesAreTokens: true}), new(toy), new(words)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		starts.bits = bits
		if got := c.Count(text, starts, m); got != want {
			b.Fatalf("Count = %d, want %d", got, want)
		}
	}
}

// below counts -1 for every key.
type below struct{ asked int }

func (m *below) Counts(_ []byte, spans []Span, counts []int) {
	for i := range spans {
		counts[i] = -1
		m.asked++
	}
}

func TestCountsBelowZeroAreNotKept(t *testing.T) {
	for _, length := range []int{2, 15, 16, countprobe.MaxWide, countprobe.MaxWide + 1, 500} {
		text := []byte(strings.Repeat("x", length))
		c := New(Options{})
		m := &below{}
		for range 3 {
			if n := c.Count(text, &words{bits: wordsOf(text, nil)}, m); n != -1 {
				t.Errorf("%d bytes: %d tokens, want -1", length, n)
			}
		}
		if m.asked != 3 {
			t.Errorf("%d bytes: the model was asked %d times, want 3", length, m.asked)
		}
		c.Insert(text, -1)
		if n, ok := c.Lookup(text); ok {
			t.Errorf("%d bytes: holds %d", length, n)
		}
	}
}

// byPlace is a Model that counts some keys below zero, by where they stand: -1
// less their start.
type byPlace struct{ toy }

func (m *byPlace) Counts(text []byte, spans []Span, counts []int) {
	m.toy.Counts(text, spans, counts)
	for i, s := range spans {
		if text[s.Start] == 'b' {
			counts[i] = -1 - s.Start
		}
	}
}

// Keys that repeat while they wait for the model, more often than there is room,
// are counted each for its text and at its place.
func TestRepeats(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		for _, keys := range [][]string{
			{"aa", "bb"},
			{"a key of more than", "but of fewer bytes"},
			{"aa", "bb", "a key of more than", "but of fewer bytes", "ac", strings.Repeat("a", 40), strings.Repeat("b", 40)},
		} {
			random := rand.New(rand.NewPCG(5, 5))
			together, alone := New(Options{}), New(Options{})
			var texts Texts
			for range 200 {
				texts.Clear()
				var want []int
				for size := 0; ; {
					var text []byte
					var places []int
					total := 0
					for range 1 + random.IntN(900)*random.IntN(4)/3 {
						key := keys[random.IntN(len(keys))]
						if key[0] == 'b' {
							total += -1 - len(text)
						} else {
							total += toyCount([]byte(key))
						}
						places = append(places, len(text))
						text = append(text, key...)
					}
					starts := wordsOf(text, places)
					if n := alone.Count(text, &words{bits: starts}, &byPlace{}); n != total {
						t.Fatalf("Count = %d, want %d", n, total)
					}
					if len(text) > MaxTexts-size {
						break
					}
					for _, at := range places { // where it will stand
						if text[at] == 'b' {
							total -= size
						}
					}
					texts.Add(text, starts)
					size += len(text)
					want = append(want, total)
				}
				counts := make([]int, len(want))
				together.CountTexts(&texts, &byPlace{}, counts)
				for i := range want {
					if counts[i] != want[i] {
						t.Fatalf("text %d of %d: %d tokens, want %d", i, len(want), counts[i], want[i])
					}
				}
				if random.IntN(4) == 0 {
					together.Wipe()
					alone.Wipe()
				}
			}
		}
	})
}
