package pretoken

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/internal/growth"
	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/tokenize/ucd"
	"github.com/tallystick/tallystick/kernels/classmask"
)

// raceEnabled is set in builds with the race detector, which makes all this
// twenty times slower; there is but one goroutine for it to watch.
var raceEnabled bool

// scan returns where pretokens begin as a Scanner has it that is asked for n
// blocks at a time.
func scan(s *Scanner, r *Rules, text []byte, n int) (starts []int) {
	s.Start(r, text)
	dst := make([]uint64, n)
	at := 0
	for {
		n := s.Bits(dst)
		if n == 0 {
			return starts
		}
		for i := range n {
			for m := dst[i]; m != 0; m &= m - 1 {
				starts = append(starts, at+bits.TrailingZeros64(m))
			}
			at += Block
		}
	}
}

// check compares a Scanner with Next.
func check(t testing.TB, s *Scanner, name string, r *Rules, text []byte, n int) {
	t.Helper()
	var want []int
	for i := 0; i < len(text); i = r.Next(text, i) {
		want = append(want, i)
	}
	if got := scan(s, r, text, n); !slices.Equal(got, want) {
		i := 0
		for i < min(len(got), len(want)) && got[i] == want[i] {
			i++
		}
		at := len(text)
		for _, p := range [][]int{got, want} {
			if i < len(p) {
				at = min(at, p[i])
			}
		}
		begin := max(0, at-100)
		t.Fatalf("%s: of %d bytes, at %d (block %d, bit %d) behind %+q: %+q: got %v, want %v", name, len(text), at, at/Block, at%Block,
			text[begin:at], text[at:min(len(text), at+80)], got[i:min(len(got), i+5)], want[i:min(len(want), i+5)])
	}
}

// eachKernel runs f with the kernel of this machine and with lesser ones.
func eachKernel(f func()) {
	f()
	restore := classmask.ForceAVX2()
	f()
	restore()
	defer classmask.ForceGeneric()()
	f()
}

func TestTableHasAllClasses(t *testing.T) {
	for r := range rune(utf8.MaxRune + 1) {
		if r < 0x80 {
			continue
		}
		u := ucd.ClassOf(r)
		want := classmask.Class(u & (ucd.Letter | ucd.Mark | ucd.Number))
		if u&(ucd.Punctuation|ucd.Symbol) != 0 {
			want = classmask.Sign
		} else if u == ucd.Space {
			want = classmask.Space
		}
		for script, table := range map[bool]*classmask.Table{
			false: plainTable(), ucd.IsHan(r): hanTable(), isCJK(r): cjkTable(), isNewNumeral(r): numeralsTable(),
		} {
			if script {
				want |= classmask.Script
			}
			if got := table.Class(r); got != want {
				t.Fatalf("U+%04X: %b, want %b", r, got, want)
			}
			want &^= classmask.Script
		}
	}
}

// edges are characters on which the families disagree.
var edges = []rune("aZzéÀßǅʰªあ漢字龦⺀〇한ᄀ07²٣Ⅷ０ \t\n\r\u0085\u00a0\u3000''stredSLſ!/\"_“。・❤😀゠\u0301\u0903\ufe0f\u3099\x00\x7f\u200b\u200d\ufeff\U000e0100𝒜𐐨\U00011de0\u0378\ue000\u3040\U00016ff0\U00020000")

// TestScannerEdges goes through pairs of characters at the edges of blocks.
func TestScannerEdges(t *testing.T) {
	var s Scanner
	for name, r := range all(t) {
		for i, a := range edges {
			for j, b := range edges {
				for _, fill := range []string{"a", " ", "!"} {
					if raceEnabled && (i+j)%8 != 0 {
						continue
					}
					lead := Block - 5 + (i+j)%6
					text := strings.Repeat(fill, lead) + string(a) + string(b) + "sB " + string(b) + string(b) + string(a) + "'s"
					check(t, &s, name, r, []byte(text), 1)
				}
			}
		}
	}
}

// TestScannerRuns: runs of every length around a block, of any class, between
// others.
func TestScannerRuns(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var s Scanner
	for name, r := range all(t) {
		for _, c := range edges {
			for n := 1; n < 3*Block; n += 1 + n/8*rng.IntN(3) {
				before, after := edges[rng.IntN(len(edges))], edges[rng.IntN(len(edges))]
				text := strings.Repeat("x ", rng.IntN(40)) + string(before) + strings.Repeat(string(c), n) + string(after) + "a"
				check(t, &s, name, r, []byte(text), 1+rng.IntN(3))
			}
		}
	}
}

// random returns text of n pieces that dwell on the edges.
func random(rng *rand.Rand, runes []rune, n int) []byte {
	var text []byte
	some := make([]rune, 1+rng.IntN(12))
	for i := range some {
		some[i] = runes[rng.IntN(len(runes))]
	}
	for range n {
		switch rng.IntN(12) {
		case 0:
			text = append(text, []string{"'s", "'LL ", "'re", "\r\n", "  ", "1234567", "ABc", "!\n/\n", "'ſ", "the ", "\n  \n"}[rng.IntN(11)]...)
		case 1:
			text = utf8.AppendRune(text, runes[rng.IntN(len(runes))])
		default:
			r := some[rng.IntN(len(some))]
			for range 1 + max(0, rng.IntN(30)-25)*rng.IntN(20) {
				text = utf8.AppendRune(text, r)
			}
		}
	}
	return text
}

func TestScannerRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	rules := all(t)
	var s Scanner
	texts := 300
	if raceEnabled {
		texts = 20
	}
	eachKernel(func() {
		for range texts {
			text := random(rng, edges, rng.IntN(400))
			for name, r := range rules {
				check(t, &s, name, r, text, 1+rng.IntN(5))
			}
		}
	})
}

// Every character that there is, between some that there are more of.
func TestScannerEveryCharacter(t *testing.T) {
	var text []byte
	for r := range rune(utf8.MaxRune + 1) {
		if utf8.ValidRune(r) && (r < 0x30000 && !raceEnabled || r%64 == 0) {
			text = utf8.AppendRune(text, r)
			text = append(text, []string{"", "", "a", " ", "1", "B", "\n", "'s", "!"}[int(r)%9]...)
		}
	}
	var s Scanner
	for name, r := range all(t) {
		check(t, &s, name, r, text, window)
	}
}

func FuzzScanner(f *testing.F) {
	for _, seed := range []string{"it's 1234\r\n\n  x", "'ſ'", "日本1語・\n", "A\u0301\u0301B!\u0301", "漢ABC漢A漢Ab", "!\n/\n//x", "\n  \n \n  x"} {
		f.Add(seed, 61)
	}
	rules := all(f)
	var s Scanner
	f.Fuzz(func(t *testing.T, text string, lead int) {
		if !utf8.ValidString(text) {
			scan(&s, rules["O2"], []byte(text), 2) // must not fault
			return
		}
		for name, r := range rules {
			check(t, &s, name, r, []byte(text), 1)
			check(t, &s, name, r, []byte(strings.Repeat("x", lead&127)+text+text), 3)
		}
	})
}

// Texts that took the classes of long ago.
func TestScannerAgain(t *testing.T) {
	var s Scanner
	rules := all(t)
	for _, text := range []string{"", "a", "漢", strings.Repeat(" ", 64), "!", "", "\n", "'s"} {
		for name, r := range rules {
			check(t, &s, name, r, []byte(text), 4)
			check(t, &s, name, r, []byte(strings.Repeat(text, 64)), 4)
		}
	}
}

// TestScannerReal: the documents of the reference counts, and samples of every
// script.
func TestScannerReal(t *testing.T) {
	var s Scanner
	rules := all(t)
	size := 300_000
	if raceEnabled {
		size = 10_000
	}
	for _, text := range samples(t, size) {
		for name, r := range rules {
			check(t, &s, name, r, text, window)
		}
	}
}

// samples are texts from the real data by kind, each of at least size bytes.
func samples(t testing.TB, size int) map[string][]byte {
	t.Helper()
	texts := map[string][]byte{}
	for kind, file := range map[string]string{
		"prose": "en-eltec-novels", "technical": "en-powershell-docs", "c": "code-c-linux-sample", "chinese": "zh-lctt-published",
		"japanese": "ja-phpdoc", "korean": "ko-nsmc-reviews-300k", "russian": "ru-phpdoc", "many": "multi-tldr",
	} {
		var text []byte
		refdata.Lines(t, refdata.Path("corpora", file+".jsonl.zst"), func(line []byte) bool {
			var d struct{ Text string }
			if err := json.Unmarshal(line, &d); err != nil {
				t.Fatal(err)
			}
			text = append(append(text, d.Text...), '\n')
			return len(text) < size
		})
		texts[kind] = text
	}
	return texts
}

// No text is hard for a family: the scan looks at nothing again and again.
func TestHostileIsLinear(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes times meaningless")
	}
	const size = 128 << 10
	texts := map[string]string{"spaces behind a line end": "\n" + strings.Repeat(" ", size), "random": string(random(rand.New(rand.NewPCG(7, 8)), edges, size))}
	for _, unit := range []string{
		"a", " ", "漢", "'", "\u0301", "!\u0301", "1", "１", "❤\ufe0f", "日A", "⺀!", "1〇", "\n ", "\n" + strings.Repeat(" ", 200),
		"日" + strings.Repeat("A", 200), "'s", "!\n/", "\x00", "\U00011de0!", "\u3000", "\n" + strings.Repeat("\u3000", 50), "é", "😀",
		strings.Repeat("!", 70) + "\u0301", strings.Repeat("\x00", 70) + "a",
	} {
		texts[unit[:min(len(unit), 8)]] = strings.Repeat(unit, size/len(unit)+1)
	}
	var s Scanner
	dst := make([]uint64, window)
	for name, r := range all(t) {
		for kind, text := range texts {
			growth.Linear(t, fmt.Sprintf("%s: %+q", name, kind), size, func(size int) func() {
				return func() {
					s.Start(r, []byte(text[:size]))
					for s.Bits(dst) > 0 {
					}
				}
			})
		}
	}
}

// A scan allocates nothing.
func TestScannerDoesNotAllocate(t *testing.T) {
	text := random(rand.New(rand.NewPCG(9, 10)), edges, 1000)
	dst := make([]uint64, window)
	var s Scanner
	for name, r := range all(t) {
		s.Start(r, text)
		if n := testing.AllocsPerRun(10, func() {
			s.Start(r, text)
			for s.Bits(dst) > 0 {
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
