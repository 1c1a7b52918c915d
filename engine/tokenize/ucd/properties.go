package ucd

import (
	_ "embed" // the sets
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
)

//go:embed properties.txt.zst
var compressedProperties []byte

// properties are the lines of properties.txt, printed by _gen, by the names
// that Oniguruma knows; the format is described there.
var properties = sync.OnceValue(func() map[string]string {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		panic(err)
	}
	defer r.Close()
	text, err := r.DecodeAll(compressedProperties, nil)
	if err != nil {
		panic(fmt.Errorf("ucd: embedded properties: %w", err))
	}
	lines := map[string]string{}
	for line := range strings.Lines(string(text)) {
		names, data, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		for name := range strings.FieldsSeq(names) {
			lines[name] = data
		}
	}
	return lines
})

// Property returns the ranges, first and last, ascending, of the characters
// that \p{name} of Oniguruma matches within brackets: categories, scripts,
// blocks, ages, derived properties. Case, spaces, hyphens and low lines in name
// do not matter. Outside brackets the same holds but for word, see
// WordOperator.
func Property(name string) (ranges [][2]rune, ok bool) {
	key := make([]byte, 0, len(name))
	for _, b := range []byte(name) {
		switch {
		case b == ' ' || b == '-' || b == '_':
		case 'A' <= b && b <= 'Z':
			key = append(key, b+'a'-'A')
		case 'a' <= b && b <= 'z' || '0' <= b && b <= '9' || b == '.':
			key = append(key, b)
		default:
			return nil, false
		}
	}
	data, ok := properties()[string(key)]
	if !ok || string(key) == "fold" || string(key) == "multifold" {
		return nil, false
	}
	return parseRanges(data), true
}

// WordOperator returns the characters that \w and \p{word} of Oniguruma match
// outside brackets, and between which and others \b lies: a few more than
// within.
func WordOperator() [][2]rune { return parseRanges(properties()["=word"]) }

// Numeric returns the characters that Rust's char::is_numeric takes for
// numbers: \p{N} of Unicode 17.0, the version of the Rust that tokenizers 0.22.2
// is published with.
func Numeric() [][2]rune { return parseRanges(properties()["=numeric"]) }

// PretokenPunctuation returns the characters that Hugging Face's pre-tokenizers take
// for punctuation: that of ASCII, symbols included, and \p{P} of the crate
// unicode_categories 0.1.1.
func PretokenPunctuation() [][2]rune { return parseRanges(properties()["=punctuation"]) }

// RustWord returns the characters for which IsWord is true.
func RustWord() [][2]rune { return append([][2]rune(nil), wordRanges[:]...) }

func parseRanges(data string) (ranges [][2]rune) {
	at, lo, begun := 0, 0, false
	for field := range strings.FieldsSeq(data) {
		n, err := strconv.Atoi(field)
		if err != nil {
			panic(err)
		}
		at += n
		if begun {
			ranges = append(ranges, [2]rune{rune(lo), rune(at - 1)})
		}
		lo, begun = at, !begun
	}
	return ranges
}

// Folds returns the groups of characters that match each other in Oniguruma
// where case is ignored. No character is in two.
func Folds() [][]rune { return parseGroups(properties()["fold"]) }

// MultiFolds returns the characters that match a sequence of two or three in
// Oniguruma where case is ignored, and are matched by it: the character, then
// the sequence, folded.
func MultiFolds() [][]rune { return parseGroups(properties()["multifold"]) }

func parseGroups(data string) (groups [][]rune) {
	for group := range strings.SplitSeq(data, "/") {
		var runes []rune
		for field := range strings.FieldsSeq(group) {
			n, err := strconv.ParseUint(field, 16, 32)
			if err != nil {
				panic(err)
			}
			runes = append(runes, rune(n))
		}
		groups = append(groups, runes)
	}
	return groups
}
