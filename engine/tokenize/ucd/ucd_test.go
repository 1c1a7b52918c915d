package ucd

import (
	"testing"
	"unicode/utf8"
)

func TestClassOf(t *testing.T) {
	for r, want := range map[rune]Class{
		'A': Upper, 'ǅ': Upper, 'a': Lower, 'ª': OtherLetter, 'ʰ': OtherLetter, 'あ': OtherLetter, '龥': OtherLetter,
		'\u0301': Mark, '\u0903': Mark, '7': Number, '²': Number, 'Ⅷ': Number, '٣': Number, '〇': Number,
		'!': Punctuation, '_': Punctuation, '・': Punctuation, '$': Symbol, '+': Symbol, '゛': Symbol, '😀': Symbol,
		' ': Space, '\n': Space, '\v': Space, '\u0085': Space, '\u00A0': Space, '\u1680': Space, '\u2028': Space, '\u3000': Space,
		0: 0, '\u001F': 0, '\u00AD': 0, '\u180E': 0, '\u200B': 0, '\uFEFF': 0, '\uE000': 0, 0x0378: 0, 0x10FFFF: 0,
		0x10D40: Number, // Unicode 16: Garay digit zero
		0x1C89:  Upper,  // Unicode 16: Cyrillic capital letter tje
		-1:      0, 0x110000: 0,
	} {
		if got := ClassOf(r); got != want {
			t.Errorf("U+%04X: class %08b, want %08b", r, got, want)
		}
	}
	for r := range rune(utf8.MaxRune + 1) {
		if c := ClassOf(r); c&(c-1) != 0 {
			t.Fatalf("U+%04X is in two classes", r)
		}
		if r < utf8.RuneSelf && ASCII[r] != ClassOf(r) {
			t.Fatalf("ASCII[%d] is not its class", r)
		}
	}
}

func TestIsWord(t *testing.T) {
	for r, want := range map[rune]bool{
		'a': true, 'Z': true, '9': true, '_': true, 'é': true, '\u0301': true, '漢': true, '\u200D': true, 'Ⓐ': true, '‿': true,
		' ': false, '-': false, '\'': false, '²': false, '\u00A0': false, 0: false, 0x10FFFF: false,
	} {
		if IsWord(r) != want {
			t.Errorf("U+%04X: word %v, want %v", r, !want, want)
		}
	}
}

func TestIsHan(t *testing.T) {
	for r, want := range map[rune]bool{
		'漢': true, '々': true, '〇': true, '〡': true, '⺀': true, '\uF900': true, 0x20000: true, 0x2EBF0: true, 0x323AF: true,
		'、': false, 'あ': false, 'ー': false, '한': false, '㈠': false, '\u2E9A': false, 'a': false, 0x323B0: false, 0x10FFFF: false,
	} {
		if IsHan(r) != want {
			t.Errorf("U+%04X: Han %v, want %v", r, !want, want)
		}
	}
}

func TestNFC(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"ascii", "plain", "plain"},
		{"composes", "cafe\u0301", "caf\u00e9"},
		{"is composed", "caf\u00e9", "caf\u00e9"},
		{"two marks", "a\u0323\u0302", "\u1ead"},
		{"order of marks", "a\u0302\u0323", "\u1ead"},
		{"marks after a composite", "\u00e2\u0323", "\u1ead"},
		{"blocked mark", "a\u0305\u0301", "a\u0305\u0301"},
		{"leading marks", "\u0301\u0323a", "\u0323\u0301a"},
		{"singleton", "\u212b\u2126", "\u00c5\u03a9"},
		{"excluded", "\u0958", "\u0915\u093c"},
		{"mark that decomposes", "\u0344", "\u0308\u0301"},
		{"oxia", "\u1f71", "\u03ac"},
		{"jamo", "\u1112\u1161\u11ab", "\ud55c"},
		{"jamo after a syllable", "\ud558\u11ab", "\ud55c"},
		{"syllable with a final", "\ud55c\u11ab", "\ud55c\u11ab"},
		{"starter that composes", "\u09c7\u09be", "\u09cb"},
		{"music", "\U0001d15e", "\U0001d157\U0001d165"},
		// Unicode 13 composes these; the data is of Unicode 9.
		{"newer pair", "\U00011935\U00011930", "\U00011935\U00011930"},
		// Unicode 14 gives U+0898 class 230, below which U+0323 (220) would go.
		{"newer mark", "a\u0898\u0323", "a\u0898\u0323"},
	} {
		var z Normalizer
		if got := string(z.AppendNFC([]byte("x"), []byte(c.in))); got != "x"+c.want {
			t.Errorf("%s: %+q, want %+q", c.name, got, "x"+c.want)
		}
	}
}

