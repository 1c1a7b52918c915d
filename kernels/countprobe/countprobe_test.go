package countprobe

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

type span struct{ start, end int }

// slowSplit is the doc comment of Split.
func slowSplit(starts []uint64, open, least int) (short, wide []span, spans, last int) {
	last = open
	for i := range len(starts) * Block {
		if starts[i/Block]>>(i%Block)&1 == 0 {
			continue
		}
		switch size := i - last; {
		case size < least:
		case size <= MaxShort:
			short = append(short, span{last, i})
		default:
			wide = append(wide, span{last, i})
		}
		spans++
		last = i
	}
	return short, wide, spans, last
}

// tables are small, so that keys share buckets; put drops what has no room.
type tables struct {
	short []Bucket
	wide  []WideBucket
	held  map[string]int
}

func newTables() *tables {
	return &tables{make([]Bucket, 64), make([]WideBucket, 64), map[string]int{}}
}

func (tb *tables) put(b []byte, count int) {
	if _, ok := tb.held[string(b)]; ok {
		return
	}
	if len(b) <= MaxShort {
		key := KeyOf(b)
		bucket := &tb.short[Place(key, tb.short)]
		if _, way := bucket.Find(key); way >= 0 {
			bucket.Set(way, key, count)
			tb.held[string(b)] = count
		}
		return
	}
	key := WideKeyOf(b)
	bucket := &tb.wide[PlaceWide(key, tb.wide)]
	if _, way := bucket.Find(key); way >= 0 {
		bucket.Set(way, key, count)
		tb.held[string(b)] = count
	}
}

// dirty is a chunk that another one has been in.
func dirty() *Chunk {
	c := new(Chunk)
	for i := range c.positions {
		c.positions[i] = -0x5555
	}
	for i := range c.Short.Start {
		c.Short.Start[i], c.Short.Size[i], c.Short.Missing[i] = 0x5555, 0x5555, 0x5555
		c.Short.Key[i], c.Short.Place[i] = Key{1, 2}, 0x555555
	}
	for i := range c.Wide.Start {
		c.Wide.Start[i], c.Wide.Size[i], c.Wide.Missing[i] = 0x5555, 0x5555, 0x5555
		c.Wide.Key[i], c.Wide.Place[i] = WideKey{1, 2}, 0x555555
	}
	return c
}

// check holds all steps over one chunk of text to the slow way.
func check(t *testing.T, text []byte, base int, starts []uint64, open, least int) {
	t.Helper()
	forEach(func() { checkNow(t, text, base, starts, open, least) })
}

