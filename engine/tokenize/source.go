package tokenize

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the built-in tokenizers
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/tallystick/tallystick/engine/doc"
)

// maxConfig bounds an uncompressed tokenizer.json, in bytes. The largest that
// is known has 33 MB; a compressed file must not be able to fill the memory.
const maxConfig = 1 << 30

//go:embed builtin/gpt2.json.zst
var gpt2 []byte

// builtins are the tokenizers inside the program, compressed; their licences
// are in builtin/README.md.
var builtins = map[string][]byte{
	"gpt2": gpt2,
}

// Builtins returns the names that Open knows without a file, sorted.
func Builtins() []string { return slices.Sorted(maps.Keys(builtins)) }

// read returns the uncompressed tokenizer.json that spec names, and the name
// to call it by.
func read(spec string) (name string, config []byte, err error) {
	if compressed, ok := builtins[spec]; ok {
		config, err = decompress(compressed)
		return spec, config, err
	}
	file, err := os.ReadFile(spec)
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w (neither a file nor built in: %s)", doc.ErrInput, err, strings.Join(Builtins(), ", "))
	}
	config, err = decompress(file)
	return nameOf(spec), config, err
}

// nameOf makes a tokenizer's name from its path: the file name without its
// endings or, for a file that is just called tokenizer.json, its folder's.
func nameOf(path string) string {
	name := filepath.Base(path)
	for _, ending := range []string{".gz", ".zst", ".json"} {
		name = strings.TrimSuffix(name, ending)
	}
	if name == "tokenizer" {
		if abs, err := filepath.Abs(path); err == nil {
			if dir := filepath.Base(filepath.Dir(abs)); dir != string(filepath.Separator) {
				return dir
			}
		}
	}
	return name
}

// decompress undoes gzip or zstd, told by the first bytes; JSON begins like
// neither.
func decompress(file []byte) ([]byte, error) {
	var r io.Reader
	switch {
	case bytes.HasPrefix(file, []byte{0x1f, 0x8b}):
		gz, err := gzip.NewReader(bytes.NewReader(file))
		if err != nil {
			return nil, fmt.Errorf("%w: gzip: %w", doc.ErrInput, err)
		}
		r = gz
	case bytes.HasPrefix(file, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		zr, err := zstd.NewReader(bytes.NewReader(file), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, fmt.Errorf("%w: zstd: %w", doc.ErrInput, err)
		}
		defer zr.Close()
		r = zr
	default:
		return file, nil
	}
	config, err := io.ReadAll(io.LimitReader(r, maxConfig+1))
	if err != nil {
		return nil, fmt.Errorf("%w: decompress: %w", doc.ErrInput, err)
	}
	if len(config) > maxConfig {
		return nil, fmt.Errorf("%w: more than %d bytes uncompressed", doc.ErrInput, maxConfig)
	}
	return config, nil
}
