package shingle

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/tallystick/tallystick/kernels/wordhash"
	"github.com/tallystick/tallystick/kernels/wordscan"
)

func TestReferenceWords(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{" \n\t.,;", ""},
		{"The quick, BROWN fox's 2nd", "the|quick|brown|fox|s|2nd"},
		{"snake_case x86-64", "snake|case|x86|64"},
		{"Élan ÇA ΣΊΣΥΦΟΣ Дом", "élan|ça|σίσυφοσ|дом"},
		{"漢字かなカナ", "漢|字|か|な|カ|ナ"},
		{"abc漢def", "abc|漢|def"},
		{"スーパー", "ス|ー|パ|ー"}, // U+30FC is of no one script: a letter in a word
		{"ーーx漢々", "ーーx|漢|々"},
		{"〇〡⺀", "〇|〡|⺀"},                                       // of the script, though no letters
		{"cafe\u0301 \u0301x x\u0903", "cafe\u0301|\u0301x|x"}, // a mark is in words, a spacing one is not
		{"か\u3099と", "か|\u3099|と"},
		{"한국어 조선말", "한국어|조선말"},
		{"٣٤ ४५ ½ ² Ⅷ", "٣٤|४५"},
		{"İK\u212aȺẞ", "ikkⱥß"},
		{"a\xffb\xe6\xbcc\xf0\x9f", "a|b|c"},
		{"a\u200db ⓐ", "a|b"},
		{"\U00010400\U0001E900", "\U00010428\U0001E922"},
		{"\U00020000\U0001B000", "\U00020000|\U0001B000"},
	} {
		if got := strings.Join(referenceWords(c.text), "|"); got != c.want {
			t.Errorf("words of %q = %q, want %q", c.text, got, c.want)
		}
	}
}

// Where the Go release's own, older tables know a code point, they agree but
// for what later versions of Unicode changed on purpose.
func TestTablesAgainstGo(t *testing.T) {
	var differ []string
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if unicode.Is(unicode.Cn, r) {
			continue // not assigned in Go's version
		}
		want := separator
		switch {
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana):
			want = alone
		case unicode.In(r, unicode.L, unicode.Nd, unicode.Mn):
			want = inWord
		}
		got, lower := min(classOf(r), alone), classOf(r).lower(r)
		if classOf(r) > alone {
			got = inWord
		}
		if got != want || want != separator && lower != unicode.To(unicode.LowerCase, r) {
			differ = append(differ, fmt.Sprintf("%U: %d %U, Go %d %U", r, got, lower, want, unicode.To(unicode.LowerCase, r)))
		}
	}
	// From 15.0 to 16.0 it is one: U+1171E is no longer a non-spacing mark.
	if len(differ) > 10 {
		t.Errorf("%d code points differ from Go's Unicode %s, the first being\n%s", len(differ), unicode.Version, strings.Join(differ[:10], "\n"))
	}
}

// found returns the words that find finds in text as one chunk.
func found(t *testing.T, f *finder, text []byte) (words []string) {
	t.Helper()
	if len(text) == 0 {
		return nil
	}
	n, last := f.find(text)
	for i := range n {
		words = append(words, string(f.lower[f.starts[i]:f.ends[i]]))
	}
	if last < len(text) && len(referenceWords(string(text[last:]))) != 1 {
		t.Fatalf("last word of %q starts at %d", text, last)
	}
	return words
}

// implementations runs check with every choice of kernels.
func implementations(check func(name string)) {
	check("chosen kernels")
	scan := wordscan.ForceGeneric()
	check("generic wordscan")
	hash := wordhash.ForceGeneric()
	check("generic kernels")
	scan()
	check("generic wordhash")
	hash()
}

