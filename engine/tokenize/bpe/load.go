package bpe

import (
	"errors"
	"fmt"

	"github.com/tallystick/tallystick/engine/tokenize/automaton"
	"github.com/tallystick/tallystick/engine/tokenize/normalize"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
	"github.com/tallystick/tallystick/engine/tokenize/vocab"
)

// load reads a tokenizer.json (tokenizers/src/tokenizer/serialization.rs and
// models/bpe/serialization.rs). Keys unknown to Hugging Face are passed over,
// as it does; truncation, padding and decoder change no count;
// post_processor is package pipeline's.
func load(file pipeline.Object) (*tokenizer, error) {
	version := "1.0"
	if err := file.Decode("version", &version); err != nil {
		return nil, err
	}
	if version != "1.0" {
		return nil, pipeline.Unsupported("version %q", version)
	}
	var spec pipeline.Object
	if err := file.Require("model", &spec); err != nil {
		return nil, err
	}
	// The cheap refusals first: vocabularies are large.
	if err := checkModel(spec); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	t := &tokenizer{}
	if err := t.setStages(file); err != nil {
		return nil, err
	}
	var err error
	if t.model, err = loadModel(spec); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	return t, nil
}

// setStages sets what comes before the model.
func (t *tokenizer) setStages(file pipeline.Object) error {
	var normalizer, pre pipeline.Object
	if err := file.Decode("normalizer", &normalizer); err != nil {
		return err
	}
	if err := t.setNormalizer(normalizer); err != nil {
		return err
	}
	if err := file.Decode("pre_tokenizer", &pre); err != nil {
		return err
	}
	refusal := t.setPretokenizer(pre)
	if refusal == nil || pre == nil {
		return refusal
	}
	splitter, err := automaton.NewSplitter(file["pre_tokenizer"])
	if err != nil {
		return errors.Join(refusal, fmt.Errorf("pre_tokenizer: %w", err))
	}
	t.rules, t.splitter, t.family, t.prefixSpace = nil, splitter, FamilyAutomaton, false
	return nil
}

// setNormalizer has a fast way for NFC alone, and takes any other chain that
// package normalize knows.
func (t *tokenizer) setNormalizer(o pipeline.Object) error {
	steps, err := normalize.Parse(o)
	if err != nil {
		return err
	}
	t.nfc = len(steps) > 0
	for _, step := range steps {
		t.nfc = t.nfc && normalize.IsNFC(step)
	}
	if !t.nfc {
		t.steps = steps
	}
	return nil
}

// checkModel refuses what is not a plain byte-level BPE model.
func checkModel(o pipeline.Object) error {
	kind := "BPE" // files from before tokenizers 0.9 name no type
	if err := o.Decode("type", &kind); err != nil {
		return err
	}
	if kind != "BPE" {
		return pipeline.Unsupported("type %q", kind)
	}
	if o["vocab"] == nil || o["merges"] == nil {
		return pipeline.Unsupported("without vocab and merges")
	}
	var dropout float64
	if err := o.Decode("dropout", &dropout); err != nil {
		return err
	}
	if dropout != 0 {
		return pipeline.Unsupported("dropout %v", dropout)
	}
	for _, key := range []string{"continuing_subword_prefix", "end_of_word_suffix"} {
		var affix string
		if err := o.Decode(key, &affix); err != nil {
			return err
		}
		if affix != "" {
			return pipeline.Unsupported("%s %q", key, affix)
		}
	}
	var fallback bool
	if err := o.Decode("byte_fallback", &fallback); err != nil {
		return err
	}
	if fallback {
		return pipeline.Unsupported("byte_fallback")
	}
	return nil
}

// loadModel returns the model. unk_token and fuse_unk are
// not asked for: a vocabulary that has every byte leaves nothing unknown.
func loadModel(o pipeline.Object) (*model, error) {
	v, err := vocab.Read(o["vocab"])
	if err != nil {
		return nil, fmt.Errorf("vocab: %w", err)
	}
	for b, char := range byteChars {
		if _, ok := v.Find([]byte(string(char))); !ok && inUTF8(byte(b)) {
			return nil, pipeline.Unsupported("vocab without byte 0x%02X", b)
		}
	}
	merges, err := v.ReadMerges(o["merges"])
	if err != nil {
		return nil, fmt.Errorf("merges: %w", err)
	}
	var ignoreMerges bool
	if err := o.Decode("ignore_merges", &ignoreMerges); err != nil {
		return nil, err
	}
	spellings := spellingsOf(v)
	live, symbols := findLive(merges, spellings)
	if int(firstMerged)+len(live.halves) > maxSymbols {
		return nil, pipeline.Unsupported("%d merges", len(live.halves))
	}
	var whole map[string]struct{}
	if ignoreMerges {
		whole = map[string]struct{}{}
		for token, s := range symbols {
			if text := spellings.At(uint32(token)); s == dead && len(text) > 0 {
				whole[string(text)] = struct{}{}
			}
		}
	}
	return newModel(live, whole), nil
}
