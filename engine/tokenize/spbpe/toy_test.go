package spbpe

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/tokenize/hf"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// toyFile draws a small tokenizer.json of the kind this package counts, with
// every choice that it knows.
func toyFile(rng *rand.Rand) []byte {
	pick := func(choices ...any) any { return choices[rng.IntN(len(choices))] }
	parts := []string{"▁", "a", "b", "c", "é", "漢", "<", ">", "0", "x", "𠀀"}
	if rng.IntN(8) == 0 {
		parts = parts[1:]
	}
	vocab := map[string]int{}
	add := func(token string) bool {
		if _, ok := vocab[token]; ok {
			return false
		}
		vocab[token] = len(vocab)
		return true
	}
	add("<unk>")
	switch rng.IntN(3) {
	case 0: // every byte
		for b := range 256 {
			add(byteToken(byte(b)))
		}
	case 1: // some
		for b := range 256 {
			if rng.IntN(10) > 0 {
				add(byteToken(byte(b)))
			}
		}
	}
	for _, p := range parts {
		add(p)
	}
	merges := []any{}
	for range rng.IntN(60) {
		l, r := parts[rng.IntN(len(parts))], parts[rng.IntN(len(parts))]
		if add(l + r) {
			parts = append(parts, l+r)
		}
		merges = append(merges, []string{l, r}) // a pair may come twice: the last holds
	}
	if rng.IntN(2) == 0 { // products before what they are made of
		rng.Shuffle(len(merges), func(i, j int) { merges[i], merges[j] = merges[j], merges[i] })
	}
	if rng.IntN(2) == 0 {
		for i, m := range merges {
			merges[i] = strings.Join(m.([]string), " ")
		}
	}
	add("▁abc") // reachable by ignore_merges only
	add("▁a▁")
	add("ba")
	type object = map[string]any
	replace := object{"type": "Replace", "pattern": object{"String": " "}, "content": "▁"}
	prepend := object{"type": "Prepend", "prepend": "▁"}
	strip := object{"type": "Strip", "strip_left": pick(true, false), "strip_right": pick(true, false)}
	sequence := func(parts ...any) object { return object{"type": "Sequence", "normalizers": parts} }
	split := object{"type": "Split", "pattern": object{"String": " "}, "behavior": pick("MergedWithPrevious", "Removed", "Isolated"), "invert": false}
	metaspace := object{"type": "Metaspace", "replacement": "▁", "prepend_scheme": pick("always", "first", "never")}
	if rng.IntN(3) > 0 {
		metaspace["split"] = pick(true, false)
	}
	file := object{
		"version":       "1.0",
		"normalizer":    pick(nil, sequence(strip)),
		"pre_tokenizer": metaspace,
		"model": object{
			"type": "BPE", "dropout": nil, "unk_token": pick("<unk>", "<unk>", nil), "continuing_subword_prefix": nil, "end_of_word_suffix": pick(nil, ""),
			"fuse_unk": pick(true, false), "byte_fallback": pick(true, true, false), "ignore_merges": pick(true, false), "vocab": vocab, "merges": merges,
		},
	}
	if rng.IntN(4) > 0 {
		file["normalizer"] = pick(replace, sequence(prepend, replace), sequence(replace, prepend), sequence(strip, object{"type": "Lowercase"}, prepend, replace))
		file["pre_tokenizer"] = pick(nil, split, metaspace, object{"type": "Sequence", "pretokenizers": []any{split, metaspace}})
	}
	added := []any{}
	for _, content := range []string{"<s>", "a<", " x", "▁▁", "▁", " ", "é", "\n", "b0"} {
		if rng.IntN(4) == 0 {
			strips := strings.TrimSpace(content) == content // the others strip each other
			added = append(added, object{
				"id": len(vocab) + len(added), "content": content, "single_word": rng.IntN(6) == 0, "lstrip": strips && rng.IntN(6) == 0,
				"rstrip": strips && rng.IntN(6) == 0, "normalized": rng.IntN(3) == 0, "special": rng.IntN(2) == 0,
			})
		}
	}
	file["added_tokens"] = added
	config, err := json.Marshal(file)
	if err != nil {
		panic(err)
	}
	return config
}