func checkText(t *testing.T, s *Scanner, text []byte) {
	t.Helper()
	want := referenceWords(string(text))
	var set []uint64
	implementations(func(name string) {
		if diff := cmp.Diff(want, found(t, &s.words, text)); diff != "" {
			t.Fatalf("%s: words of %q (-want +got):\n%s", name, text, diff)
		}
		got := s.Set(text)
		if n := len(Reference(text)); len(got) != n {
			t.Fatalf("%s: %d shingles of %q, want %d", name, len(got), text, n)
		}
		if !slices.IsSorted(got) || set != nil && !slices.Equal(set, got) {
			t.Fatalf("%s: set of %q is %x, others say %x", name, text, got, set)
		}
		set = slices.Clone(got)
		if windows := max(len(want)-Width+1, min(len(want), 1)); len(s.Shingles(text)) != windows {
			t.Fatalf("%s: %d windows of %q, want %d", name, len(s.Shingles(text)), text, windows)
		}
	})
}

// alphabet has runes of every class and length, and bytes that are not UTF-8.
var alphabet = strings.Split("a b C 7 _   . é É Я д ض ३ ̈ ़ 한 漢 か ー 　 。 € ﬁ İ Ⱥ ẞ \u212a 𐐀 𠀀 🙂 \xff \xc3 \xe6\xbc \xf0\x9f\x99 \xed\xa0\x80 \x80", " ")

func randomText(random *rand.Rand, n int) []byte {
	var text []byte
	few := alphabet[:1+random.IntN(len(alphabet))]
	for len(text) < n {
		if random.IntN(4) == 0 {
			text = append(text, ' ')
		}
		text = append(text, few[random.IntN(len(few))]...)
	}
	return text[:n]
}

func TestEveryLength(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	s := NewHasher(1).NewScanner()
	for n := range 260 {
		for range 12 {
			checkText(t, s, randomText(random, n))
		}
	}
}

// Every rune at every place around the edge of a block.
func TestBlockEdges(t *testing.T) {
	s := NewHasher(1).NewScanner()
	for _, a := range alphabet {
		for _, b := range []string{"", "x", " ", "漢", "É", "\x80"} {
			for at := 56; at < 66; at++ {
				for _, fill := range []string{"x", " "} {
					checkText(t, s, []byte(strings.Repeat(fill, at)+a+b))
					checkText(t, s, []byte(strings.Repeat(fill, at)+a+b+a+" "+b))
				}
			}
		}
	}
}

// Texts longer than a chunk, with words longer than one, give the same words
// as in one piece.
func TestChunks(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	s, whole := NewHasher(1).NewScanner(), NewHasher(1).NewScanner()
	check := func(text []byte) {
		t.Helper()
		s.hashWords(text)
		n, _ := whole.words.find(text)
		want := make([]uint64, n)
		wordhash.Hash(want, whole.words.lower, whole.words.starts[:n], whole.words.ends[:n], &whole.hasher.keys)
		if !slices.Equal(s.hashes, want) {
			t.Fatalf("%d words in chunks, %d in one piece, or others", len(s.hashes), len(want))
		}
		if got := len(referenceWords(string(text))); got != n {
			t.Fatalf("%d words, want %d", n, got)
		}
	}
	for range 30 {
		check(randomText(random, chunkSize-40+random.IntN(80)))
		check(randomText(random, random.IntN(6*chunkSize)))
	}
	for _, n := range []int{chunkSize - 1, chunkSize, chunkSize + 1, 2 * chunkSize, 5*chunkSize + 3} {
		for _, word := range []string{"a", "É", "漢", "🙂", "Ⱥ", "\x80", "\u0301"} {
			check([]byte(strings.Repeat(word, n/len(word))))
			check([]byte("x " + strings.Repeat(word, n) + " y"))
		}
	}
}

func TestShinglesOfFewWords(t *testing.T) {
	s := NewHasher(0).NewScanner()
	if got := s.Shingles([]byte(" ,.")); got != nil {
		t.Errorf("shingles of no words: %x", got)
	}
	if got := s.Set(nil); got != nil {
		t.Errorf("set of no text: %x", got)
	}
	seen := map[uint64]string{}
	for _, text := range []string{"a", "b", "a a", "a b", "b a", "a a a", "a a a a", "a a a a a", "a b c d", "d c b a", "a b c d e"} {
		got := s.Shingles([]byte(text))
		if len(got) != 1 {
			t.Fatalf("%d shingles of %q", len(got), text)
		}
		if other, ok := seen[got[0]]; ok {
			t.Errorf("%q and %q have the same shingle", text, other)
		}
		seen[got[0]] = text
	}
	if got := len(s.Set([]byte("a a a a a a a a"))); got != 1 {
		t.Errorf("%d distinct shingles of one repeated word", got)
	}
}