func checkNow(t *testing.T, text []byte, base int, starts []uint64, open, least int) {
	t.Helper()
	short, wide, wantSpans, wantLast := slowSplit(starts, open, least)
	c := dirty()
	spans, last := c.Split(starts, open, least)
	if spans != wantSpans || last != wantLast || c.Short.Len != len(short) || c.Wide.Len != len(wide) {
		t.Fatalf("%s: Split(%x, %d, %d) = %d, %d with %d and %d keys, want %d, %d with %d and %d", implementation(),
			starts, open, least, spans, last, c.Short.Len, c.Wide.Len, wantSpans, wantLast, len(short), len(wide))
	}
	same := func(name string, want []span, start, size []int16) {
		t.Helper()
		for i, s := range want {
			if int(start[i]) != s.start || int(size[i]) != s.end-s.start {
				t.Fatalf("%s: Split(%x, %d, %d): %s key %d begins at %d with %d bytes, want %v", implementation(),
					starts, open, least, name, i, start[i], size[i], s)
			}
		}
	}
	same("short", short, c.Short.Start[:], c.Short.Size[:])
	same("wide", wide, c.Wide.Start[:], c.Wide.Size[:])

	c.Wide.Len = 0
	for _, s := range wide {
		if size := s.end - s.start; size <= MaxWide {
			c.Wide.Start[c.Wide.Len], c.Wide.Size[c.Wide.Len] = int16(s.start), int16(size)
			c.Wide.Len++
		}
	}
	wide = slices.DeleteFunc(wide, func(s span) bool { return s.end-s.start > MaxWide })

	table := newTables()
	var wantSum [2]int
	var wantMissing [2][]uint16
	for list, keys := range [][]span{short, wide} {
		for _, s := range keys {
			if key := text[base+s.start : base+s.end]; (len(key)+int(key[0])+int(key[len(key)-1]))%3 > 0 {
				table.put(key, int(key[0]^key[len(key)-1])%(MaxCount+1)) // 0 and MaxCount occur
			}
		}
		for i, s := range keys {
			if count, ok := table.held[string(text[base+s.start:base+s.end])]; ok {
				wantSum[list] += count
			} else {
				wantMissing[list] = append(wantMissing[list], uint16(i))
			}
		}
	}
	c.FillShort(text, base, table.short)
	c.FillWide(text, base, table.wide)
	for i, s := range short {
		key := KeyOf(text[base+s.start : base+s.end])
		if c.Short.Key[i] != key || int(c.Short.Place[i]) != Place(key, table.short)*64 {
			t.Fatalf("%s: key %q is %x at %d, want %x at %d", implementation(), text[base+s.start:base+s.end],
				c.Short.Key[i], c.Short.Place[i], key, Place(key, table.short)*64)
		}
	}
	for i, s := range wide {
		key := WideKeyOf(text[base+s.start : base+s.end])
		if c.Wide.Key[i] != key || int(c.Wide.Place[i]) != PlaceWide(key, table.wide)*64 {
			t.Fatalf("%s: wide key %q is %x at %d, want %x at %d", implementation(), text[base+s.start:base+s.end],
				c.Wide.Key[i], c.Wide.Place[i], key, PlaceWide(key, table.wide)*64)
		}
	}
	if sum := c.ProbeShort(table.short); sum != wantSum[0] || !slices.Equal(c.Short.Missing[:c.Short.Misses], wantMissing[0]) {
		t.Fatalf("%s: ProbeShort of %q = %d and %v missing, want %d and %v", implementation(),
			text, sum, c.Short.Missing[:c.Short.Misses], wantSum[0], wantMissing[0])
	}
	if sum := c.ProbeWide(table.wide); sum != wantSum[1] || !slices.Equal(c.Wide.Missing[:c.Wide.Misses], wantMissing[1]) {
		t.Fatalf("%s: ProbeWide of %q = %d and %v missing, want %d and %v", implementation(),
			text, sum, c.Wide.Missing[:c.Wide.Misses], wantSum[1], wantMissing[1])
	}
	// In parts, some of them empty, it comes to the same.
	var sum [2]int
	var missing [2][]uint16
	for _, part := range [][2]int{{0, 1}, {1, 1}, {1, 4}, {4, maxSpans}} {
		from, to := min(part[0], c.Short.Len), min(part[1], c.Short.Len)
		sum[0] += c.ProbeShortPart(table.short, from, to)
		for _, i := range c.Short.Missing[:c.Short.Misses] {
			missing[0] = append(missing[0], uint16(from)+i)
		}
		from, to = min(part[0], c.Wide.Len), min(part[1], c.Wide.Len)
		sum[1] += c.ProbeWidePart(table.wide, from, to)
		for _, i := range c.Wide.Missing[:c.Wide.Misses] {
			missing[1] = append(missing[1], uint16(from)+i)
		}
	}
	if sum != wantSum || !slices.Equal(missing[0], wantMissing[0]) || !slices.Equal(missing[1], wantMissing[1]) {
		t.Fatalf("%s: in parts %v and %v missing, want %v and %v", implementation(), sum, missing, wantSum, wantMissing)
	}
}

// randomText has no 0xFF, few different bytes, and NULs.
func randomText(random *rand.Rand, text []byte) {
	for i := range text {
		text[i] = "\x00\x01a\xfeab\x80"[random.IntN(7)]
	}
}

// randomStarts sets bits at random distances of at most longest, none from end
// on, but one there.
func randomStarts(random *rand.Rand, end, longest int) []uint64 {
	starts := make([]uint64, end/Block+1)
	for i := random.IntN(longest); i < end; i += 1 + random.IntN(longest) {
		starts[i/Block] |= 1 << (i % Block)
	}
	starts[end/Block] |= 1 << (end % Block)
	return starts
}

