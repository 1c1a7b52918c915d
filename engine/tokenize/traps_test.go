package tokenize_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/tokenize"
)

// TestEnginesAgreeOnTraps counts made-up text by both engines: vocabulary
// entries strung together (merges that cross their borders), added tokens in
// and next to text, and characters on which Unicode versions and regex engines
// differ. TALLYSTICK_SEED and TALLYSTICK_TRAPS (texts of each kind and
// tokenizer) change what is made up.
func TestEnginesAgreeOnTraps(t *testing.T) {
	refdata.Need(t)
	needHF(t)
	seed := environment(t, "TALLYSTICK_SEED", 1)
	texts := environment(t, "TALLYSTICK_TRAPS", 400)
	t.Logf("TALLYSTICK_SEED=%d TALLYSTICK_TRAPS=%d", seed, texts)
	for _, f := range files {
		if f.family == "" {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			agreeOnTraps(t, f.name, uncompressed(t, shared, f.name), seed, texts)
		})
	}
}

// agreeOnTraps compares the engines on made-up texts, so many of each kind.
func agreeOnTraps(t *testing.T, name string, config []byte, seed, texts int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(seed), 0))
	entries, added := vocabulary(t, config)
	pieces := map[string]func() string{
		"vocabulary": func() string { return entries[rng.IntN(len(entries))] },
		"added tokens": func() string {
			if len(added) == 0 || rng.IntN(3) > 0 {
				return entries[rng.IntN(len(entries))]
			}
			return spoil(rng, added[rng.IntN(len(added))])
		},
		"characters": func() string { return trap(rng) },
	}
	family := ""
	for _, addedTokens := range []string{tokenize.AddedMatch, tokenize.AddedText} {
		if family == "WordPiece" || family == "Unigram" {
			break // both engines refuse to count added tokens as text
		}
		o := tokenize.Options{Engine: tokenize.EngineNative, AddedTokens: addedTokens}
		native, info, err := tokenize.OpenBytes(name, config, o)
		if err != nil {
			t.Fatal(err)
		}
		family = info.Family
		o.Engine = tokenize.EngineHF
		reference, _, err := tokenize.OpenBytes(name, config, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{"vocabulary", "added tokens", "characters"} {
			differences := 0
			for range texts {
				var b strings.Builder
				for range 1 + rng.IntN(8) {
					b.WriteString(pieces[kind]())
				}
				text := []byte(strings.ToValidUTF8(b.String(), "\uFFFD"))
				got, err := native.TryCount(text)
				want, wantErr := reference.TryCount(text)
				if err != nil || wantErr != nil || got != want {
					if differences++; differences <= 5 {
						t.Errorf("added tokens %s, %s: %q: native %d (%v), hf %d (%v)", addedTokens, kind, text, got, err, want, wantErr)
					}
				}
			}
			if differences > 5 {
				t.Errorf("added tokens %s, %s: %d of %d texts differ", addedTokens, kind, differences, texts)
			}
		}
	}
}

