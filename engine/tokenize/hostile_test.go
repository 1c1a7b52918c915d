package tokenize_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/tokenize"
)

// hostile are texts that have made some tokenizer slow or large: without a
// place to cut, with every merge in question, with a new word everywhere. Each
// function returns a text of about size bytes; entries are what the vocabulary
// spells.
var hostile = map[string]func(rng *rand.Rand, entries []string, size int) []byte{
	"one letter":          repeated("a"),
	"one letter, capital": repeated("A"),
	"one accented letter": repeated("é"),
	"one Han character":   repeated("中"),
	"rare Han character":  repeated("𠀀"),
	"one kana":            repeated("の"),
	"one Hangul syllable": repeated("각"),
	"Hangul jamo":         repeated("\u1112\u1161\u11ab"),
	"leading jamo":        repeated("\u1100"),
	"alternating letters": repeated("ab"),
	"alternating case":    repeated("aB"),
	"spaces":              repeated(" "),
	"tabs":                repeated("\t"),
	"newlines":            repeated("\n"),
	"CR LF":               repeated("\r\n"),
	"spaces and newlines": repeated(" \n"),
	"no-break spaces":     repeated("\u00a0"),
	"apostrophes":         repeated("'"),
	"contractions":        repeated("'s"),
	"hyphens":             repeated("-"),
	"combining marks":     repeated("\u0301"),
	"unordered marks":     repeated("\u0301\u0323"),
	"letter with marks": func(_ *rand.Rand, _ []string, size int) []byte {
		return append([]byte("a"), repeated("\u0301\u0316")(nil, nil, size)...)
	},
	"variation selectors": repeated("\ufe0f"),
	"one emoji":           repeated("😀"),
	"emoji joined":        repeated("👩\u200d"),
	"flags":               repeated("🇩🇪"),
	"digits":              repeated("1234567890"),
	"one digit":           repeated("0"),
	"foreign digits":      repeated("٣"),
	"marks of spaces":     repeated("▁"),
	"NULs":                repeated("\x00"),
	"replacement":         repeated("\ufffd"),
	"astral private use":  repeated("\U0010fffd"),
	"ligatures":           repeated("\ufdfa"),
	"look-alike tokens":   repeated("<|endoftext"),
	"added token":         repeated("<|endoftext|>"),
	"markers":             repeated("<s>[CLS]"),
	"entries":             joined(func(string) bool { return true }),
	"letters":             joined(func(entry string) bool { return all(entry, unicode.IsLetter) }),
	"capitals":            joined(func(entry string) bool { return all(entry, unicode.IsUpper) }),
	"Han":                 joined(func(entry string) bool { return all(entry, func(r rune) bool { return unicode.Is(unicode.Han, r) }) }),
	"kana": joined(func(entry string) bool {
		return all(entry, func(r rune) bool { return unicode.In(r, unicode.Hiragana, unicode.Katakana) })
	}),
	"punctuation": joined(func(entry string) bool {
		return all(entry, func(r rune) bool { return unicode.IsPunct(r) || unicode.IsSymbol(r) })
	}),
	"white space": joined(func(entry string) bool { return all(entry, unicode.IsSpace) }),
	"random bytes": func(rng *rand.Rand, _ []string, size int) []byte {
		return bytes.ToValidUTF8(random(rng, size), []byte("\ufffd"))
	},
	"random characters": func(rng *rand.Rand, _ []string, size int) (text []byte) {
		for len(text) < size {
			if r := rune(rng.IntN(0x110000)); utf8.ValidRune(r) {
				text = utf8.AppendRune(text, r)
			}
		}
		return text
	},
	"random letters": func(rng *rand.Rand, _ []string, size int) []byte {
		text := random(rng, size)
		for i, b := range text {
			text[i] = 'a' + b%26
		}
		return text
	},
	"random Han": func(rng *rand.Rand, _ []string, size int) (text []byte) {
		for len(text) < size {
			text = utf8.AppendRune(text, 0x4e00+rune(rng.IntN(0x5200)))
		}
		return text
	},
	"random marks": func(rng *rand.Rand, _ []string, size int) (text []byte) {
		for len(text) < size {
			text = utf8.AppendRune(text, 0x300+rune(rng.IntN(0x70)))
		}
		return text
	},
	"random words": func(rng *rand.Rand, _ []string, size int) (text []byte) {
		for len(text) < size {
			text = strconv.AppendUint(append(text, ' '), rng.Uint64(), 36)
		}
		return text
	},
	"base64": func(rng *rand.Rand, _ []string, size int) []byte {
		return base64.StdEncoding.AppendEncode(nil, random(rng, size*3/4))
	},
	"random digits":         drawn("0123456789"),
	"random case":           drawn("aAbBeEnNsStT"),
	"random contractions":   drawn("'", "’", "s", "ll", "re", "d", "T", "'VE", "x"),
	"random white space":    drawn(" ", "  ", "\t", "\n", "\r", "\v", "\u0085", "\u00a0", "\u2028", "\u3000"),
	"spaces before words":   drawn(" ", "   ", "          ", strings.Repeat(" ", 100), "a", "the", "\n"),
	"signs and line ends":   drawn("!", "/", "\r", "\n", ".", ")", "\r\n", "//"),
	"random emoji joined":   drawn("👩", "🏽", "\u200d", "❤", "\ufe0f", "🔥", "👨", "🇩", "🇪", "\u20e3", "#"),
	"mixed scripts":         drawn("a", "é", "ж", "Ω", "ا", "ש", "ก", "ि", "क", "한", "の", "中", "𐐀", "ß", "ǅ"),
	"random Hangul":         between(0xac00, 0xd7a3),
	"random Cyrillic":       between(0x400, 0x45f),
	"random Thai":           between(0xe01, 0xe3a),
	"random Devanagari":     between(0x904, 0x94d),
	"random Arabic":         between(0x621, 0x64a),
	"random rare Han":       between(0x20000, 0x2a6d6),
	"compatibility Han":     between(0xf900, 0xfa6d),
	"merge traps":           drawn("a", "ab", "aab", "aabaab", "b", "aaaaaaab"),
	"unique long words":     words(33, 64),
	"unique longer words":   words(65, 300),
	"entries cut short":     changed(func(entry []rune, _ *rand.Rand) []rune { return entry[:len(entry)-1] }),
	"long entries, changed": changed(func(entry []rune, rng *rand.Rand) []rune { entry[rng.IntN(len(entry))] = 'q'; return entry }),
	"hexadecimal":           func(rng *rand.Rand, _ []string, size int) []byte { return hex.AppendEncode(nil, random(rng, size/2)) },
}