func TestEveryLengthAndAlignment(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	buf := make([]byte, Blocks*Block+Behind+64)
	for n := range Blocks * Block {
		randomText(random, buf)
		open := min(random.IntN(40), random.IntN(40))
		text := buf[n%64:][:open+n]
		check(t, text, open, randomStarts(random, n, 1+random.IntN(50)), -open, 1+n%3)
	}
}

// All spans of one size, at every offset to the blocks.
func TestEverySize(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	text := make([]byte, Blocks*Block)
	randomText(random, text)
	for size := 1; size <= 70; size++ {
		for first := range size {
			starts := make([]uint64, Blocks)
			for i := first; i < len(text); i += size {
				starts[i/Block] |= 1 << (i % Block)
			}
			check(t, text, 0, starts, min(first, 0), 1)
			check(t, text, 0, starts, 0, 2)
		}
	}
}

func TestBoundsOfChunks(t *testing.T) {
	text := bytes.Repeat([]byte("x"), Behind+Blocks*Block)
	all := slices.Repeat([]uint64{^uint64(0)}, Blocks)
	check(t, text, Behind, all, -1, 1)
	check(t, text, Behind, all, -1, 2)
	check(t, text, Behind, all, -Behind, 1)
	check(t, text, Behind, make([]uint64, Blocks), -Behind, 1)
	check(t, text, Behind, nil, -3, 1)
	late := make([]uint64, Blocks)
	late[Blocks-1] = 1 << 63
	check(t, text, Behind, late, -Behind, 1)
	check(t, text, Behind, late, Blocks*Block-2, 1)
	for _, f := range []func(c *Chunk){
		func(c *Chunk) { c.Split(make([]uint64, Blocks+1), 0, 1) },
		func(c *Chunk) { c.Split(nil, -Behind-1, 1) },
		func(c *Chunk) { c.Split(nil, Blocks*Block+1, 1) },
		func(c *Chunk) { c.Split(nil, 0, 0) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("a chunk out of bounds was split")
				}
			}()
			f(new(Chunk))
		}()
	}
}

