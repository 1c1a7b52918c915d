package bpe

import (
	"bytes"
	"encoding/json"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/internal/refdata"
)

// cutAll cuts before all characters of three bytes, not only those of scripts
// without spaces: what is safe does not depend on the script.
func cutAll(t testing.TB) {
	saved := cutBefore
	t.Cleanup(func() { cutBefore = saved })
	cutBefore = allScripts
}

// checkCut compares the count of a pretoken with the sum of its pieces.
func checkCut(t *testing.T, m *model, pretoken []byte, want int) (pieces int) {
	starts := make([]uint64, len(pretoken)/64+1)
	m.cut(pretoken, 0, starts, &allScripts)
	got := 0
	begin := 0
	for i := 1; i <= len(pretoken); i++ {
		if i == len(pretoken) || starts[i/64]>>(i%64)&1 != 0 {
			if m.whole != nil && (begin > 0 || i < len(pretoken)) {
				if _, ok := m.whole[string(pretoken[begin:i])]; ok {
					t.Errorf("%q: the piece %q is a whole token", pretoken, pretoken[begin:i])
				}
			}
			got += m.count(pretoken[begin:i])
			pieces++
			begin = i
		}
	}
	if got != want {
		t.Errorf("%q: %d tokens in %d pieces, want %d", pretoken, got, pieces, want)
	}
	return pieces
}

var cutCorpora = []string{"zh-lctt-published", "ja-phpdoc", "ko-nsmc-reviews-300k", "ru-phpdoc", "multi-tldr", "zh-phpdoc"}

// The distinct pretokens of the corpora that are not all ASCII count the same
// cut and whole.
func TestCutsOfCorpora(t *testing.T) {
	cutAll(t)
	names := []string{"gpt2", "llama3", "deepseek_v3"}
	limit := 700
	if exactFull {
		limit = math.MaxInt
		names = nil
		for name := range sharedFamilies {
			names = append(names, name)
		}
	} else if raceEnabled {
		names = names[:1]
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			m := shared(t, name)
			distinct, pieces := 0, 0
			for _, corpus := range cutCorpora {
				seen := map[uint64]struct{}{}
				seed := maphash.MakeSeed()
				refdata.Lines(t, refdata.Path("corpora", corpus+".jsonl.zst"), func(line []byte) bool {
					var d struct{ Text string }
					if err := json.Unmarshal(line, &d); err != nil {
						t.Fatal(err)
					}
					text := []byte(d.Text)
					for begin, end := 0, 0; begin < len(text); begin = end {
						end = m.rules.Next(text, begin)
						pretoken := text[begin:end]
						h := maphash.Bytes(seed, pretoken)
						if _, ok := seen[h]; ok || len(pretoken) > 2000 || !bytes.ContainsFunc(pretoken, func(r rune) bool { return r >= 0x80 }) {
							continue
						}
						seen[h] = struct{}{}
						want := m.reference.count(pretoken)
						if got := m.count(pretoken); got != want {
							t.Errorf("%q: %d tokens, want %d", pretoken, got, want)
						}
						pieces += checkCut(t, m.model, pretoken, want)
					}
					return len(seen) < limit
				})
				distinct += len(seen)
			}
			t.Logf("%d pretokens in %d pieces", distinct, pieces)
		})
	}
}

// Random texts, made of what is likely to deceive a cut: tokens side by side,
// parts of characters made whole, rare characters, repetitions.
func TestCutsOfRandomTexts(t *testing.T) {
	cutAll(t)
	names := []string{"gpt2", "llama3", "deepseek_v3"}
	texts := 3_000
	if exactFull {
		texts = 1_000_000
		names = nil
		for name := range sharedFamilies {
			names = append(names, name)
		}
	} else if raceEnabled {
		names = names[:1]
	}
	slices.Sort(names)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			m := shared(t, name)
			tokens := tokenTexts(m.model)
			rng := rand.New(rand.NewPCG(7, 0))
			var text []byte
			mixed := []rune(" .aé的のя이एा！😀\u0301")
			pieces := 0
			for range texts {
				text = text[:0]
				for range 1 + rng.IntN(6) {
					switch rng.IntN(8) {
					case 0:
						text = utf8.AppendRune(text, rune(0x800+rng.IntN(0xF000)))
					case 1:
						text = utf8.AppendRune(text, rune(0x4E00+rng.IntN(0x5200)))
					case 2:
						text = utf8.AppendRune(text, mixed[rng.IntN(len(mixed))])
					case 3:
						if n := len(text); n > 0 {
							text = append(text, text[rng.IntN(n):]...)
						}
					default:
						text = append(text, tokens[rng.IntN(len(tokens))]...)
					}
				}
				text = repaired(text, rng)
				if len(text) == 0 {
					continue
				}
				want := m.reference.count(text)
				if got := m.count(text); got != want {
					t.Errorf("%q: %d tokens, want %d", text, got, want)
				}
				if got := m.countLong(text); m.whole == nil && got != want {
					t.Errorf("%q: %d tokens by windows, want %d", text, got, want)
				}
				pieces += checkCut(t, m.model, text, want)
			}
			t.Logf("%d pieces", pieces)
		})
	}
}