var toyPieces = []string{
	"a", "b", "c", "ab", "abc", "ba", " ", "  ", "   ", "▁", "▁▁", "é", "漢", "漢漢", "𠀀", "<", ">", "<s>", "0", "x", " x", "> </", ">▁<",
	"z", "ß", "字", "\n", "\t", "\u00a0", "\x00", "e\u0301", "🫨", "<0x41>", "<unk>", "▁abc", " abc", "\u3000", "\u0301", "B", "É",
}

func toyText(rng *rand.Rand) string {
	var b strings.Builder
	for range 1 + rng.IntN(30) {
		b.WriteString(toyPieces[rng.IntN(len(toyPieces))])
		if rng.IntN(20) == 0 {
			b.WriteString(strings.Repeat(toyPieces[rng.IntN(len(toyPieces))], rng.IntN(100)))
		}
	}
	return b.String()
}

// Whatever the file chooses, a worker counts what the slow merging of strings
// counts.
func TestToysMatchSlow(t *testing.T) {
	seeds := uint64(400)
	if raceEnabled {
		seeds = 40
	}
	for seed := range seeds {
		checkToy(t, seed, 40)
	}
}

func checkToy(t *testing.T, seed uint64, texts int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	config := toyFile(rng)
	x, err := loadBytes(config, true)
	if errors.Is(err, doc.ErrUnsupported) {
		return
	}
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	s := newSlow(t, config)
	w := newWorker(x, 0)
	if seed%2 != 0 {
		w.merger.lanes = newLongLanes(x.model)
	}
	for range texts {
		text, first := toyText(rng), rng.IntN(2) == 0
		want := s.count(text, first)
		for pass := range 2 {
			if got := w.countText(text, first); got != want {
				t.Fatalf("seed %d, pass %d: %q, first %t: %d tokens, slowly %d\n%s", seed, pass, text, first, got, want, config)
			}
		}
	}
}

// countText is what a pipeline does with a text without added tokens.
func (w *worker) countText(text string, first bool) int {
	normal := w.Normalize([]byte(text))
	if len(normal) == 0 {
		return 0
	}
	return w.Count(normal, first)
}

func loadBytes(config []byte, addedAsText bool) (*tokenizer, error) {
	file, err := pipeline.Parse(config)
	if err != nil {
		return nil, err
	}
	return load(file, addedAsText)
}

// Whatever the file chooses, added tokens too, a Counter counts what Hugging
// Face's library counts, or refuses the file.
func TestToysMatchHF(t *testing.T) {
	if !hf.Available {
		t.Skip("NOTICE: skipped: built without the engine hf; `make hf`, then go test -tags hf")
	}
	refused := 0
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 1))
		config := toyFile(rng)
		addedAsText := rng.IntN(4) == 0
		c, err := open(config, addedAsText)
		if errors.Is(err, doc.ErrUnsupported) {
			refused++
			continue
		}
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		reference, err := hf.New(config, addedAsText)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for range 25 {
			text := toyText(rng)
			got, err1 := c.Count([]byte(text))
			want, err2 := reference.Count([]byte(text))
			if err1 != nil || err2 != nil || got != want {
				t.Fatalf("seed %d: %q: %d tokens (%v), hf %d (%v)\n%s", seed, text, got, err1, want, err2, config)
			}
		}
	}
	t.Logf("%d of 500 refused", refused)
}

func TestConcurrent(t *testing.T) {
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 4))
		c, err := open(toyFile(rng), false)
		if errors.Is(err, doc.ErrUnsupported) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var texts [][]byte
		var want []int
		for range 20 {
			texts = append(texts, []byte(toyText(rng)))
			n, err := c.Count(texts[len(texts)-1])
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, n)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 5 {
					for i, text := range texts {
						if n, err := c.Count(text); err != nil || n != want[i] {
							t.Errorf("%q: %d tokens, %v; want %d", text, n, err, want[i])
						}
					}
				}
			})
		}
		wg.Wait()
	}
}

