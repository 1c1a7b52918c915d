package automaton

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/doc"
)

// What is not matched exactly is refused by name, and so is what Oniguruma does
// not read.
func TestRefused(t *testing.T) {
	for expr, name := range map[string]string{
		`(a)\1`: `back reference \1`, `(?<n>a)\k<n>`: `back reference or call \k`, `(?<n>a)\g<n>`: `\g`, `a\K`: `\K`, `\Ga`: `\G`, `\X`: `\X`, `\y`: `\y`,
		`(?~ab)`: "absent operator", `(a)?(?(1)b)`: "condition", `(?{x})a`: "callout", `(*FAIL)`: "callout", `(?W:\w)`: "option (?W", `(?s:.)`: "option (?s",
		`(?<=a+)b`: "no fixed length", `(?<=(?=a))b`: "more than characters", `(?i:ß)`: "matches a sequence", `(?i:ss)`: "matches 'ß'", `(?i:[ﬁ])`: "matches a sequence", `(?i)s(?:s)`: "matches 'ß'",
		`(?:|a){2}`: "counted repeat", `a{100001}`: "more than 100000", `(?:a{9999}){9999}`: "steps", `(?:(?:){99999}){99999}`: "steps", `(?<=(?:(?:){99999}){99999})`: "steps", `\p{Klingon}`: `"Klingon"`, `[[:wide:]]`: "[:wide:]", `\cA`: "control", `\xE9`: `byte \xE9`, `\012`: "octal",
		`(?<n>a)(b)`: "groups with names", `(?<=ab)(?<=bc)(?<=cd)(?<=de)(?<=ef)a`: "look-behinds",
		// Oniguruma refuses these.
		`(a`: "unmatched (", `a)`: "unmatched )", `[a`: "without end", `*a`: "after nothing", `a|+`: "after nothing", `^*`: "after an anchor", `(?=a)+`: "after an anchor", `[b-a]`: "empty range", `[\w-z]`: "begins with a set", `[a-\w]`: "ends in a set",
		`\`: `\ at the end`, `\x{110000}`: "character number", `(?<>a)`: "without name", `(?#a`: "comment", "\xff": "not UTF-8",
		strings.Repeat("(", 1000) + strings.Repeat(")", 1000): "nested deeper", strings.Repeat("[", 1000): "nested deeper", "a" + strings.Repeat("+", 1000): "in a row",
	} {
		_, err := Compile(expr)
		if !errors.Is(err, doc.ErrUnsupported) || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v, want it to name %q", expr[:min(len(expr), 40)], err, name)
		}
	}
	for config, name := range map[string]string{
		`null`: "no type", `{"type":"Metaspace"}`: "Metaspace", `{"type":"UnicodeScripts"}`: "UnicodeScripts", `{"type":"Whitespace"}`: "end in ByteLevel", `{"type":"Sequence","pretokenizers":[]}`: "end in ByteLevel",
		`{"type":"Sequence","pretokenizers":[{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true},{"type":"Whitespace"}]}`: "after ByteLevel",
		`{"type":"ByteLevel"}`: "no add_prefix_space", `{"type":"Split","pattern":{"Regex":"a"},"behavior":"removed","invert":false}`: `behavior "removed"`,
		`{"type":"Split","pattern":{"regex":"a"},"behavior":"Removed","invert":false}`: "no String", `{"type":"Split","pattern":{"Regex":"(a)\\1"},"behavior":"Removed","invert":false}`: "back reference",
	} {
		if _, err := NewSplitter([]byte(config)); !errors.Is(err, doc.ErrUnsupported) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want it to name %q", config, err, name)
		}
	}
}

// A search sees what stands before where it begins.
func TestFind(t *testing.T) {
	for _, c := range []struct {
		expr, text string
		from       int
		start, end int // -1 for none
	}{
		{`a+`, "baaac", 0, 1, 4}, {`a+`, "baaac", 2, 2, 4}, {`a+`, "baaac", 4, -1, -1}, {`^a`, "aa", 1, -1, -1}, {`^a`, "a\na", 1, 2, 3}, {`^`, "a\n", 1, -1, -1}, {`$`, "a\nb", 0, 1, 1}, {`$`, "a\nb", 2, 3, 3},
		{`(?<=a)b`, "ab", 1, 1, 2}, {`\Ab`, "ab", 1, -1, -1}, {`\bb`, "ab", 1, -1, -1}, {`(?<!é)b`, "éb b", 2, 4, 5}, {``, "", 0, 0, 0}, {`a`, "", 0, -1, -1}, {`\z`, "ab", 0, 2, 2}, {`\Z`, "ab\n", 0, 2, 2},
		{`\s+(?!\S)|\s+`, "   x", 0, 0, 2}, {`\s+(?!\S)|\s+`, "   x", 2, 2, 3}, {`(?i:'s)`, "x'ſ", 0, 1, 4}, {`(?i)k`, "\u212a", 0, 0, 3}, {`(?>a*)a`, "aaa", 0, -1, -1}, {`(?>a|ab)c`, "abc", 0, -1, -1}, {`(?>(?>a|ab)|abc)c`, "abcc", 0, -1, -1},
		{`(?:a|b?)*c`, "ababc", 0, 0, 5}, {`a{2,1}b`, "aab", 0, 0, 3}, {`\p{N}{1,3}+`, "12345", 0, 0, 5}, {`a*?`, "aa", 0, 0, 0}, {`(?x: a b # c
			c )`, "abc", 0, 0, 3}, {`a(?i)b|C`, "ac", 0, 0, 2}, {`\w`, "²", 0, 0, 2}, {`[\w]`, "²", 0, -1, -1}, {`(?m:.)`, "\n", 0, 0, 1},
	} {
		re, err := Compile(c.expr)
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		start, end, ok := re.Find([]byte(c.text), c.from)
		if !ok {
			start, end = -1, -1
		}
		if start != c.start || end != c.end {
			t.Errorf("%s in %q from %d: %d to %d, want %d to %d", c.expr, c.text, c.from, start, end, c.start, c.end)
		}
	}
}

