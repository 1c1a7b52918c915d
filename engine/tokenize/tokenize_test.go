package tokenize_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/tokenize"
	"github.com/tallystick/tallystick/engine/tokenize/hf"
)

const gpt2SHA256 = "cda20b8ca044949aa07ac4078420c80d1a57139d5f9f33700e46fb2d891e7c66"

func TestBuiltin(t *testing.T) {
	if diff := cmp.Diff([]string{"cl100k_base", "gpt2", "o200k_base"}, tokenize.Builtins()); diff != "" {
		t.Error(diff)
	}
	c, info, err := tokenize.Open("gpt2", tokenize.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tokenize.Info{Name: "gpt2", SHA256: gpt2SHA256, Family: "G2"}, info); diff != "" {
		t.Error(diff)
	}
	if c.Engine() != tokenize.EngineNative {
		t.Errorf("auto took %s", c.Engine())
	}
	if n, err := c.TryCount([]byte("Hello world, hello<|endoftext|>")); n != 5 || err != nil {
		t.Errorf("%d, %v; want 5", n, err)
	}
}

func TestAddedTokensAsText(t *testing.T) {
	engines := []string{tokenize.EngineNative}
	if hf.Available {
		engines = append(engines, tokenize.EngineHF)
	}
	for _, engine := range engines {
		for added, want := range map[string]int{tokenize.AddedMatch: 1, tokenize.AddedText: 7} {
			c, _, err := tokenize.Open("gpt2", tokenize.Options{Engine: engine, AddedTokens: added})
			if err != nil {
				t.Fatal(err)
			}
			if n, err := c.TryCount([]byte("<|endoftext|>")); n != want || err != nil {
				t.Errorf("%s, %s: %d, %v; want %d", engine, added, n, err, want)
			}
		}
	}
}

// The digest is of the uncompressed file, however it is stored.
func TestCompressedFiles(t *testing.T) {
	plain := gpt2JSON(t)
	var gz bytes.Buffer
	zw := gzip.NewWriter(&gz)
	zw.Write(plain)
	zw.Close()

	dir := t.TempDir()
	for path, content := range map[string][]byte{
		"plain.json":             plain,
		"packed.json.gz":         gz.Bytes(),
		"no-ending":              gz.Bytes(),
		"model-x/tokenizer.json": plain,
	} {
		full := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, content, 0o666); err != nil {
			t.Fatal(err)
		}
		_, info, err := tokenize.Open(full, tokenize.Options{})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		wantName := strings.Split(strings.Split(path, "/")[0], ".")[0]
		if info.Name != wantName || info.SHA256 != gpt2SHA256 {
			t.Errorf("%s: name %s, SHA-256 %s", path, info.Name, info.SHA256)
		}
	}
}

func gpt2JSON(t *testing.T) []byte {
	t.Helper()
	compressed, err := os.ReadFile("builtin/gpt2.json.zst")
	if err != nil {
		t.Fatal(err)
	}
	zr, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer zr.Close()
	plain, err := zr.DecodeAll(compressed, nil)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

const wordLevel = `{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,
	"pre_tokenizer":{"type":"BertPreTokenizer"},"post_processor":null,"decoder":null,
	"model":{"type":"WordLevel","unk_token":"[UNK]","vocab":{"[UNK]":0,"a":1,"b":2}}}`

// What the native engine does not know goes to hf, or says how to get it.
func TestAutoFallsBackToHF(t *testing.T) {
	c, info, err := tokenize.OpenBytes("toy", []byte(wordLevel), tokenize.Options{})
	if !hf.Available {
		if !errors.Is(err, doc.ErrUnsupported) || !strings.Contains(err.Error(), "make hf") || !strings.Contains(err.Error(), "WordLevel") {
			t.Errorf("error %v; want doc.ErrUnsupported, what was refused and how to get the engine hf", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if c.Engine() != tokenize.EngineHF || info.Family != "WordLevel" {
		t.Errorf("engine %s, family %s", c.Engine(), info.Family)
	}
	if n, err := c.TryCount([]byte("ab a b zz")); n != 4 || err != nil {
		t.Errorf("%d, %v; want 4", n, err)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	cut := filepath.Join(dir, "cut.json.zst")
	compressed, err := os.ReadFile("builtin/gpt2.json.zst")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cut, compressed[:len(compressed)/2], 0o666); err != nil {
		t.Fatal(err)
	}
	native := tokenize.Options{Engine: tokenize.EngineNative}
	tests := []struct {
		name string
		open func() error
		is   error
		says string
	}{
		{"no such file", func() error { _, _, err := tokenize.Open(filepath.Join(dir, "none"), native); return err }, doc.ErrInput, "gpt2"},
		{"a folder", func() error { _, _, err := tokenize.Open(dir, native); return err }, doc.ErrInput, dir},
		{"truncated zstd", func() error { _, _, err := tokenize.Open(cut, native); return err }, doc.ErrInput, cut},
		{"truncated JSON", openBytes(`{"model":{"type":"BPE"`, native), doc.ErrInput, "byte 22"},
		{"wrong JSON", openBytes(`["model"]`, native), doc.ErrInput, "toy"},
		{"no model", openBytes(`{"version":"1.0"}`, native), doc.ErrInput, "no model"},
		{"type of the type", openBytes(`{"model":{"type":5}}`, native), doc.ErrInput, "model.type"},
		{"native refuses", openBytes(wordLevel, native), doc.ErrUnsupported, "make hf"},
		{"unknown engine", openBytes(wordLevel, tokenize.Options{Engine: "gpu"}), doc.ErrUsage, "gpu"},
		{"unknown added tokens", openBytes(wordLevel, tokenize.Options{AddedTokens: "maybe"}), doc.ErrUsage, "maybe"},
	}
	if !hf.Available {
		tests = append(tests, tests[0])
		tests[len(tests)-1].name = "hf is not there"
		tests[len(tests)-1].open = openBytes(wordLevel, tokenize.Options{Engine: tokenize.EngineHF})
		tests[len(tests)-1].is = doc.ErrUnsupported
		tests[len(tests)-1].says = "make hf"
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.open()
			if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v; want one that is %q and says %q", err, tt.is, tt.says)
			}
		})
	}
}

func openBytes(config string, o tokenize.Options) func() error {
	return func() error {
		_, _, err := tokenize.OpenBytes("toy", []byte(config), o)
		return err
	}
}

func BenchmarkHF(b *testing.B) {
	if !hf.Available {
		b.Skip("built without the engine hf")
	}
	c, _, err := tokenize.Open("gpt2", tokenize.Options{Engine: tokenize.EngineHF})
	if err != nil {
		b.Fatal(err)
	}
	text, err := os.ReadFile("../../testdata/corpus/eltec-novels.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	want, err := c.TryCount(text)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if n, err := c.TryCount(text); n != want || err != nil {
			b.Fatalf("%d, %v; want %d", n, err, want)
		}
	}
}
