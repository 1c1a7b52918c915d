package spbpe

import (
	"fmt"

	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
	"github.com/tallystick/tallystick/engine/tokenize/vocab"
)

// loadModel reads the section model of a tokenizer.json.
func loadModel(o pipeline.Object) (*model, error) {
	var ignoreMerges bool
	m := &model{}
	unknown, err := checkModel(o, m, &ignoreMerges)
	if err != nil {
		return nil, err
	}
	v, err := vocab.Read(o["vocab"])
	if err != nil {
		return nil, fmt.Errorf("vocab: %w", err)
	}
	m.setUnknown(v)
	standIns := make([]bool, v.Tokens.Len())
	if m.hasUnknown && unknown != nil {
		number, ok := v.Find([]byte(*unknown))
		if !ok {
			return nil, pipeline.Unsupported("unk_token %q that is not in vocab", *unknown)
		}
		standIns[number] = true
	}
	if m.byteFallback {
		for b := range 256 {
			if number, ok := v.Find([]byte(byteToken(byte(b)))); ok {
				standIns[number] = true
			}
		}
	}
	merges, err := v.ReadMerges(o["merges"])
	if err != nil {
		return nil, fmt.Errorf("merges: %w", err)
	}
	for _, x := range merges {
		// Nothing is known of what such a token stands beside.
		if standIns[x.Left] || standIns[x.Right] {
			return nil, pipeline.Unsupported("merges: %q + %q of a token for unknown characters", v.Tokens.At(x.Left), v.Tokens.At(x.Right))
		}
	}
	if v.Tokens.Len() >= 1<<tokenBits || len(merges) >= noRank {
		return nil, pipeline.Unsupported("%d tokens with %d merges", v.Tokens.Len(), len(merges))
	}
	if err := m.setMerges(v, merges); err != nil {
		return nil, err
	}
	if ignoreMerges {
		m.setWhole(v)
	}
	return m, nil
}

// checkModel refuses what is not plain BPE over characters, and reads how
// characters that the vocabulary does not have are treated.
func checkModel(o pipeline.Object, m *model, ignoreMerges *bool) (unknown *string, err error) {
	kind := "BPE" // files from before tokenizers 0.9 name no type
	if err := o.Decode("type", &kind); err != nil {
		return nil, err
	}
	if kind != "BPE" {
		return nil, pipeline.Unsupported("type %q", kind)
	}
	if o["vocab"] == nil || o["merges"] == nil {
		return nil, pipeline.Unsupported("without vocab and merges")
	}
	var dropout float64
	var prefix, suffix string
	for key, v := range map[string]any{
		"dropout": &dropout, "continuing_subword_prefix": &prefix, "end_of_word_suffix": &suffix,
		"unk_token": &unknown, "byte_fallback": &m.byteFallback, "fuse_unk": &m.fuseUnk, "ignore_merges": ignoreMerges,
	} {
		if err := o.Decode(key, v); err != nil {
			return nil, err
		}
	}
	switch {
	case dropout != 0:
		return nil, pipeline.Unsupported("dropout %v", dropout)
	case prefix != "":
		return nil, pipeline.Unsupported("continuing_subword_prefix %q", prefix)
	case suffix != "":
		return nil, pipeline.Unsupported("end_of_word_suffix %q", suffix)
	}
	m.unk = unknown != nil
	return unknown, nil
}

// byteToken returns the token that stands for a byte.
func byteToken(b byte) string { return fmt.Sprintf("<0x%02X>", b) }
