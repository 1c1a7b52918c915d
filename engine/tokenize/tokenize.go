// Package tokenize counts the tokens of documents exactly as the model's own
// tokenizer would: the number of ids that Hugging Face tokenizers 0.22.2
// returns with add_special_tokens=false, truncation and padding off.
//
// Two engines stand behind one port. The native one (package bpe) is our own
// count-only byte-level BPE; it refuses every configuration that it does not
// know exactly. The other (package hf) is Hugging Face's library itself, in
// programs built with the tag hf. Where both accept a tokenizer they return
// the same number for every text, so which one ran is a matter of speed.
package tokenize

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/tokenize/bpe"
	"github.com/tallystick/tallystick/engine/tokenize/hf"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
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

// HFAvailable tells whether this program can use the engine hf.
const HFAvailable = hf.Available

// Counter counts tokens. It is safe for concurrent use.
type Counter interface {
	// Count returns the number of tokens of text, which must be UTF-8. It does
	// not keep text.
	Count(text []byte) (int, error)
	// Engine names the engine that counts: EngineNative or EngineHF.
	Engine() string
}

// Options choose how to count. The zero value is engine auto, added tokens
// matched.
type Options struct {
	Engine      string // EngineAuto, EngineNative or EngineHF; empty is auto
	AddedTokens string // AddedMatch or AddedText; empty is match
}

// Info says which tokenizer was opened.
type Info struct {
	Name   string // built-in name, or made from the file's name
	SHA256 string // of the uncompressed tokenizer.json, lower-case hexadecimal
	Family string // "G2", "CL" … if the native engine counts it, else the model's type ("WordPiece")
}

// Open opens the tokenizer that spec names: a built-in name (Builtins), else
// the path of a tokenizer.json, plain or compressed with gzip or zstd. Where a
// built-in name is also a file, ./name is the file.
//
// Errors wrap doc.ErrUsage for options that make no sense, doc.ErrInput for a
// file that cannot be read, and doc.ErrUnsupported for a tokenizer that the
// asked engine does not count; the last name what was refused and how to get
// the other engine.
func Open(spec string, o Options) (Counter, Info, error) {
	name, config, err := read(spec)
	if err != nil {
		return nil, Info{}, fmt.Errorf("tokenizer %s: %w", spec, err)
	}
	return OpenBytes(name, config, o)
}

// OpenBytes opens the tokenizer whose uncompressed tokenizer.json is config;
// name is what Info and errors call it.
func OpenBytes(name string, config []byte, o Options) (Counter, Info, error) {
	digest := sha256.Sum256(config)
	info := Info{Name: name, SHA256: hex.EncodeToString(digest[:])}
	c, family, err := open(config, o)
	if err != nil {
		return nil, info, fmt.Errorf("tokenizer %s: %w", name, err)
	}
	info.Family = family
	return c, info, nil
}

func open(config []byte, o Options) (c Counter, family string, err error) {
	var addedAsText bool
	switch o.AddedTokens {
	case "", AddedMatch:
	case AddedText:
		addedAsText = true
	default:
		return nil, "", fmt.Errorf("%w: added tokens %q; want %s or %s", doc.ErrUsage, o.AddedTokens, AddedMatch, AddedText)
	}
	modelType, err := modelType(config)
	if err != nil {
		return nil, "", err
	}

	switch o.Engine {
	case EngineNative:
		c, family, err := openNative(config, addedAsText)
		if err != nil {
			return nil, "", fmt.Errorf("the native engine refuses it: %w (%s)", err, hintHF)
		}
		return c, family, nil
	case EngineHF:
		c, err := openHF(config, addedAsText)
		return c, modelType, err
	case "", EngineAuto:
		c, family, refusal := openNative(config, addedAsText)
		if refusal == nil {
			return c, family, nil
		}
		c, err := openHF(config, addedAsText)
		if err != nil {
			return nil, "", fmt.Errorf("the native engine refuses it: %w; the engine hf: %w", refusal, err)
		}
		return c, modelType, nil
	}
	return nil, "", fmt.Errorf("%w: engine %q; want %s, %s or %s", doc.ErrUsage, o.Engine, EngineAuto, EngineNative, EngineHF)
}

// hintHF is what to do when the native engine alone was asked.
const hintHF = "--engine hf counts whatever Hugging Face's library reads; a program that was built without it gets it with `make hf` and `make build`"

// modelType returns model.type of a tokenizer.json, after checking that it is
// one at all. Files older than the type have none; the keys tell.
func modelType(config []byte) (string, error) {
	var file struct {
		Model map[string]json.RawMessage `json:"model"`
	}
	if err := json.Unmarshal(config, &file); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return "", fmt.Errorf("%w: not JSON at byte %d: %w", doc.ErrInput, syntax.Offset, err)
		}
		return "", fmt.Errorf("%w: not a tokenizer.json: %w", doc.ErrInput, err)
	}
	if file.Model == nil {
		return "", fmt.Errorf("%w: not a tokenizer.json: it has no model", doc.ErrInput)
	}
	var name string
	if raw, ok := file.Model["type"]; ok {
		if err := json.Unmarshal(raw, &name); err != nil {
			return "", fmt.Errorf("%w: model.type: %w", doc.ErrInput, err)
		}
	}
	if name != "" {
		return name, nil
	}
	has := func(key string) bool { _, ok := file.Model[key]; return ok }
	switch {
	case has("merges"):
		return "BPE", nil
	case has("continuing_subword_prefix"):
		return "WordPiece", nil
	case bytes.HasPrefix(file.Model["vocab"], []byte("[")):
		return "Unigram", nil
	}
	return "", nil
}

// native adds the port's Engine to pipeline.Counter.
type native struct{ *pipeline.Counter }

func (native) Engine() string { return EngineNative }

func openNative(config []byte, addedAsText bool) (Counter, string, error) {
	file, err := pipeline.Parse(config)
	if err != nil {
		return nil, "", err
	}
	c, err := bpe.New(file, addedAsText)
	if err != nil {
		return nil, "", err
	}
	return native{c}, c.Family(), nil
}

// reference adds the port's Engine to hf.Counter.
type reference struct{ *hf.Counter }

func (reference) Engine() string { return EngineHF }

func openHF(config []byte, addedAsText bool) (Counter, error) {
	c, err := hf.New(config, addedAsText)
	if err != nil {
		return nil, err
	}
	return reference{c}, nil
}
