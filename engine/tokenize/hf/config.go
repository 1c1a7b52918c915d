package hf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"

	"github.com/tallystick/tallystick/engine/doc"
)

// member is one key of the tokenizer.json and its value as written.
type member struct {
	key   string
	value json.RawMessage
}

// prepare returns config, a tokenizer.json, changed as little as the counting
// rule asks: truncation and padding null and, with addedAsText, no added
// tokens. Every other value stays byte for byte, in the file's order.
//
// It refuses with doc.ErrUnsupported what cannot be counted exactly: dropout,
// and added tokens as text where the model itself would still match them.
func prepare(config []byte, addedAsText bool) ([]byte, error) {
	members, err := readMembers(config)
	if err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	var model json.RawMessage
	for _, m := range members {
		if m.key == "model" {
			model = m.value
		}
	}
	if err := refuseDropout(model); err != nil {
		return nil, err
	}
	if addedAsText {
		if err := refuseMatchingModel(model); err != nil {
			return nil, err
		}
	}
	for i, m := range members {
		switch {
		case m.key == "truncation" || m.key == "padding":
			members[i].value = json.RawMessage("null")
		case m.key == "added_tokens" && addedAsText:
			members[i].value = json.RawMessage("[]")
		}
	}
	out, err := writeMembers(members)
	if err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	if uint64(len(out)) > math.MaxUint32 {
		return nil, fmt.Errorf("%w: a tokenizer.json of %d bytes; the binding takes less than 4 GiB", doc.ErrUnsupported, len(out))
	}
	return out, nil
}

func readMembers(config []byte) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(config))
	open, err := dec.Token()
	if err != nil {
		return nil, err
	}
	if open != json.Delim('{') {
		return nil, fmt.Errorf("not a JSON object")
	}
	var members []member
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var m member
		m.key = key.(string) // the decoder allows nothing else here
		if err := dec.Decode(&m.value); err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	_, err = dec.Token()
	return members, err
}

func writeMembers(members []member) ([]byte, error) {
	var out bytes.Buffer
	for i, m := range members {
		out.WriteByte("{,"[min(i, 1)])
		key, err := json.Marshal(m.key)
		if err != nil {
			return nil, err
		}
		out.Write(key)
		out.WriteByte(':')
		out.Write(m.value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// refuseDropout refuses a model that leaves merges out at random.
func refuseDropout(model json.RawMessage) error {
	var m struct {
		Dropout *float64 `json:"dropout"`
	}
	if err := json.Unmarshal(model, &m); err != nil {
		return fmt.Errorf("tokenizer.json: model: %w", err)
	}
	if m.Dropout != nil && *m.Dropout != 0 {
		return fmt.Errorf("%w: model.dropout %g makes counts random", doc.ErrUnsupported, *m.Dropout)
	}
	return nil
}

// refuseMatchingModel refuses the models for which "added tokens are plain
// text" is not what an empty list of added tokens gives. BPE reaches a
// vocabulary entry by merging what the pre-tokenizer cut, and a marker is an
// entry no merge leads to, so an empty list is exact. Unigram, WordPiece and
// WordLevel look up whole pieces of text in the vocabulary, where markers are
// entries like any other: they would still be matched, in some contexts only.
func refuseMatchingModel(model json.RawMessage) error {
	var m struct {
		Type   string          `json:"type"`
		Merges json.RawMessage `json:"merges"`
	}
	if err := json.Unmarshal(model, &m); err != nil {
		return fmt.Errorf("tokenizer.json: model: %w", err)
	}
	if m.Type == "BPE" || m.Type == "" && m.Merges != nil { // old files name no type
		return nil
	}
	name := m.Type
	if name == "" {
		name = "other than BPE"
	}
	return fmt.Errorf("%w: added tokens as plain text with a model of type %s, which would match them all the same", doc.ErrUnsupported, name)
}