func repeated(what string) func(*rand.Rand, []string, int) []byte {
	return func(_ *rand.Rand, _ []string, size int) []byte { return bytes.Repeat([]byte(what), size/len(what)+1) }
}

// joined strings together entries of a kind, entries of one character if there
// are none.
func joined(is func(entry string) bool) func(*rand.Rand, []string, int) []byte {
	return func(rng *rand.Rand, entries []string, size int) (text []byte) {
		kind := slices.DeleteFunc(slices.Clone(entries), func(entry string) bool { return !utf8.ValidString(entry) || !is(entry) })
		if len(kind) == 0 {
			kind = []string{"x", "y"}
		}
		for len(text) < size {
			text = append(text, kind[rng.IntN(len(kind))]...)
		}
		return text
	}
}

// drawn strings together parts at random.
func drawn(parts ...string) func(*rand.Rand, []string, int) []byte {
	if len(parts) == 1 {
		parts = strings.Split(parts[0], "")
	}
	return func(rng *rand.Rand, _ []string, size int) (text []byte) {
		for len(text) < size {
			text = append(text, parts[rng.IntN(len(parts))]...)
		}
		return text
	}
}

// between strings together characters of a range at random.
func between(first, last rune) func(*rand.Rand, []string, int) []byte {
	return func(rng *rand.Rand, _ []string, size int) (text []byte) {
		for len(text) < size {
			text = utf8.AppendRune(text, first+rune(rng.IntN(int(last-first+1))))
		}
		return text
	}
}

// words are letters at random, so many in a row that no word is there twice.
func words(least, most int) func(*rand.Rand, []string, int) []byte {
	return func(rng *rand.Rand, _ []string, size int) (text []byte) {
		for len(text) < size {
			text = append(text, ' ')
			for range least + rng.IntN(most-least+1) {
				text = append(text, 'a'+byte(rng.IntN(26)))
			}
		}
		return text
	}
}

// changed strings together the longest tenth of the entries, each changed.
func changed(change func(entry []rune, rng *rand.Rand) []rune) func(*rand.Rand, []string, int) []byte {
	return func(rng *rand.Rand, entries []string, size int) (text []byte) {
		long := slices.DeleteFunc(slices.Clone(entries), func(entry string) bool { return entry == "" || !utf8.ValidString(entry) })
		slices.SortStableFunc(long, func(a, b string) int { return len(b) - len(a) })
		long = long[:len(long)/10+1]
		for len(text) < size {
			text = append(text, string(change([]rune(long[rng.IntN(len(long))]), rng))...)
		}
		return text
	}
}