// The classes of an alphabet are those of the sets, character by character.
func TestAlphabet(t *testing.T) {
	sets := []set{space(), punctuation(), single('a'), {{'a', 'z'}, {0x10FFFF, 0x10FFFF}}, nil, anything}
	a, members, ok := newAlphabet(sets)
	if !ok {
		t.Fatal("too many classes")
	}
	for r := range rune(utf8.MaxRune + 1) {
		for i, s := range sets {
			if members[i][a.class(r)] != s.has(r) {
				t.Fatalf("U+%04X: set %d: %v", r, i, !s.has(r))
			}
		}
		if r < utf8.RuneSelf && a.ascii[r] != a.class(r) {
			t.Fatalf("U+%04X: class %d in ASCII, else %d", r, a.ascii[r], a.class(r))
		}
	}
}

// Texts that other ways of matching are slow at are cut like short ones, with
// tables that stay small.
func TestHostile(t *testing.T) {
	for _, expr := range []string{cl100k, superBPE, jais2, `(?:a*)*!|(?:\p{N}+)+!|(\s|\s\s)+!|.`} {
		s := splitterOf(t, expr)
		p := s.Pieces()
		for name, unit := range hostile {
			text := bytes.Repeat([]byte(unit), 200_000/len(unit))
			p.Start(text)
			var whole []byte
			n := 0
			for piece, ok := p.Next(); ok; piece, ok = p.Next() {
				whole = append(whole, piece...)
				n++
			}
			if !bytes.Equal(whole, text) {
				t.Errorf("%.20s… of %s: %d bytes in %d pieces, want %d", expr, name, len(whole), n, len(text))
			}
			if m := p.steps[0].m; len(m.states) > m.limit || cap(m.known) > maxBlock+1 {
				t.Errorf("%.20s… of %s: %d states", expr, name, len(m.states))
			}
		}
	}
}

// More states than the tables take: what is after an a decides, thirteen
// characters further on.
func TestManyStates(t *testing.T) {
	s := splitterOf(t, `a(?=(?:a|b){13}a)|[ab]`)
	text := make([]byte, 300_000)
	x := uint32(1)
	for i := range text {
		x = x*1664525 + 1013904223
		text[i] = "ab"[x>>31]
	}
	p := s.Pieces()
	p.Start(text)
	n := 0
	for _, ok := p.Next(); ok; _, ok = p.Next() {
		n++
	}
	if m := p.steps[0].m; n != len(text) || m.emptied < 2 || len(m.states) > m.limit {
		t.Errorf("%d pieces, tables emptied %d times, %d states", n, m.emptied, len(m.states))
	}
}

// Batches hold the pieces.
func TestBatch(t *testing.T) {
	config := `{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":false}]}`
	s, err := NewSplitter([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("some words of 漢字 \n "+strings.Repeat("x", 100)+" ", 20)
	want := cut(s.Pieces(), text)
	for limit := range 300 {
		p := s.Pieces()
		p.Start([]byte(text))
		var got []string
		var batch []byte
		var starts []uint64
		for {
			if batch, starts = p.Batch(batch, starts, limit+1); len(batch) == 0 {
				break
			}
			for i := range batch {
				if starts[i/64]>>(i%64)&1 != 0 {
					got = append(got, "")
				}
				got[len(got)-1] += string(batch[i : i+1])
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("limit %d: %q, want %q", limit+1, got, want)
		}
	}
}

// How much is known at a time changes nothing.
func FuzzBlocks(f *testing.F) {
	for _, expr := range []string{cl100k, superBPE, `(?<=ab|1)\b.|^a?|(?>b*)b?$`, `(?:a|b?c)*?(?=\z|漢)|\R`} {
		f.Add(expr, "it's 12345 abc\r\n\n  漢字かな 1b")
	}
	f.Fuzz(func(t *testing.T, expr, text string) {
		re, err := Compile(expr)
		if err != nil || !utf8.ValidString(text) || len(expr) > 100 {
			return
		}
		s := &Splitter{steps: []split{{re: re}}}
		small := s.Pieces()
		small.shrink()
		whole := s.Pieces()
		if got, want := cut(small, text), cut(whole, text); !slices.Equal(got, want) {
			t.Errorf("%q of %q: %q, want %q", expr, text, got, want)
		} else if strings.Join(got, "") != text {
			t.Errorf("%q of %q: %q", expr, text, got)
		}
	})
}