// Keys that zero padding would confuse with each other are different.
func TestNULs(t *testing.T) {
	text := []byte("a\x00a\x00\x00a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	check(t, text, 0, []uint64{1<<1 | 1<<2 | 1<<5 | 1<<23}, 0, 1)
	check(t, text, 0, []uint64{1<<1 | 1<<2 | 1<<4 | 1<<8 | 1<<23}, 0, 1)
	if KeyOf([]byte("a")) == KeyOf([]byte("a\x00")) || KeyOf(make([]byte, 15)) == (Key{}) || WideKeyOf(make([]byte, 31)) == (WideKey{}) {
		t.Error("keys are mistaken for each other")
	}
}

// A hash that leaves most places of a table empty would make it useless.
func TestPlacesAreSpread(t *testing.T) {
	table, wide := make([]Bucket, 1<<12), make([]WideBucket, 1<<12)
	for name, place := range map[string]func(i int) int{
		"short": func(i int) int { return Place(KeyOf([]byte{'a', byte(i), byte(i >> 7)}), table) },
		"wide": func(i int) int {
			return PlaceWide(WideKeyOf(append(bytes.Repeat([]byte("w"), 28), byte(i), byte(i>>7))), wide)
		},
		"wide, first bytes": func(i int) int {
			return PlaceWide(WideKeyOf(append([]byte{byte(i & 127), byte(i >> 7)}, bytes.Repeat([]byte("w"), 28)...)), wide)
		},
	} {
		load := make([]int, len(table))
		for i := range len(table) * 2 {
			load[place(i&127|i>>7<<8>>1)]++
		}
		empty := 0
		for _, n := range load {
			if n == 0 {
				empty++
			}
			if n > 16 {
				t.Errorf("%s: %d of %d keys in one of %d places", name, n, 2*len(table), len(table))
			}
		}
		if empty > len(table)/4 { // 1/e² expected
			t.Errorf("%s: %d of %d places empty", name, empty, len(table))
		}
	}
}

func TestNoAllocations(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	text := make([]byte, 1000)
	randomText(random, text)
	starts, table, c := randomStarts(random, 1000, 20), newTables(), new(Chunk)
	if n := testing.AllocsPerRun(100, func() {
		c.Split(starts, 0, 1)
		c.FillShort(text, 0, table.short)
		c.FillWide(text, 0, table.wide)
		c.ProbeShort(table.short)
		c.ProbeWide(table.wide)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzChunk(f *testing.F) {
	f.Add([]byte("Some text, and more of it"), uint64(7), uint8(0), uint8(8))
	f.Add(bytes.Repeat([]byte("a\x00bc\x80"), 150), uint64(8), uint8(40), uint8(60))
	f.Fuzz(func(t *testing.T, text []byte, seed uint64, open, longest uint8) {
		text = bytes.ReplaceAll(text, []byte{0xFF}, nil)
		behind := min(int(open), len(text))
		n := min(len(text)-behind, Blocks*Block-1)
		random := rand.New(rand.NewPCG(seed, seed))
		check(t, text[:behind+n], behind, randomStarts(random, n, 1+int(longest)), -behind, 1+int(seed%3))
	})
}

// The steps over a text whose keys are all in the table.
func BenchmarkChunk(b *testing.B) {
	text := bytes.Repeat([]byte("The quick brown fox, a word of some size and another. "), Blocks*Block/54)
	starts := make([]uint64, Blocks)
	keys := 0
	for i := 1; i < len(text); i++ {
		if text[i] == ' ' || text[i] == ',' || text[i] == '.' {
			starts[i/Block] |= 1 << (i % Block)
			keys++
		}
	}
	c, table := new(Chunk), make([]Bucket, 1<<10)
	run := func(b *testing.B) {
		clear(table)
		c.Split(starts, 0, 2)
		c.FillShort(text, 0, table)
		for i, key := range c.Short.Key[:c.Short.Len] {
			bucket := &table[c.Short.Place[i]/64]
			if _, free := bucket.Find(key); free >= 0 {
				bucket.Set(free, key, 1)
			}
		}
		steps := []struct {
			name string
			run  func() int
		}{
			{"split", func() int { n, _ := c.Split(starts, 0, 2); return n }},
			{"fill", func() int { c.FillShort(text, 0, table); return keys }},
			{"probe", func() int { return c.ProbeShort(table) + keys - c.Short.Len }},
			{"all", func() int {
				n, _ := c.Split(starts, 0, 2)
				c.FillShort(text, 0, table)
				return n - c.Short.Len + c.ProbeShort(table)
			}},
		}
		for _, step := range steps {
			b.Run(step.name, func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					if got := step.run(); got != keys {
						b.Fatalf("%d keys, want %d", got, keys)
					}
				}
			})
		}
	}
	forEach(func() { b.Run(implementation(), run) })
}

func TestKeyAt(t *testing.T) {
	text := []byte("A text with bytes of all kinds: \x00\x01é漢\xf0\x9f\x99\x82\xfe and 40 more")
	for start := range text {
		for size := 1; start+size <= len(text); size++ {
			if got, want := KeyAt(text, start, size), KeyOf(text[start:start+size]); got != want {
				t.Fatalf("%q: %x, want %x", text[start:start+size], got, want)
			}
		}
	}
}

// A bucket tells a key from one that differs from it in any bits.
func TestFindTellsApart(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 0))
	for range 200 {
		var b Bucket
		held := map[Key]int{}
		for way := range rng.IntN(b.Ways() + 1) {
			key := Key{rng.Uint64() | 1, rng.Uint64() & keyMask}
			b.Set(way, key, rng.IntN(MaxCount+1))
			held[key] = way
		}
		free := len(held)
		if free == b.Ways() {
			free = -1
		}
		for key, way := range held {
			if got, _ := b.Find(key); got != way {
				t.Fatalf("found at %d, want %d", got, way)
			}
			for bit := range 64 {
				x := uint64(1) << bit
				for _, other := range []Key{{key.Low ^ x, key.High}, {key.Low, (key.High ^ x) & keyMask}, {key.Low ^ x, (key.High ^ x) & keyMask}} {
					if _, ok := held[other]; ok {
						continue
					}
					if way, got := b.Find(other); way >= 0 || got != free {
						t.Fatalf("%x, beside %x: way %d, free %d; want %d", other, key, way, got, free)
					}
				}
			}
		}
	}
}
