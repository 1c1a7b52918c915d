package runes

import (
	"testing"
	"unicode/utf8"
)

// What the versions of the data differ in, and a character of every table.
func TestData(t *testing.T) {
	for r, want := range map[rune]Props{
		'a': 0, 'A': Cased, ' ': WhiteSpace, '!': Punctuation | PunctuationNFD, 0: Other, 0x301: NonspacingMark,
		'é': Decomposes, '中': ChineseCharacter, 0x37E: Punctuation | PunctuationNFD | Decomposes, // the Greek question mark is a semicolon
		utf8.MaxRune + 1: 0,
	} {
		if got := PropsOf(r); got != want {
			t.Errorf("%U: properties %08b, want %08b", r, got, want)
		}
	}
	if CCC('a') != 0 || CCC(0x301) != 230 || !IsMark(0x903) || IsMark('a') {
		t.Errorf("marks: %d, %d, %v, %v", CCC('a'), CCC(0x301), IsMark(0x903), IsMark('a'))
	}
	if got := Canonical('é'); got != "e\u0301" {
		t.Errorf("é decomposes to %q", got)
	}
	if got, ok := Compatible('ﬁ'); !ok || got != "fi" {
		t.Errorf("ﬁ is compatible with %q, %v", got, ok)
	}
	if _, ok := Compatible('é'); ok {
		t.Error("é has a compatibility decomposition")
	}
	for r, want := range map[rune][2]rune{'A': {'a'}, 'z': {'z'}, 'Σ': {'σ'}, 'İ': {'i', 0x307}} {
		if first, second := Lower(r); first != want[0] || second != want[1] {
			t.Errorf("lower case of %c: %U %U", r, first, second)
		}
	}
}

func TestCluster(t *testing.T) {
	for _, c := range []string{
		"a", "\r\n", "\n", "e\u0301\u0302", "각", "\u1100\u1161\u11a8", "🇩🇪", "👩\u200d🚀", "\u0915\u094d\u0915", "\u0600a",
	} {
		if got := Cluster([]byte(c + "x")); got != len(c) {
			t.Errorf("%+q: a cluster of %d bytes, want %d", c, got, len(c))
		}
	}
}
