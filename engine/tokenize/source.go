package tokenize

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the built-in tokenizers
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/tokenize/tiktoken"
)

// maxConfig bounds an uncompressed tokenizer.json, in bytes. The largest that
// is known has 33 MB; a compressed file must not be able to fill the memory.
const maxConfig = 1 << 30

//go:embed builtin/gpt2.json.zst
var gpt2 []byte

//go:embed builtin/cl100k_base.ranks.zst
var cl100kBase []byte

//go:embed builtin/o200k_base.ranks.zst
var o200kBase []byte

// builtins are the tokenizers inside the program, compressed; their licences
// are in builtin/README.md.
var builtins = map[string][]byte{
	"gpt2":        gpt2,
	"cl100k_base": cl100kBase,
	"o200k_base":  o200kBase,
}

// Builtins returns the names that Open knows without a file, sorted.
func Builtins() []string { return slices.Sorted(maps.Keys(builtins)) }

// source is what Open was given.
type source struct {
	name    string
	path    string
	pattern string // that the spec named, of a rank file
	raw     []byte // as it is stored; nil for a file until read
}

// builtIn tells that it is inside the program.
func (s source) builtIn() bool { return s.path == "" }

// find finds what spec names.
func find(spec string) (s source, err error) {
	if compressed, ok := builtins[spec]; ok {
		return source{name: spec, raw: compressed}, nil
	}
	err = s.look(spec)
	if i := strings.LastIndexByte(spec, '#'); err != nil && i >= 0 {
		s.pattern = spec[i+1:]
		err = s.look(spec[:i])
	}
	if err != nil {
		return s, fmt.Errorf("%w: %w (neither a file nor built in: %s)", doc.ErrInput, err, strings.Join(Builtins(), ", "))
	}
	s.name = nameOf(s.path)
	return s, nil
}

// look sets path, and raw if that is no regular file, which may be read once
// only.
func (s *source) look(path string) error {
	s.path = path
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		return nil
	}
	s.raw, err = io.ReadAll(f)
	return err
}

// read sets raw.
func (s *source) read() (err error) {
	if s.raw == nil {
		if s.raw, err = os.ReadFile(s.path); err != nil {
			return fmt.Errorf("%w: %w", doc.ErrInput, err)
		}
	}
	return nil
}

// config returns the uncompressed tokenizer.json that a source that was read is,
// or that a rank file stands for.
func (s source) config() (config []byte, err error) {
	if config, err = decompress(s.raw); err != nil {
		return nil, err
	}
	switch {
	case tiktoken.IsPacked(config):
		if !s.builtIn() {
			return nil, fmt.Errorf("%w: %s: packed ranks, which only built-in tokenizers are kept as", doc.ErrInput, s.path)
		}
		return unpack(s.name, config)
	case tiktoken.Is(config):
		if config, _, err = tiktoken.Convert(config, s.pattern); err != nil && s.pattern == "" {
			err = fmt.Errorf("%w; name it as %s#PATTERN", err, s.path)
		}
	case s.pattern != "":
		err = fmt.Errorf("%w: %s is no rank file, whose pattern could be named", doc.ErrUsage, s.path)
	}
	return config, err
}

// unpack returns the tokenizer.json of a built-in rank file.
func unpack(name string, packed []byte) ([]byte, error) {
	v, merges, err := tiktoken.Unpack(packed)
	if err != nil {
		return nil, err
	}
	e, ok := tiktoken.ByName(name)
	if !ok {
		return nil, fmt.Errorf("%w: no pattern is known for the ranks of %s", doc.ErrUnsupported, name)
	}
	return tiktoken.Config(v, merges, e), nil
}

// nameOf makes a tokenizer's name from its path: the file name without its
// endings or, for a file that is just called tokenizer.json, its folder's.
func nameOf(path string) string {
	name := filepath.Base(path)
	for _, ending := range []string{".gz", ".zst", ".json", ".tiktoken"} {
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
	switch {
	case bytes.HasPrefix(file, []byte{0x1f, 0x8b}):
		gz, err := gzip.NewReader(bytes.NewReader(file))
		if err != nil {
			return nil, fmt.Errorf("%w: gzip: %w", doc.ErrInput, err)
		}
		config, err := io.ReadAll(io.LimitReader(gz, maxConfig+1))
		if err != nil {
			return nil, fmt.Errorf("%w: decompress: %w", doc.ErrInput, err)
		}
		if len(config) > maxConfig {
			return nil, fmt.Errorf("%w: more than %d bytes uncompressed", doc.ErrInput, maxConfig)
		}
		return config, nil
	case bytes.HasPrefix(file, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		zr, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20), zstd.WithDecoderMaxMemory(maxConfig))
		if err != nil {
			return nil, fmt.Errorf("%w: zstd: %w", doc.ErrInput, err)
		}
		defer zr.Close()
		config, err := zr.DecodeAll(file, nil)
		if errors.Is(err, zstd.ErrDecoderSizeExceeded) {
			return nil, fmt.Errorf("%w: more than %d bytes uncompressed", doc.ErrInput, maxConfig)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: decompress: %w", doc.ErrInput, err)
		}
		return config, nil
	}
	return file, nil
}
