// Package tokenize counts the tokens of texts exactly as the model's own
// tokenizer would: the number of ids that Hugging Face tokenizers 0.22.2
// returns with add_special_tokens=false, truncation and padding off.
//
//	counter, _, err := tokenize.Open("llama3/tokenizer.json", tokenize.Options{})
//	...
//	n := counter.Count(text)
//
// Two engines stand behind a Counter. The native one is our own and counts
// without making ids; it refuses every configuration that it does not know
// exactly. The other (package hf) is Hugging Face's library itself, in
// programs built with the tag hf. Where both accept a tokenizer they return
// the same number for every text, so which one ran is a matter of speed.
//
// # Text that is not UTF-8
//
// Hugging Face's library takes UTF-8 only. Here any bytes have a count: that
// of the text in which U+FFFD stands for every maximal part of a sequence that
// is not UTF-8. That is the practice recommended by the Unicode Standard
// (3.9, "U+FFFD Substitution of Maximal Subparts"), and what Python makes of
// bytes.decode(errors="replace").
package tokenize

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/tokenize/bpe"
	"github.com/tallystick/tallystick/engine/tokenize/hf"
	"github.com/tallystick/tallystick/engine/tokenize/loadcache"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
	"github.com/tallystick/tallystick/engine/tokenize/spbpe"
	"github.com/tallystick/tallystick/engine/tokenize/unigram"
	"github.com/tallystick/tallystick/engine/tokenize/wordpiece"
)

// The engines that Options.Engine names.
const (
	EngineAuto   = "auto"   // native where it accepts the file, else hf
	EngineNative = "native" // our own count-only BPE, or an error
	EngineHF     = "hf"     // Hugging Face's library, or an error
)

// What Options.AddedTokens says about text that spells an added token, such as
// "<|endoftext|>" in a document.
const (
	AddedMatch = "match" // it is that one token, as Hugging Face counts
	AddedText  = "text"  // it is plain text, as tiktoken's encode_ordinary counts
)

// FamilyAutomaton is Info.Family where the native engine has no fast way to cut
// text as the file asks for, and takes a slow one.
const FamilyAutomaton = bpe.FamilyAutomaton

// HFAvailable tells whether this program can use the engine hf.
const HFAvailable = hf.Available

// Options choose how to count. The zero value is engine auto, added tokens
// matched.
type Options struct {
	Engine      string // EngineAuto, EngineNative or EngineHF; empty is auto
	AddedTokens string // AddedMatch or AddedText; empty is match
	// CacheBytes bounds the memory in which the native engine remembers the
	// counts of words, per goroutine that counts; 0 is the engine's choice. It
	// changes the speed, never a count.
	CacheBytes int64
}

// Info says which tokenizer was opened.
type Info struct {
	Name   string // built-in name, or made from the file's name
	SHA256 string // of the uncompressed tokenizer.json, also of that which a rank file stands for; lower-case hexadecimal
	Family string // "G2", "CL" … if the native engine counts it, else the model's type ("WordPiece")
}

// Open opens the tokenizer that spec names: a built-in name (Builtins), else
// the path of a tokenizer.json or of a rank file of tiktoken, plain or
// compressed with gzip or zstd. Where a built-in name is also a file, ./name is
// the file. A rank file does not say how text is cut: of those that OpenAI and
// Meta publish it is known, that of others is named, as in
// "qwen.tiktoken#qwen" (the names are those of package tiktoken).
//
// What it makes of a file it keeps for the next time, some megabytes, in the folder
// that the environment variable TALLYSTICK_CACHE names ("off": nowhere), by
// default tallystick in os.UserCacheDir. Nothing there is ever needed.
//
// Errors wrap doc.ErrUsage for options that make no sense, doc.ErrInput for a
// file that cannot be read, and doc.ErrUnsupported for a tokenizer that the
// asked engine does not count; the last name what was refused and how to get
// the other engine.
func Open(spec string, o Options) (*Counter, Info, error) {
	if err := o.check(); err != nil {
		return nil, Info{}, fmt.Errorf("tokenizer %s: %w", spec, err)
	}
	src, err := find(spec)
	if err != nil {
		return nil, Info{}, fmt.Errorf("tokenizer %s: %w", spec, err)
	}
	if c, info, ok := recall(src, o); ok {
		return c, info, nil
	}
	if err := src.read(); err != nil {
		return nil, Info{}, fmt.Errorf("tokenizer %s: %w", spec, err)
	}
	config, err := src.config()
	if err != nil {
		return nil, Info{}, fmt.Errorf("tokenizer %s: %w", spec, err)
	}
	c, info, p, err := openConfig(src.name, config, o)
	if p.pack != nil && !loadcache.Off() {
		remember(src, info, p)
	}
	return c, info, err
}

