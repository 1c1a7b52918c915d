package pretoken

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/tokenize/ucd"
)

func pretokens(r *Rules, text string) (out []string) {
	for i := 0; i < len(text); {
		end := r.Next([]byte(text), i)
		out = append(out, text[i:end])
		i = end
	}
	return out
}

// spellings are expressions as published files have them, and some that mix
// their parts; Splits are joined by a line feed.
var spellings = []struct{ name, text string }{
	{"G2", `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`},
	{"G2", `'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`},
	{"G2", `'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s`},
	{"CL", `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s++$|\s*[\r\n]|\s+(?!\S)|\s+`},
	{"CL", `'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s`},
	{"L3", `'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`},
	{"L3", `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`},
	{"L3", `[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`},
	{"Q2", `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`},
	{"Q3.5", `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`},
	{"O2", `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`},
	{"TK", `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`},
	{"KM", `[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`},
	{"DS", "\\p{N}{1,3}\n[一-龥぀-ゟ゠-ヿ]+\n[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},
}

// all returns rules of every kind by name.
func all(t testing.TB) map[string]*Rules {
	t.Helper()
	rules := map[string]*Rules{"G2D 1": AfterDigits(true), "G2D": AfterDigits(false)}
	for i, s := range spellings {
		r, ok := Find(strings.Split(s.text, "\n")...)
		if !ok {
			t.Fatalf("spelling %d (%s) is not known", i, s.name)
		}
		name := s.name
		if _, ok := rules[name]; ok {
			name = s.text
		}
		rules[name] = r
	}
	return rules
}

func TestFind(t *testing.T) {
	for _, s := range spellings {
		r, ok := Find(strings.Split(s.text, "\n")...)
		if !ok || r.Name() != s.name {
			t.Errorf("%s %v: %s", s.name, ok, s.text)
			continue
		}
		unescaped := strings.NewReplacer(`\r`, "\r", `\n`, "\n").Replace(strings.ReplaceAll(s.text, "\n", "\x00"))
		if again, ok := Find(strings.Split(unescaped, "\x00")...); !ok || *again != *r {
			t.Errorf("%s with the characters for their escapes is not the same", s.name)
		}
		for _, other := range []string{s.text + "|x", "x|" + s.text, s.text[1:], s.text[:len(s.text)-1] + "*", s.text + "\n" + s.text, s.text + "\n"} {
			if r, ok := Find(strings.Split(other, "\n")...); ok {
				t.Errorf("%q is taken for %s", other, r.Name())
			}
		}
	}
	if *GPT2() != *all(t)["G2"] {
		t.Error("GPT2 is not what its expression gives")
	}
}

// No spelling hides a longer one behind it.
func TestLongerSpellingsComeFirst(t *testing.T) {
	for _, f := range families {
		for _, p := range f.parts {
			for i, a := range p {
				for _, b := range p[i+1:] {
					if strings.HasPrefix(b.text, a.text) {
						t.Errorf("%q is before %q", a.text, b.text)
					}
				}
			}
		}
	}
}

// regexp2 has no possessive quantifiers, $ for the end alone, intersections,
// nor Oniguruma's reading of {1,3}+.
var toRegexp2 = strings.NewReplacer(
	`[^\r\n\p{L}\p{N}]?+`, `(?>[^\r\n\p{L}\p{N}]?)`, `\p{L}++`, `(?>\p{L}+)`, `\p{N}++`, `(?>\p{N}+)`,
	`\p{N}{1,3}+`, `(?:\p{N}{1,3})+`, `[^\s\p{L}\p{N}]++`, `(?>[^\s\p{L}\p{N}]+)`, `[\r\n]*+`, `(?>[\r\n]*)`,
	`\s++$`, `(?>\s+)\z`, `[\p{Han}]`, `[`+hanSample+`]`, `&&[^\p{Han}]]`, `-[`+hanSample+`]]`,
)

// hanSample are the characters of alphabet that are Han.
const hanSample = `龦漢一龥〇⺀`

// isolate cuts every piece into the matches of an expression and what is
// between them.
func isolate(t *testing.T, re *regexp2.Regexp, pieces []string) (out []string) {
	for _, piece := range pieces {
		runes := []rune(piece)
		done := 0
		m, err := re.FindStringMatch(piece)
		for ; m != nil && err == nil; m, err = re.FindNextMatch(m) {
			if m.Index > done {
				out = append(out, string(runes[done:m.Index]))
			}
			out = append(out, m.String())
			done = m.Index + m.Length
		}
		if err != nil {
			t.Fatal(err)
		}
		if done < len(runes) {
			out = append(out, string(runes[done:]))
		}
	}
	return out
}

// alphabet returns characters of all classes of which regexp2, whose tables
// are those of the Go release, thinks as Oniguruma does.
func alphabet(t *testing.T) (runes []rune) {
	classes := map[ucd.Class]string{
		ucd.Upper: `[\p{Lu}\p{Lt}]`, ucd.Lower: `\p{Ll}`, ucd.OtherLetter: `[\p{Lm}\p{Lo}]`, ucd.Mark: `\p{M}`,
		ucd.Number: `\p{N}`, ucd.Punctuation: `\p{P}`, ucd.Symbol: `\p{S}`, ucd.Space: `\s`,
	}
	for _, r := range "aabcdeilmnrstvzABDEILMRSTVZ''''  \t\n\n\r\r\v0123456789!\"#/.,-_$+<>^`~/\x00\x1f\x7f" +
		"éßÀÉǅǲʰªあアー゛・゠一龥龦漢⺀字한ᄀ²Ⅷ٣〇\u0085\u00a0\u1680\u2003\u2028\u2029\u3000\u180e\u200b\ufeff\u200d\u0301\u0903\u20dd\ue000\u0378😀𝒜𐐨👩\U000e0100" {
		if ucd.IsHan(r) != strings.ContainsRune(hanSample+"字", r) {
			t.Fatalf("U+%04X: Han %v", r, ucd.IsHan(r))
		}
		if r == '字' {
			continue
		}
		for class, expression := range classes {
			ok, err := regexp2.MustCompile(expression, regexp2.None).MatchString(string(r))
			if err != nil {
				t.Fatal(err)
			}
			if ok != (ucd.ClassOf(r) == class) {
				t.Logf("U+%04X is left out: %s", r, expression)
				r = -1
				break
			}
		}
		if r >= 0 {
			runes = append(runes, r)
		}
	}
	return runes
}

func TestNextMatchesRegexp2(t *testing.T) {
	runes := alphabet(t)
	for _, s := range spellings {
		parts := strings.Split(s.text, "\n")
		r, _ := Find(parts...)
		var expressions []*regexp2.Regexp
		for _, part := range parts {
			expressions = append(expressions, regexp2.MustCompile(toRegexp2.Replace(part), regexp2.None))
		}
		rng := rand.New(rand.NewPCG(1, 2))
		for range 1000 {
			var b strings.Builder
			for range 1 + rng.IntN(24) {
				r := runes[rng.IntN(len(runes))]
				for range 1 + max(0, rng.IntN(12)-8) {
					b.WriteRune(r)
				}
			}
			want := []string{b.String()}
			for _, re := range expressions {
				want = isolate(t, re, want)
			}
			if diff := cmp.Diff(want, pretokens(r, b.String())); diff != "" {
				t.Fatalf("%s %+q (-regexp2 +ours):\n%s", s.name, b.String(), diff)
			}
		}
	}
}

// What Oniguruma does and regexp2 does not, and what Digits does.
func TestNext(t *testing.T) {
	rules := all(t)
	for _, c := range []struct {
		name, text string
		want       string // pretokens with | between
	}{
		{"G2", "don't DON'T x'ſ", "don|'t| DON|'|T| x|'|ſ"},
		{"L3", "I'ſ\n'ſt\n'rE\n'LL 'd", "I|'ſ|\n|'ſ|t|\n|'rE|\n|'LL| '|d"},
		{"L3", "12345", "123|45"},
		{"Q2", "12345", "1|2|3|4|5"},
		{spellings[4].text, "12345", "12345"},
		{"L3", " \n  a \n \n", " \n| | a| \n \n"},
		{"L3", "a\n \n  ", "a|\n \n|  "},
		{"CL", "a\n \n  ", "a|\n \n  "},
		{"L3", "\u0085\u00a0 x", "\u0085\u00a0| x"},
		{"L3", "\u180ex", "\u180ex"}, // no white space since Unicode 6.3
		{"L3", "e\u0301e", "e|\u0301e"},
		{"Q3.5", "e\u0301e !\u0301a", "e\u0301e| !|\u0301a"},
		{"O2", "HelloWORLD'S iPhone!ABC\u0301d", "Hello|WORLD'S| i|Phone|!ABC\u0301d"},
		{"TK", "it's 42/\n\nA", "it|'s| |4|2|/\n\n|A"},
		{"TK", "\u0301AB", "\u0301|AB"},
		{"KM", "一〇!漢x⺀⺀y1〇〇〇'S", "一〇|!|漢|x|⺀⺀|y|1〇〇|〇|'S"},
		{"KM", "!⺀漢 漢 ⺀ab'Re", "!⺀|漢| |漢| ⺀|ab'Re"},
		{"DS", "a1234日本語ab・ !x", "a|123|4|日本語|ab|・| !|x"},
		{"DS", "x\x00\x01 y\x02z", "x|\x00\x01| y|\x02z"},
		{"DS", "a  12", "a|  |12"},
		{"G2D", "a 12  345 x'S", "a| |12|  |345| x|'|S"},
		{"G2D 1", "a12  3\n\n4½!x", "a|1|2|  |3|\n\n|4|½|!|x"},
		// Numbers to Rust's Unicode 17, unassigned in Oniguruma's 16.
		{"G2D", "!\U00011DE0\U00011DE11 \U00016FF4!", "!|\U00011DE0\U00011DE1|1| |\U00016FF4|!"},
		{"G2D 1", "!\U00011DE0\U00011DE11", "!|\U00011DE0|\U00011DE1|1"},
		{"G2", "!\U00011DE0\U00011DE11", "!\U00011DE0\U00011DE1|1"},
	} {
		if diff := cmp.Diff(strings.Split(c.want, "|"), pretokens(rules[c.name], c.text)); diff != "" {
			t.Errorf("%s %+q (-want +got):\n%s", c.name, c.text, diff)
		}
	}
}

func FuzzNext(f *testing.F) {
	for _, s := range []string{"it's 1234\r\n\n  x", "'ſ'", "\x00 \xff\xc5", "日本1語・\n", "A\u0301\u0301B", "'"} {
		f.Add(s)
	}
	rules := all(f)
	f.Fuzz(func(t *testing.T, text string) {
		for name, r := range rules {
			for i := 0; i < len(text); {
				end := r.Next([]byte(text), i)
				if end <= i || end > len(text) {
					t.Fatalf("%s %q: %d after %d", name, text, end, i)
				}
				if utf8.ValidString(text) && end < len(text) && !utf8.RuneStart(text[end]) {
					t.Fatalf("%s %q: cut inside a character at %d", name, text, end)
				}
				i = end
			}
		}
	})
}

// Every family has a spelling here.
func TestNames(t *testing.T) {
	var names []string
	for _, r := range all(t) {
		names = append(names, r.Name())
	}
	slices.Sort(names)
	if got := strings.Join(slices.Compact(names), " "); got != "CL DS G2 G2D KM L3 O2 Q2 Q3.5 TK" {
		t.Errorf("families %s", got)
	}
}