// Stored sets and band keys depend on these numbers: they never change.
func TestGolden(t *testing.T) {
	const text = "It was the best of times, it was the WORST of times: 最高の時 Ёлка"
	for _, c := range []struct {
		seed uint64
		text string
		want string
	}{
		{0, text, "[272aea80cb19813b eece7f7059182ff9 05de984460fe4db8 24d75e15b34537fd 5d2cfd1c934846b1 " +
			"8e6979c38abcc6d9 17983e9557d89fe5 5de65f5d42280e78 8d3c32ca98e458e8 b195938959734410 " +
			"d0c9e266eb5a183c ab843ae752432a6d 4d365d50c60782d0]"},
		{1 << 63, "It was the best", "[7b6f52540519c17d]"},
	} {
		got := fmt.Sprintf("%016x", NewHasher(c.seed).NewScanner().Shingles([]byte(c.text)))
		if got != c.want {
			t.Errorf("shingles of %q with seed %d = %s, want %s", c.text, c.seed, got, c.want)
		}
	}
}

func TestOverlap(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	for range 300 {
		var a, b []uint64
		want := 0
		for x := range uint64(random.IntN(200)) {
			inA, inB := random.IntN(2) == 0, random.IntN(3) == 0
			if inA {
				a = append(a, x)
			}
			if inB {
				b = append(b, x)
			}
			if inA && inB {
				want++
			}
		}
		if got := Overlap(a, b); got != want {
			t.Fatalf("Overlap(%d, %d) = %d, want %d", a, b, got, want)
		}
	}
}

func TestSorter(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	var s sorter
	for n := range 300 {
		for _, distinct := range []int{1, 2, 7, 1 << 30} {
			palette := make([]uint64, min(distinct, n+1))
			for i := range palette {
				palette[i] = random.Uint64()
			}
			hashes := make([]uint64, n)
			for i := range hashes {
				hashes[i] = palette[random.IntN(len(palette))]
			}
			want := slices.Compact(slices.Sorted(slices.Values(hashes)))
			if got := s.distinct(hashes); !slices.Equal(got, want) {
				t.Fatalf("sort of %d hashes, %d distinct, is wrong", n, distinct)
			}
		}
	}
}

// Around each size from which on hashes are treated otherwise: none repeat, few, most,
// soon or late, in some parts of the text or in all, the least and the greatest hash too.
func TestSorterOfMany(t *testing.T) {
	random := rand.New(rand.NewPCG(6, 6))
	var s sorter
	for _, n := range []int{
		someHashes, someHashes + 1, someHashes + lookBlock + 1, someHashes + lookAgain + 3, manyHashes + 1,
	} {
		for name, one := range map[string]func(i int, before []uint64) uint64{
			"random":     func(int, []uint64) uint64 { return random.Uint64() },
			"one":        func(int, []uint64) uint64 { return 0 },
			"two":        func(i int, _ []uint64) uint64 { return -uint64(i % 2) },
			"soon":       func(i int, before []uint64) uint64 { return before[max(0, i-1-random.IntN(100))] },
			"late":       func(i int, before []uint64) uint64 { return before[random.IntN(i)] },
			"period":     func(i int, before []uint64) uint64 { return before[max(0, i-n/3)] },
			"one part":   func(i int, _ []uint64) uint64 { return random.Uint64() >> 20 },
			"last part":  func(i int, _ []uint64) uint64 { return ^(random.Uint64() >> 20) },
			"neighbours": func(i int, _ []uint64) uint64 { return uint64(n-i) % uint64(n/2) },
		} {
			for share, of := range map[int]func(i int) bool{
				100: func(int) bool { return true }, 50: func(i int) bool { return i/10_000%2 == 0 },
			} {
				hashes := make([]uint64, n)
				hashes[0] = math.MaxUint64
				for i := 1; i < n; i++ {
					if of(i) {
						hashes[i] = one(i, hashes)
					} else {
						hashes[i] = random.Uint64()
					}
				}
				want := slices.Compact(slices.Sorted(slices.Values(hashes)))
				if got := s.distinct(hashes); !slices.Equal(got, want) {
					t.Fatalf("sort of %d hashes, %d %% %s, is wrong", n, share, name)
				}
			}
		}
	}
}

