// Package tricky makes texts that tokenizers stumble over. Only tests may import
// it.
package tricky

import (
	"math/rand/v2"
	"strings"
	"unicode/utf8"
)

// Strings are what has been got wrong by somebody, alone or next to others.
var Strings = strings.Split("\t|\n|\r|\r\n|\n\n|\v|\f|\x00|\x1c|\x7f|\u0085|\u00a0|\u1680|\u180e|\u2000|\u2028|\u3000|\u2581|\u2581\u2581|\ufeff|\ufffd|\u200b|\u00ad| |  |   |"+
	"'|'\u017f|``|''|\u0130|\u1e9e|\u00df|\ufb01|\uff21|\uff0c|\u2122|\u00bd|\ufdfa|\u0600|\u0903|\u0915\u094d\u0937|\u0915\u094d|\u0915|\u0958\u0301|"+
	"\u1100\u1161\u11a8|\u1100|\u1161|\u11a8|\uac00|\uac01|\U0001f1e6|\U0001f1e6\U0001f1e7|\U0001f468\u200d\U0001f469|\u00a9\u200d|\u00a9\u0301|\U0001f3fb|\U0001f600|\U00016ea0|\u0e33|\u2126|"+
	"\u226e|\u2260|\u1fef|\u037e|\u0344|\u0929|\ufb1d|\u1ea5|\u3392|\u302e|\u302f|\U0001d165|\U0001d16d|\U0001d15e|\u1b44|\ua953|\u0301|\u0323|a\u0301|e\u0301\u0323|\u0345|\u03b1\u0345|"+
	"\u4e2d|\u6587\u5b57|\u306e|\u30ab\u3099|\ud55c\uad6d|\uf900|\U00020000|\U0002f800|\u212a|\u212b|##|##a|<unk>|[UNK]|</s>|Hello|WORLD|naïve|2024|3.14|a|A|_|-|\u2014|\u2026|\u20ac|\ue000|\U0010ffff|\u0378", "|")

// Text returns a text of a few strings, some of them of vocab.
func Text(rng *rand.Rand, vocab []string) string {
	var b strings.Builder
	for range 1 + rng.IntN(10) {
		switch k := rng.IntN(20); {
		case k < 7:
			b.WriteString(Strings[rng.IntN(len(Strings))])
		case k < 11 && len(vocab) > 0:
			b.WriteString(vocab[rng.IntN(len(vocab))])
		case k < 13:
			b.WriteRune(rune(0x300 + rng.IntN(0x70)))
		case k < 15:
			b.WriteByte(byte(' ' + rng.IntN(95)))
		case k < 16:
			b.WriteString(strings.Repeat(Strings[rng.IntN(len(Strings))], 1+rng.IntN(70)))
		default:
			limit := []int{0x250, 0x3000, 0x10000, 0x20000, 0x110000}[rng.IntN(5)]
			if r := rune(rng.IntN(limit)); utf8.ValidRune(r) {
				b.WriteRune(r)
			}
		}
		if rng.IntN(4) == 0 {
			b.WriteByte(' ')
		}
	}
	return b.String()
}
