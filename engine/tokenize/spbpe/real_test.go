package spbpe

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/internal/growth"
	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/tokenize/hf"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
	"github.com/tallystick/tallystick/engine/tokenize/vocab"
)

// uncut returns the number of tokens of a segment merged as a whole, in one
// window: what Hugging Face does.
func uncut(w *worker, text []byte, first bool) int {
	var l longMerge
	return l.windows(w.model, &reader{model: w.model, lead: w.lead(text, first), rest: text}, 1<<30)
}

// tokensOf returns the tokens of a vocabulary, with spaces for markers.
func tokensOf(t testing.TB, name string) (tokens []string) {
	t.Helper()
	var model pipeline.Object
	if err := sharedFile(t, name).Decode("model", &model); err != nil {
		t.Fatal(err)
	}
	v, err := vocab.Read(model["vocab"])
	if err != nil {
		t.Fatal(err)
	}
	for i := range v.Tokens.Len() {
		if token := string(v.Tokens.At(uint32(i))); token != "" {
			tokens = append(tokens, strings.ReplaceAll(token, marker, " "))
		}
	}
	return tokens
}

// edges are characters and texts that tokenizers treat differently.
var edges = []string{
	" ", "  ", "   ", "▁", "▁▁", " ▁", "▁ ", "\n", "\n\n", "\r\n", "\t", "\x00", "\x00\x00", "\u00a0", "\u0085", "\u2028", "\u3000", "\ufeff", "\u200b", "\u200d",
	"a", "A", "é", "e\u0301", "\u0301", "ß", "ſ", "Ω", "İ", "٣", "½", "𝟘", "한", "\u1112\u1161\u11ab", "漢字", "豈", "㐀", "𠀀", "ー", "ｱ", "क्षि", "ก็", "👩‍👩‍👧", "🇩🇪", "🫨",
	"<", ">", "</", "> </", ">▁</", "> <", "<s>", "</s>", "<unk>", "<bos>", "<0x0A>", "<0xE2>", "\ue000", "\U0010ffff", "\uffff", "0", "123", "'s", "...", "==", "\u007f", "\u0080",
}