func all(text string, is func(r rune) bool) bool {
	return text != "" && strings.IndexFunc(text, func(r rune) bool { return !is(r) }) < 0
}

func random(rng *rand.Rand, size int) []byte {
	text := make([]byte, size)
	for i := range text {
		text[i] = byte(rng.Uint32())
	}
	return text
}

func kinds() []string {
	var out []string
	for kind := range hostile {
		out = append(out, kind)
	}
	slices.Sort(out)
	return out
}

// spelled returns what the vocabulary of any tokenizer.json spells.
func spelled(t testing.TB, config []byte) []string {
	t.Helper()
	m := base(t, config, 1<<30)
	return m.entries
}

// TestEnginesAgreeOnHostileTexts compares the engines on short hostile texts;
// TALLYSTICK_HOSTILE makes them longer (bytes).
func TestEnginesAgreeOnHostileTexts(t *testing.T) {
	refdata.Need(t)
	needHF(t)
	size := environment(t, "TALLYSTICK_HOSTILE", 3000)
	for _, f := range files {
		if f.family == "" {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			agreeOnHostileTexts(t, f.name, uncompressed(t, shared, f.name), size)
		})
	}
}

// agreeOnHostileTexts compares the engines on a text of every kind.
func agreeOnHostileTexts(t *testing.T, name string, config []byte, size int) {
	t.Helper()
	entries := spelled(t, config)
	native := openAs(t, name, config, tokenize.EngineNative)
	reference := openAs(t, name, config, tokenize.EngineHF)
	for _, kind := range kinds() {
		text := hostile[kind](rand.New(rand.NewPCG(1, 2)), entries, size)
		got, err := native.TryCount(text)
		want, wantErr := reference.TryCount(text)
		if err != nil || wantErr != nil || got != want {
			t.Errorf("%d bytes of %s: native %d (%v), hf %d (%v)", len(text), kind, got, err, want, wantErr)
		}
	}
}

// BenchmarkHostile counts hostile texts of TALLYSTICK_HOSTILE bytes (8 MiB),
// each by a counter that has counted nothing before: none may be counted at
// less than 20 MB/s, and the memory that is held in between (peak-MB, where the
// system tells) must not grow with the text but for a buffer or two of its
// size. The count must be that of another counter which has a cache of almost
// nothing, and has been used for other texts.
func BenchmarkHostile(b *testing.B) {
	refdata.Need(b)
	size := 8 << 20
	if s := os.Getenv("TALLYSTICK_HOSTILE"); s != "" {
		var err error
		if size, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	for _, f := range files {
		if f.family == "" {
			continue
		}
		var config []byte
		var entries []string
		var other *tokenize.Counter
		for _, kind := range kinds() {
			b.Run(f.name+"/"+strings.ReplaceAll(kind, " ", "_"), func(b *testing.B) {
				if config == nil {
					config = refdata.ReadAll(b, refdata.Path("tokenizers", f.name+".json.zst"))
					entries = spelled(b, config)
					other = openFor(b, f.name, config, 64<<10)
				}
				text := hostile[kind](rand.New(rand.NewPCG(1, 2)), entries, size)
				b.SetBytes(int64(len(text)))
				count, peak := 0, 0
				for b.Loop() {
					b.StopTimer()
					counter := openFor(b, f.name, config, 0)
					counter.Count([]byte("warm"))
					before := resetPeak()
					b.StartTimer()
					count = counter.Count(text)
					b.StopTimer()
					peak = max(peak, peakRSS()-before)
					b.StartTimer()
				}
				if want := other.Count(text); count != want {
					b.Errorf("%d tokens, with another cache %d", count, want)
				}
				b.ReportMetric(float64(peak)/1e6, "peak-MB")
			})
		}
	}
}

func openFor(b *testing.B, name string, config []byte, cacheBytes int64) *tokenize.Counter {
	b.Helper()
	c, _, err := tokenize.OpenBytes(name, config, tokenize.Options{Engine: tokenize.EngineNative, CacheBytes: cacheBytes})
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// resetPeak returns the memory that this process holds, and begins to look for
// the most it holds from now on. It is Linux's; elsewhere all is 0.
func resetPeak() int {
	runtime.GC()
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	return peakRSS()
}

// peakRSS returns the most memory, in bytes, that was held since resetPeak.
func peakRSS() int {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, ok := strings.Cut(string(status), "VmHWM:")
	if !ok {
		return 0
	}
	var kib int
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		return 0
	}
	return kib << 10
}