// The text in settled stretches and runs gives what the text as one run does.
func FuzzNFC(f *testing.F) {
	for _, s := range []string{"", "e\u0301", "a\u0302\u0323 b", "\u1112\u1161\u11ab\u11ab", "\u0344\u0958", "ｱ\u3099", "\xff\xcc\x81"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		text := []byte(s)
		var z Normalizer
		got := string(z.AppendNFC(nil, text))
		if want := string(z.appendRun(nil, text)); got != want {
			t.Errorf("%+q: %+q, as one run %+q", s, got, want)
		}
		if again := string(z.AppendNFC(nil, []byte(got))); again != got {
			t.Errorf("%+q: %+q, then %+q", s, got, again)
		}
		if quick := QuickNFC(text); quick == len(text) && got != s {
			t.Errorf("%+q is said to be normal, but is not %+q", s, got)
		} else if got[:min(quick, len(got))] != s[:quick] {
			t.Errorf("%+q: the first %d bytes change", s, quick)
		}
	})
}

// Every code point with normalisation data, and one in 16 of the others, alone
// and after a letter, keeps to the first rule of FuzzNFC.
func TestNFCEveryRune(t *testing.T) {
	var z Normalizer
	for r := range rune(utf8.MaxRune + 1) {
		if !utf8.ValidRune(r) || lookup(normalIndex[:], normalBlocks, r) == 0 && r%16 != 0 {
			continue
		}
		for _, s := range []string{string(r), "a" + string(r) + "\u0323b"} {
			got := string(z.AppendNFC(nil, []byte(s)))
			if want := string(z.appendRun(nil, []byte(s))); got != want {
				t.Fatalf("%+q: %+q, as one run %+q", s, got, want)
			}
		}
	}
}

func has(ranges [][2]rune, r rune) bool {
	for _, x := range ranges {
		if x[0] <= r && r <= x[1] {
			return true
		}
	}
	return false
}

// The two tables are of one library.
func TestProperty(t *testing.T) {
	for name, want := range map[string]func(rune) bool{
		"L": func(r rune) bool { return ClassOf(r)&Letter != 0 }, "lowercase-LETTER": func(r rune) bool { return ClassOf(r) == Lower },
		"M": func(r rune) bool { return ClassOf(r) == Mark }, "N": func(r rune) bool { return ClassOf(r) == Number },
		"Punct": func(r rune) bool { return ClassOf(r) == Punctuation }, "S": func(r rune) bool { return ClassOf(r) == Symbol },
		"Han": IsHan, "script=Han": nil, "White_Space": func(r rune) bool { return ClassOf(r) == Space },
		"any": func(r rune) bool { return r < 0xD800 || r >= 0xE000 }, "ASCII": func(r rune) bool { return r < 0x80 },
		"=word": nil, "fold": nil, "multifold": nil, "": nil, "l\u00e9tter": nil, "InBasicLatin": func(r rune) bool { return r < 0x80 },
	} {
		ranges, ok := Property(name)
		if ok != (want != nil) {
			t.Errorf("%q is known: %v", name, ok)
			continue
		}
		if !ok {
			continue
		}
		i := 0
		for r := range rune(utf8.MaxRune + 1) {
			for i < len(ranges) && ranges[i][1] < r {
				i++
			}
			if got := i < len(ranges) && ranges[i][0] <= r; got != want(r) {
				t.Errorf("%s: U+%04X: %v", name, r, got)
				break
			}
		}
	}
	brackets, _ := Property("word")
	if word := WordOperator(); !has(word, '²') || has(brackets, '²') || !has(word, '_') || !has(brackets, '_') {
		t.Error("\\w is not as in and outside brackets")
	}
}

func TestFolds(t *testing.T) {
	groups := map[rune][]rune{}
	for _, g := range Folds() {
		for _, r := range g {
			if groups[r] != nil {
				t.Errorf("U+%04X is in two groups", r)
			}
			groups[r] = g
		}
	}
	for r, want := range map[rune]string{'s': "Ssſ", 'K': "Kk\u212a", 'é': "Éé", 'σ': "Σςσ", 'ß': "ßẞ", '1': "", 'i': "Ii", 'İ': "", 'ꭰ': "Ꭰꭰ"} {
		if string(groups[r]) != want {
			t.Errorf("%c: %q, want %q", r, string(groups[r]), want)
		}
	}
	multi := map[rune]string{}
	for _, m := range MultiFolds() {
		multi[m[0]] = string(m[1:])
	}
	for r, want := range map[rune]string{'ß': "ss", 'ẞ': "ss", 'ﬁ': "fi", 'ﬃ': "ffi", 'ŉ': "ʼn", 'İ': "i\u0307", 's': ""} {
		if multi[r] != want {
			t.Errorf("%c: %+q, want %+q", r, multi[r], want)
		}
	}
}