// text strings tokens and edges together.
func realText(rng *rand.Rand, tokens []string) string {
	var b strings.Builder
	for range 1 + rng.IntN(12) {
		switch rng.IntN(8) {
		case 0:
			b.WriteString(edges[rng.IntN(len(edges))])
		case 1:
			token := tokens[rng.IntN(len(tokens))]
			b.WriteString(token[:rng.IntN(len(token)+1)])
		case 2:
			b.WriteRune(rune(rng.IntN(0xd800)))
		case 3:
			b.WriteString(strings.Repeat(edges[rng.IntN(len(edges))], rng.IntN(40)))
		default:
			b.WriteString(tokens[rng.IntN(len(tokens))])
		}
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

// corpusSample returns some documents of every corpus, about size bytes of each.
func corpusSample(t testing.TB, size int) (texts []string) {
	t.Helper()
	for _, corpus := range refdata.Glob(t, "corpora", "*.jsonl.zst") {
		got := 0
		for _, d := range readDocuments(t, corpus, 8*size) {
			if len(d.Text) <= size/2 {
				texts = append(texts, d.Text)
				if got += len(d.Text); got > size {
					break
				}
			}
		}
	}
	return texts
}

// Cutting changes no count: real text and tokens strung together, against the
// same text merged whole.
func TestPiecesMatchWhole(t *testing.T) {
	corpora := corpusSample(t, 30_000)
	for _, name := range sharedNames {
		t.Run(name, func(t *testing.T) {
			w := newWorker(sharedTokenizer(t, name), 0)
			rng := rand.New(rand.NewPCG(1, 0))
			check := func(text string, first bool) {
				t.Helper()
				if text == "" {
					return
				}
				want := uncut(w, []byte(text), first)
				for range 2 {
					if got := w.Count([]byte(text), first); got != want {
						t.Fatalf("%q: %d tokens in pieces, %d as a whole", text, got, want)
					}
				}
			}
			for _, text := range corpora {
				for line := range strings.SplitAfterSeq(text, "\n\n") {
					check(line, true)
				}
			}
			tokens := tokensOf(t, name)
			for range 20_000 {
				check(realText(rng, tokens), rng.IntN(2) == 0)
			}
		})
	}
}

// The same against merging strings.
func TestSlow(t *testing.T) {
	refdata.Need(t)
	s := newSlow(t, refdata.ReadAll(t, refdata.Path("tokenizers", "llama2.json.zst")))
	w := newWorker(sharedTokenizer(t, "llama2"), 0)
	tokens := tokensOf(t, "llama2")
	rng := rand.New(rand.NewPCG(2, 0))
	for range 3000 {
		text := realText(rng, tokens)
		if text == "" {
			continue
		}
		if got, want := w.Count([]byte(text), true), s.count(text, true); got != want {
			t.Fatalf("%q: %d tokens, slowly %d", text, got, want)
		}
	}
}

// Counters count what Hugging Face's library counts: corpora, and tokens and
// added tokens strung together.
func TestSharedMatchHF(t *testing.T) {
	if !hf.Available {
		t.Skip("NOTICE: skipped: built without the engine hf; `make hf`, then go test -tags hf")
	}
	corpora := corpusSample(t, 60_000)
	for _, name := range sharedNames {
		config := refdata.ReadAll(t, refdata.Path("tokenizers", name+".json.zst"))
		tokens := tokensOf(t, name)
		added, err := sharedFile(t, name).AddedTokens()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range added {
			tokens = append(tokens, a.Content)
		}
		for _, addedAsText := range []bool{false, true} {
			c, err := open(config, addedAsText)
			if err != nil {
				t.Fatal(err)
			}
			reference, err := hf.New(config, addedAsText)
			if err != nil {
				t.Fatal(err)
			}
			check := func(text string) {
				t.Helper()
				got, err1 := c.Count([]byte(text))
				want, err2 := reference.Count([]byte(text))
				if err1 != nil || err2 != nil || got != want {
					t.Fatalf("%s, added as text %t: %q: %d tokens (%v), hf %d (%v)", name, addedAsText, text, got, err1, want, err2)
				}
			}
			for _, text := range corpora {
				check(text)
			}
			rng := rand.New(rand.NewPCG(3, 0))
			for range 4000 {
				check(realText(rng, tokens))
			}
		}
	}
}

// The bits of a scanner are the ends of next, wherever blocks begin.
func TestScanner(t *testing.T) {
	corpora := corpusSample(t, 4_000)
	for _, name := range sharedNames {
		c := sharedTokenizer(t, name).cuts
		rng := rand.New(rand.NewPCG(4, 0))
		tokens := tokensOf(t, name)
		for i := range 3000 {
			text := realText(rng, tokens)
			if i%4 == 0 {
				text = corpora[rng.IntN(len(corpora))]
			}
			text = text[:rng.IntN(len(text)+1)]
			text = strings.ToValidUTF8(text, "")
			// Cuts by hash may differ from those by table, in ASCII beside other
			// characters; both are cuts that may be made.
			s := scanner{cuts: c, text: []byte(text)}
			var got []int
			dst := make([]uint64, 1+rng.IntN(4))
			base := 0
			for n := s.Bits(dst); n > 0; n = s.Bits(dst) {
				for _, word := range dst[:n] {
					for j := range 64 {
						if word>>j&1 != 0 && base+j > 0 {
							got = append(got, base+j)
						}
					}
					base += 64
				}
			}
			if base < len(text) || base >= len(text)+64 {
				t.Fatalf("%d bits for %d bytes", base, len(text))
			}
			for j := range text {
				if j == 0 {
					continue
				}
				b, _ := utf8.DecodeRuneInString(text[j:])
				a, _ := utf8.DecodeLastRuneInString(text[:j])
				byTable, byHash := c.between(a, b), !c.junctions.Has(charOf(a), charOf(b))
				if is := slices.Contains(got, j); is != byTable && is != byHash {
					t.Fatalf("%s: %q: cut %t between %q and %q at %d, want %t", name, text, is, a, b, j, byTable)
				}
			}
			for _, j := range got {
				if j >= len(text) || !utf8.RuneStart(text[j]) {
					t.Fatalf("%s: %q: cut at %d", name, text, j)
				}
			}
		}
	}
}

// Windows of any size give the same count.
func TestWindows(t *testing.T) {
	refdata.Need(t)
	for _, name := range sharedNames {
		w := newWorker(sharedTokenizer(t, name), 0)
		rng := rand.New(rand.NewPCG(5, 0))
		alphabets := []string{"ab", "aeiou ", "abcdefghijklmnopqrstuvwxyz", "xyz", " ", "▁ \n", "=-", "的一是不了", "абвгде", "é𠀀a"}
		for range 400 {
			alphabet := []rune(alphabets[rng.IntN(len(alphabets))])
			var b strings.Builder
			for range rng.IntN(1500) {
				b.WriteRune(alphabet[rng.IntN(len(alphabet))])
			}
			text, lead := []byte(b.String()), rng.IntN(2) == 0
			count := func(size int) int {
				var l longMerge
				return l.windows(w.model, &reader{model: w.model, lead: lead, rest: text}, size)
			}
			want := count(1 << 30)
			for _, size := range []int{8, 16, 64, 200, window} {
				if got := count(size); got != want {
					t.Fatalf("%s: %q, windows of %d: %d tokens, want %d", name, text, size, got, want)
				}
			}
			if len(text) < 200 {
				g := merger{model: w.model}
				if got := g.count(lead, text); got != want {
					t.Fatalf("%s: %q: %d tokens, want %d", name, text, got, want)
				}
			}
		}
	}
}

// A text counted with the added tokens in it has the count of its segments.
func TestJoined(t *testing.T) {
	refdata.Need(t)
	file, x := sharedFile(t, "gemma3"), sharedTokenizer(t, "gemma3")
	if x.joined == nil {
		t.Fatal("not counted jointly")
	}
	apart := *x
	apart.joined = nil
	counter := func(x *tokenizer) *pipeline.Counter {
		c, err := pipeline.New(file, pipeline.Options{}, Family, func() pipeline.Worker { return newWorker(x, 0) })
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	a, b := counter(x), counter(&apart)
	tokens := tokensOf(t, "gemma3")
	for content := range x.joined.contents {
		tokens = append(tokens, content, "\n")
	}
	slices.Sort(tokens)
	rng := rand.New(rand.NewPCG(6, 0))
	for range 3000 {
		text := realText(rng, tokens) + strings.Repeat("\n"+realText(rng, tokens[:40]), rng.IntN(60))
		got, _ := a.Count([]byte(text))
		if want, _ := b.Count([]byte(text)); got != want {
			t.Fatalf("%q: %d tokens, %d apart", text, got, want)
		}
	}
}

// No text takes more than linear time, or memory.
func TestHostile(t *testing.T) {
	refdata.Need(t)
	const size = 1 << 20
	texts := map[string]string{}
	for _, part := range []string{"a", " ", "漢", "'", "\u0301", "ab", "aaab", "▁", "\n", "\n ", "=", "𠀀", "\x00", "xyzzy", "> </"} {
		texts[part] = strings.Repeat(part, size/len(part)+1)
	}
	rng := rand.New(rand.NewPCG(7, 0))
	for _, alphabet := range []string{"ab", "abcdefghijklmnopqrstuvwxyz"} {
		b := make([]byte, size)
		for i := range b {
			b[i] = alphabet[rng.IntN(len(alphabet))]
		}
		texts["any of "+alphabet] = string(b)
	}
	for _, name := range sharedNames {
		x := sharedTokenizer(t, name)
		for what, text := range texts {
			w := newWorker(x, 0)
			growth.Linear(t, fmt.Sprintf("%s: %q", name, what), size, func(size int) func() {
				return func() { w.Count(w.Normalize([]byte(text[:size])), true) }
			})
			w.Trim()
			if n := cap(w.merger.long.source) + w.merger.long.tree.Cap(); n > 200*window {
				t.Errorf("%s: room for %d symbols kept after %q", name, n, what)
			}
		}
	}
}