func environment(t *testing.T, name string, otherwise int) int {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// vocabulary returns the texts of a vocabulary and the added tokens, each in
// the order of the file's ids or lists.
func vocabulary(t *testing.T, config []byte) (entries, added []string) {
	t.Helper()
	var file struct {
		AddedTokens []struct {
			Content string `json:"content"`
		} `json:"added_tokens"`
		Model struct {
			Vocab json.RawMessage `json:"vocab"`
		} `json:"model"`
	}
	if err := json.Unmarshal(config, &file); err != nil {
		t.Fatal(err)
	}
	for _, a := range file.AddedTokens {
		added = append(added, a.Content)
	}
	var scored [][2]any // of Unigram: token and score
	ids := map[string]int{}
	if err := json.Unmarshal(file.Model.Vocab, &scored); err == nil {
		for id, entry := range scored {
			ids[entry[0].(string)] = id
		}
	} else if err := json.Unmarshal(file.Model.Vocab, &ids); err != nil {
		t.Fatal(err)
	}
	last := 0
	for _, id := range ids {
		last = max(last, id)
	}
	byID := make([]string, last+1)
	byteLevel := false // has the spelling of a space
	for entry, id := range ids {
		byID[id] = entry
		byteLevel = byteLevel || strings.HasPrefix(entry, "Ġ")
	}
	for _, entry := range byID {
		text, ok := byteLevelText(entry)
		if !byteLevel {
			text, ok = strings.TrimPrefix(strings.ReplaceAll(entry, "▁", " "), "##"), true
		}
		if ok && text != "" {
			entries = append(entries, text)
		}
	}
	return entries, added
}

// byteLevelText undoes GPT-2's spelling of bytes as printable characters.
func byteLevelText(entry string) (string, bool) {
	var b strings.Builder
	for _, r := range entry {
		switch {
		case r >= '!' && r <= '~', r >= 0xa1 && r <= 0xac, r >= 0xae && r <= 0xff:
			b.WriteByte(byte(r))
		case r >= 0x100 && r <= 0x120:
			b.WriteByte(byte(r - 0x100))
		case r >= 0x121 && r <= 0x142:
			b.WriteByte(byte(r - 0x121 + 0x7f))
		case r == 0x143:
			b.WriteByte(0xad)
		default:
			return "", false
		}
	}
	return b.String(), true
}

// spoil returns an added token as it is or not quite.
func spoil(rng *rand.Rand, token string) string {
	switch rng.IntN(6) {
	case 0:
		return token[:rng.IntN(len(token)+1)]
	case 1:
		return strings.ToUpper(token)
	case 2:
		return " " + token + "\n"
	case 3:
		return token + token
	}
	return token
}

// traps are spellings that families, engines or Unicode versions treat
// differently.
var traps = []string{
	"'s", "'S", "'ll", "'LL", "'re", "'ſ", "'ſs", "’s", "''", "'",
	" ", "  ", "\t", "\n", "\r\n", "\n\n", "\r", "\v", "\f", "\x1c", "\x1f", "\u0085", "\u00a0", "\u1680", "\u180e", "\u2000", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\ufeff", "\u200b", "\u200d",
	"0", "12", "123", "1234567", "٣", "१२३", "²", "½", "Ⅻ", "㊿", "𝟘𝟙", "𞥐",
	"a", "A", "aB", "Ab", "ABC", "ǅ", "ʰ", "ª", "ß", "İ", "ı", "ſ", "K", "Ω", "é", "e\u0301", "\u0301", "\u0323\u0307", "\u0345", "ά", "ά", "\u1fef", "क्षि", "ก็", "\u0e33",
	"한", "\u1112\u1161\u11ab", "\u1112\u1161", "각\u11a8", "漢字", "豈", "龥", "龦", "ぁ", "゠", "ー", "ｱ", "㐀", "𠀀",
	"/", "//", "\n/", "!\n", "!?\r\n/", "-", "_", "«", "€", "+", "^", "`", "|", "<|", "|>", "﹏", "…", "©", "🫨", "👩‍👩‍👧", "🇩🇪", "\u20dd", "\ue000", "\U000f0000", "\U0010ffff", "\u0378", "\uffff",
	"\x00", "\x01", "\x7f", "\u0080", "\u00ad", "\u061c", "\u0890", "\u08e2", "\U00011240", "\U0001df00", "\U0001e4d0", "\U00010d40", "\u1c89", "\ua7cb",
}

// trap returns a piece of text of a few characters.
func trap(rng *rand.Rand) string {
	switch rng.IntN(4) {
	case 0: // any code point of the first planes, assigned or not
		r := rune(rng.IntN(0x30000))
		if r >= 0xd800 && r < 0xe000 {
			r = 0xfffd
		}
		return string(r)
	case 1: // runs, which cross the widths that engines work in
		return strings.Repeat(traps[rng.IntN(len(traps))], 1+rng.IntN(20))
	}
	return traps[rng.IntN(len(traps))]
}
