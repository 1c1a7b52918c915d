package bpe

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

func pretokens(p pretokenizer, text string) (out []string) {
	for i := 0; i < len(text); {
		end := p.next([]byte(text), i)
		out = append(out, text[i:end])
		i = end
	}
	return out
}

// regexp2 has no possessive quantifiers, $ for the end alone, nor Oniguruma's
// reading of {1,3}+.
var toRegexp2 = strings.NewReplacer(
	`[^\r\n\p{L}\p{N}]?+`, `(?>[^\r\n\p{L}\p{N}]?)`, `\p{L}++`, `(?>\p{L}+)`, `\p{N}++`, `(?>\p{N}+)`,
	`\p{N}{1,3}+`, `(?:\p{N}{1,3})+`, `[^\s\p{L}\p{N}]++`, `(?>[^\s\p{L}\p{N}]+)`, `[\r\n]*+`, `(?>[\r\n]*)`,
	`\s++$`, `(?>\s+)\z`,
)

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
		"éßÀÉǅǲʰªあアー゛・゠一龥龦漢字한ᄀ²Ⅷ٣〇\u0085\u00a0\u1680\u2003\u2028\u2029\u3000\u180e\u200b\ufeff\u200d\u0301\u0903\u20dd\ue000\u0378😀𝒜𐐨👩\U000e0100" {
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

func TestPretokenizersMatchRegexp2(t *testing.T) {
	runes := alphabet(t)
	for spelling, f := range families {
		var expressions []*regexp2.Regexp
		for _, expression := range strings.Split(spelling, "\n") {
			expressions = append(expressions, regexp2.MustCompile(toRegexp2.Replace(expression), regexp2.None))
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
			if diff := cmp.Diff(want, pretokens(f.pretoken, b.String())); diff != "" {
				t.Fatalf("%s %+q (-regexp2 +ours):\n%s", f.name, b.String(), diff)
			}
		}
	}
}

// What Oniguruma does and regexp2 does not.
func TestPretokens(t *testing.T) {
	l3, q2 := prefixed{digits: 3}, prefixed{digits: 1}
	for _, c := range []struct {
		p    pretokenizer
		text string
		want string // pretokens with | between
	}{
		{spaced{}, "don't DON'T x'ſ", "don|'t| DON|'|T| x|'|ſ"},
		{l3, "I'ſ\n'ſt\n'rE\n'LL 'd", "I|'ſ|\n|'ſ|t|\n|'rE|\n|'LL| '|d"},
		{l3, "12345", "123|45"},
		{q2, "12345", "1|2|3|4|5"},
		{prefixed{digits: unlimited}, "12345", "12345"},
		{l3, " \n  a \n \n", " \n| | a| \n \n"},
		{l3, "a\n \n  ", "a|\n \n|  "},
		{prefixed{digits: 3, trailing: true}, "a\n \n  ", "a|\n \n  "},
		{l3, "\u0085\u00a0 x", "\u0085\u00a0| x"},
		{l3, "\u180ex", "\u180ex"}, // no white space since Unicode 6.3
		{cased{digits: 3, contractions: true}, "HelloWORLD'S iPhone!ABC\u0301d", "Hello|WORLD'S| i|Phone|!ABC\u0301d"},
		{cased{digits: 1}, "it's 42/\n\nA", "it|'s| |4|2|/\n\n|A"},
		{cased{digits: 1}, "\u0301AB", "\u0301|AB"},
		{deepSeek{}, "a1234日本語ab・ !x", "a|123|4|日本語|ab|・| !|x"},
		{deepSeek{}, "x\x00\x01 y\x02z", "x|\x00\x01| y|\x02z"},
		{deepSeek{}, "a  12", "a|  |12"},
	} {
		if diff := cmp.Diff(strings.Split(c.want, "|"), pretokens(c.p, c.text)); diff != "" {
			t.Errorf("%T %+q (-want +got):\n%s", c.p, c.text, diff)
		}
	}
}

func FuzzPretokenizers(f *testing.F) {
	for _, s := range []string{"it's 1234\r\n\n  x", "'ſ'", "\x00 \xff\xc5", "日本1語・\n", "A\u0301\u0301B", "'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, family := range families {
			for i := 0; i < len(text); {
				end := family.pretoken.next([]byte(text), i)
				if end <= i || end > len(text) {
					t.Fatalf("%s %q: %d after %d", family.name, text, end, i)
				}
				if utf8.ValidString(text) && end < len(text) && !utf8.RuneStart(text[end]) {
					t.Fatalf("%s %q: cut inside a character at %d", family.name, text, end)
				}
				i = end
			}
		}
	})
}

// Every family is there, and each expression is spelt without line feeds but
// for those between Splits.
func TestFamilies(t *testing.T) {
	var names []string
	for spelling, f := range families {
		names = append(names, f.name)
		if strings.Contains(spelling, "\r") || strings.Count(spelling, "\n") > 0 && f.name != "DS" {
			t.Errorf("%s: %q", f.name, spelling)
		}
	}
	slices.Sort(names)
	if got := strings.Join(slices.Compact(names), " "); got != "CL DS G2 L3 O2 Q2 TK" {
		t.Errorf("families %s", got)
	}
}