// Small vocabularies over the bytes of a few characters, which tear characters
// in all ways, in order and out of order.
func TestCutsOfSmallVocabularies(t *testing.T) {
	cutAll(t)
	seeds := uint64(30)
	if exactFull {
		seeds = 2000
	} else if raceEnabled {
		seeds = 5
	}
	chars := []rune("中丮㸭あ㸮éª a🀄")
	pieces, texts := 0, 0
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 1))
		var tokens, parts []string
		for _, char := range byteChars {
			tokens = append(tokens, string(char))
		}
		for _, b := range []byte(string(chars)) {
			parts = append(parts, string(byteChars[b]))
		}
		tokens, pairs := drawMerges(rng, tokens, parts, 10+rng.IntN(80))
		for _, c := range chars {
			if b := []byte(string(c)); len(b) == 3 && rng.IntN(3) > 0 {
				two, three := string(byteChars[b[0]])+string(byteChars[b[1]]), string(byteChars[b[0]])+string(byteChars[b[1]])+string(byteChars[b[2]])
				at := rng.IntN(len(pairs) + 1)
				pairs = slices.Insert(pairs, at, [2]string{string(byteChars[b[0]]), string(byteChars[b[1]])}, [2]string{two, string(byteChars[b[2]])})
				tokens = append(tokens, two, three)
			}
		}
		if seed%4 == 3 {
			rng.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
		}
		slices.Sort(tokens)
		m, ranks := modelOf(t, slices.Compact(tokens), pairs)
		for range 300 {
			var text []byte
			for range 1 + rng.IntN(8) {
				text = utf8.AppendRune(text, chars[rng.IntN(len(chars))])
			}
			want := slowCount(ranks, string(text))
			if got := m.merge(text); got != want {
				t.Errorf("seed %d: %q: %d tokens, want %d", seed, text, got, want)
			}
			pieces += checkCut(t, m, text, want)
			texts++
		}
	}
	t.Logf("%d texts in %d pieces", texts, pieces)
}

// tokenTexts returns the bytes of the tokens that are not all ASCII, and of a
// few that are.
func tokenTexts(m *model) (texts []string) {
	all := make([]string, firstMerged, int(firstMerged)+len(m.live.halves))
	for b := range all {
		all[b] = string([]byte{byte(b)})
	}
	all = all[:cap(all)]
	var spell func(symbol) string
	spell = func(id symbol) string {
		if all[id] == "" {
			h := m.live.halves[id-firstMerged]
			all[id] = spell(h.left) + spell(h.right)
		}
		return all[id]
	}
	for id := range all {
		text := spell(symbol(id))
		if ascii := len(text) == utf8.RuneCountInString(text); !ascii || id%20 == 0 {
			texts = append(texts, text)
		}
	}
	for text := range m.whole {
		texts = append(texts, text)
	}
	slices.Sort(texts)
	return texts
}

// repaired makes text valid: a part of a character becomes a whole one.
func repaired(text []byte, rng *rand.Rand) []byte {
	var out []byte
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r != utf8.RuneError || size == 3 {
			out = append(out, text[:size]...)
			text = text[size:]
			continue
		}
		c := text[0]
		text = text[1:]
		tail := func() byte { return 0x80 | byte(rng.IntN(64)) }
		switch {
		case c < 0xC0: // the end of one
			char := []byte{0xE0 | byte(1+rng.IntN(12)), tail(), c}
			if len(text) > 0 && text[0]&0xC0 == 0x80 {
				char[1], char[2] = c, text[0]
				text = text[1:]
			}
			out = append(out, char...)
		case c < 0xF0 && c > 0xC1: // the beginning of one
			char := []byte{c}
			for need := 1 + int(c>>5&1); len(char) <= need; {
				if len(text) > 0 && text[0]&0xC0 == 0x80 {
					char = append(char, text[0])
					text = text[1:]
				} else {
					char = append(char, tail())
				}
			}
			if utf8.Valid(char) {
				out = append(out, char...)
			}
		}
	}
	return bytes.ToValidUTF8(out, nil)
}