// OpenBytes opens the tokenizer whose uncompressed tokenizer.json is config;
// name is what Info and errors call it. Unlike Open it keeps nothing on disk
// for the next time.
func OpenBytes(name string, config []byte, o Options) (*Counter, Info, error) {
	if err := o.check(); err != nil {
		return nil, Info{}, fmt.Errorf("tokenizer %s: %w", name, err)
	}
	c, info, _, err := openConfig(name, config, o)
	return c, info, err
}

// openConfig opens a tokenizer.
func openConfig(name string, config []byte, o Options) (c *Counter, info Info, p packer, err error) {
	var digest [sha256.Size]byte
	var digested sync.WaitGroup
	digested.Go(func() { digest = sha256.Sum256(config) }) // which takes a while
	c, family, p, err := open(config, o)
	digested.Wait()
	info = Info{Name: name, SHA256: hex.EncodeToString(digest[:]), Family: family}
	if err != nil {
		return nil, info, packer{}, fmt.Errorf("tokenizer %s: %w", name, err)
	}
	return c, info, p, nil
}

// pipeline returns what the native engines need of the options.
func (o Options) pipeline() pipeline.Options {
	return pipeline.Options{AddedAsText: o.AddedTokens == AddedText, CacheBytes: int(min(o.CacheBytes, math.MaxInt))}
}

// check tells whether the options make sense.
func (o Options) check() error {
	switch o.AddedTokens {
	case "", AddedMatch, AddedText:
	default:
		return fmt.Errorf("%w: added tokens %q; want %s or %s", doc.ErrUsage, o.AddedTokens, AddedMatch, AddedText)
	}
	switch o.Engine {
	case "", EngineAuto, EngineNative, EngineHF:
		return nil
	}
	return fmt.Errorf("%w: engine %q; want %s, %s or %s", doc.ErrUsage, o.Engine, EngineAuto, EngineNative, EngineHF)
}

func open(config []byte, o Options) (c *Counter, family string, p packer, err error) {
	file, err := pipeline.Parse(config)
	if err != nil {
		return nil, "", packer{}, fmt.Errorf("%w: %w", doc.ErrInput, err)
	}
	if family, err = file.ModelType(); err != nil {
		return nil, "", packer{}, fmt.Errorf("%w: %w", doc.ErrInput, err)
	}
	var refusal error
	if o.Engine != EngineHF {
		n, p, err := openNative(file, family, o)
		if err == nil {
			return &Counter{name: EngineNative, engine: n}, n.Family(), p, nil
		}
		refusal = err
	}
	if o.Engine == EngineNative {
		return nil, "", packer{}, fmt.Errorf("the native engine refuses it: %w (%s)", refusal, hintHF)
	}
	h, err := hf.New(config, o.AddedTokens == AddedText)
	switch {
	case err == nil:
		return &Counter{name: EngineHF, engine: reference{h}}, family, packer{}, nil
	case refusal != nil:
		return nil, "", packer{}, fmt.Errorf("the native engine refuses it: %w; the engine hf: %w", refusal, err)
	}
	return nil, "", packer{}, err
}

// hintHF is what to do when the native engine alone was asked.
const hintHF = "--engine hf counts whatever Hugging Face's library reads; a program that was built without it gets it with `make hf` and `make build`"

// openNative opens the native engine for a tokenizer with a model of the given
// type.
func openNative(file pipeline.Object, modelType string, o Options) (*pipeline.Counter, packer, error) {
	models, ok := natives[modelType]
	if !ok {
		return nil, packer{}, pipeline.Unsupported("model.type %q", modelType)
	}
	var refusals []error
	for _, n := range models {
		c, pack, err := n.open(file, o.pipeline())
		if err == nil {
			return c, packer{n.version, pack}, nil
		}
		refusals = append(refusals, err)
	}
	return nil, packer{}, errors.Join(refusals...)
}

// packer packs a tokenizer for the unpacker of a version; without pack it has
// none.
type packer struct {
	version string
	pack    func() []byte
}

type native struct {
	version string
	open    func(file pipeline.Object, o pipeline.Options) (c *pipeline.Counter, pack func() []byte, err error)
}

// natives are the native engines that may know a model of a type.
var natives = map[string][]native{
	"BPE":       {{bpe.PackVersion, bpe.Open}, {spbpe.PackVersion, spbpe.Open}},
	"WordPiece": {unpacked(wordpiece.New)},
	"Unigram":   {unpacked(unigram.New)},
}

// unpacked is an engine that loads fast enough as it is.
func unpacked(open func(pipeline.Object, pipeline.Options) (*pipeline.Counter, error)) native {
	return native{open: func(file pipeline.Object, o pipeline.Options) (*pipeline.Counter, func() []byte, error) {
		c, err := open(file, o)
		return c, nil, err
	}}
}