// Hashes that no distribution tells apart, in an order that costs an insertion
// sort most.
func TestSorterOfNeighbours(t *testing.T) {
	var s sorter
	for _, n := range []int{33, 100, 100_000} {
		hashes := make([]uint64, n)
		for i := range hashes {
			hashes[i] = 1<<63 + uint64(n-i)%uint64(max(2, n/3))
		}
		want := slices.Compact(slices.Sorted(slices.Values(hashes)))
		if got := s.distinct(hashes); !slices.Equal(got, want) {
			t.Errorf("sort of %d hashes is wrong", n)
		}
	}
}

func BenchmarkSorter(b *testing.B) {
	random := rand.New(rand.NewPCG(5, 5))
	for _, n := range []int{40, 100, 400, 1500, 6000, 20_000, 100_000, 300_000, 1_000_000} {
		// Many documents, so that no branch is known from the time before.
		docs := make([][]uint64, 1+300_000/n)
		for i := range docs {
			docs[i] = make([]uint64, n)
			for j := range docs[i] {
				docs[i][j] = random.Uint64()
			}
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var s sorter
			for i := 0; b.Loop(); i++ {
				s.distinct(docs[i%len(docs)])
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/hash")
		})
	}
}

func TestNoAllocationInSteadyState(t *testing.T) {
	s := NewHasher(1).NewScanner()
	text := []byte(strings.Repeat("Some words, 漢字 and a few İ more é. ", 3000))
	s.Set(text)
	if n := testing.AllocsPerRun(5, func() { s.Set(text) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The hashed sets of two texts are as large, and overlap as much, as the sets
// of the reference.
func FuzzSets(f *testing.F) {
	f.Add([]byte("The quick brown fox jumps over the lazy dog."), []byte("the quick brown fox jumps over a lazy dog"))
	f.Add([]byte("スーパーで買い物をする。"), []byte("スーパーで買い物 する Ça va ÉTÉ"))
	f.Add([]byte("İstanbul \u212aelvin Ⱥ a b c d"), []byte("\xff\xe6\xbc \xed\xa0\x80 x y z"))
	s := NewHasher(7).NewScanner()
	f.Fuzz(func(t *testing.T, a, b []byte) {
		checkText(t, s, a)
		checkText(t, s, b)
		setA := slices.Clone(s.Set(a))
		overlap := 0
		inB := Reference(b)
		for x := range Reference(a) {
			if _, ok := inB[x]; ok {
				overlap++
			}
		}
		if got := Overlap(setA, s.Set(b)); got != overlap {
			t.Errorf("overlap %d, want %d, of %q and %q", got, overlap, a, b)
		}
	})
}

// What a released scanner leaves behind shows in nothing that a later one returns.
func TestReleasedScanner(t *testing.T) {
	texts := []string{strings.Repeat("one two three four five six seven ", 3000), "a b", "", "x y z u v w x y z u v w"}
	for i, seed := range []uint64{1, 2, 1} {
		h := NewHasher(seed)
		for _, before := range texts {
			for _, text := range texts {
				s := NewHasher(uint64(10 + i)).NewScanner()
				s.Set([]byte(before))
				s.Release()
				s = h.NewScanner()
				got := slices.Clone(s.Set([]byte(text)))
				s.Release()
				want := (&Scanner{hasher: h}).Set([]byte(text))
				if !slices.Equal(got, want) {
					t.Fatalf("seed %d, %.10q after %.10q: %d shingles, want %d", seed, text, before, len(got), len(want))
				}
			}
		}
	}
}