func FuzzToy(f *testing.F) {
	type pair struct {
		s *slow
		w *worker
	}
	var pairs []pair
	for seed := range uint64(12) {
		config := toyFile(rand.New(rand.NewPCG(seed, 2)))
		x, err := loadBytes(config, true)
		if errors.Is(err, doc.ErrUnsupported) {
			continue
		}
		if err != nil {
			f.Fatal(err)
		}
		pairs = append(pairs, pair{newSlow(f, config), newWorker(x, 0)})
	}
	rng := rand.New(rand.NewPCG(3, 0))
	for range 20 {
		f.Add(toyText(rng), true)
	}
	f.Fuzz(func(t *testing.T, text string, first bool) {
		if text == "" || len(text) > 400 || !utf8.ValidString(text) {
			return
		}
		for i, p := range pairs {
			want := p.s.count(text, first)
			if got := p.w.countText(text, first); got != want {
				t.Errorf("toy %d: %q, first %t: %d tokens, slowly %d", i, text, first, got, want)
			}
		}
	})
}

// What is not known exactly is refused by name.
func TestRefused(t *testing.T) {
	model := `"model":{"type":"BPE","unk_token":"<unk>","vocab":{"<unk>":0,"a":1,"▁":2,"▁a":3},"merges":[["▁","a"]]%s}`
	replace := `"normalizer":{"type":"Replace","pattern":{"String":" "},"content":"▁"},`
	if _, err := open([]byte("{"+replace+fmt.Sprintf(model, "")+"}"), false); err != nil {
		t.Fatal(err)
	}
	for config, thing := range map[string]string{
		fmt.Sprintf(model, ""): "spaces stay spaces",
		`"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"NFKC"}]},` + fmt.Sprintf(model, ""):            "NFKC",
		`"normalizer":{"type":"NFKC"},"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first"},` + fmt.Sprintf(model, ""): "prepend_scheme first",
		`"normalizer":{"type":"Replace","pattern":{"Regex":" "},"content":"▁"},` + fmt.Sprintf(model, ""):                                        "Replace",
		`"normalizer":{"type":"Replace","pattern":{"String":"  "},"content":"▁"},` + fmt.Sprintf(model, ""):                                      "spaces stay spaces",
		replace + `"pre_tokenizer":{"type":"Whitespace"},` + fmt.Sprintf(model, ""):                                                              "Whitespace",
		replace + `"pre_tokenizer":{"type":"ByteLevel"},` + fmt.Sprintf(model, ""):                                                               "ByteLevel",
		replace + `"pre_tokenizer":{"type":"Split","pattern":{"String":"a"},"invert":false},` + fmt.Sprintf(model, ""):                           "Split",
		`"pre_tokenizer":{"type":"Metaspace","replacement":"_"},` + fmt.Sprintf(model, ""):                                                       "Metaspace",
		`"pre_tokenizer":{"type":"Metaspace","replacement":"▁","add_prefix_space":false},` + fmt.Sprintf(model, ""):                              "add_prefix_space",
		replace + fmt.Sprintf(model, `,"dropout":0.1`):                                                                                           "dropout",
		replace + fmt.Sprintf(model, `,"end_of_word_suffix":"</w>"`):                                                                             "end_of_word_suffix",
		replace + strings.Replace(fmt.Sprintf(model, ""), `"unk_token":"<unk>"`, `"unk_token":"[UNK]"`, 1):                                       "unk_token",
		replace + `"model":{"type":"WordPiece"}`:                                                                                                 "WordPiece",
		replace + `"model":{"type":"BPE","unk_token":"<unk>","vocab":{"<unk>":0,"a":1,"<unk>a":2},"merges":[["<unk>","a"]]}`:                     "unknown characters",
		replace + `"version":"2.0",` + fmt.Sprintf(model, ""):                                                                                    "version",
	} {
		_, err := open([]byte("{"+config+"}"), false)
		if !errors.Is(err, doc.ErrUnsupported) || !strings.Contains(err.Error(), thing) {
			t.Errorf("%s: %v; want an unsupported %s", config, err, thing)
		}
	}
}
