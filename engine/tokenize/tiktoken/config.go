package tiktoken

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/engine/doc"
)

// Convert returns the tokenizer.json that counts as tiktoken does with a rank
// file and the encoding of a name. Without a name the file must be a published
// one. Errors wrap doc.ErrInput, doc.ErrUsage for a name that is not known, and
// doc.ErrUnsupported.
func Convert(file []byte, name string) (config []byte, e Encoding, err error) {
	var ok bool
	if name == "" {
		if e, ok = Identify(file); !ok {
			return nil, e, fmt.Errorf("%w: a rank file that is not a published one: its pattern must be named (%s)", doc.ErrUnsupported, strings.Join(Names(), ", "))
		}
	} else if e, ok = ByName(name); !ok {
		return nil, e, fmt.Errorf("%w: pattern %q; want one of %s", doc.ErrUsage, name, strings.Join(Names(), ", "))
	}
	v, err := Parse(file)
	if err != nil {
		return nil, e, err
	}
	return Config(v, v.Merges(), e), e, nil
}

// Config returns the tokenizer.json of a vocabulary with its merges and an
// encoding. A special token whose text is also a token of the vocabulary has
// the latter's id; that changes no count.
func Config(v Vocabulary, merges []Merge, e Encoding) []byte {
	// Tokens are written twice to thrice, so each is quoted once.
	size := 0
	quoted := make([][]byte, len(v))
	for i, t := range v {
		quoted[i] = quote(t.Bytes)
		size += 3*len(quoted[i]) + 16
	}
	out := make([]byte, 0, size+4096)
	out = append(out, `{"version":"1.0","truncation":null,"padding":null,"added_tokens":[`...)
	for i, s := range e.Special {
		out = comma(out, i)
		out = append(out, `{"id":`...)
		out = strconv.AppendUint(out, uint64(s.ID), 10)
		out = append(out, `,"content":`...)
		out = append(out, text(s.Text)...)
		out = append(out, `,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}`...)
	}
	out = append(out, `],"normalizer":`...)
	if e.NFC {
		out = append(out, `{"type":"NFC"}`...)
	} else {
		out = append(out, `null`...)
	}
	out = append(out, `,"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":`...)
	out = append(out, text(e.Pattern)...)
	out = append(out, `},"behavior":"Isolated","invert":false},`+
		`{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]},`+
		`"post_processor":null,"decoder":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true},`+
		`"model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,"end_of_word_suffix":null,`+
		`"fuse_unk":false,"byte_fallback":false,"ignore_merges":true,"vocab":{`...)
	for i, t := range v {
		out = comma(out, i)
		out = append(out, quoted[i]...)
		out = append(out, ':')
		out = strconv.AppendUint(out, uint64(t.Rank), 10)
	}
	out = append(out, `},"merges":[`...)
	for i, m := range merges {
		out = comma(out, i)
		out = append(out, '[')
		out = append(out, quoted[m.Left]...)
		out = append(out, ',')
		out = append(out, quoted[m.Right]...)
		out = append(out, ']')
	}
	return append(out, `]}}`...)
}

func comma(out []byte, i int) []byte {
	if i > 0 {
		out = append(out, ',')
	}
	return out
}

func text(s string) []byte {
	out, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always can
	}
	return out
}

// quote returns the JSON string that byte-level vocabularies spell bytes with:
// printable ones stand for themselves, the others are moved up by 256
// (bytes_to_unicode of GPT-2's encoder.py).
func quote(token string) []byte {
	out := make([]byte, 0, 2*len(token)+2)
	out = append(out, '"')
	for _, b := range []byte(token) {
		out = append(out, spelled[b]...)
	}
	return append(out, '"')
}

var spelled = func() (t [256]string) {
	moved := rune(256)
	for b := range t {
		switch {
		case b == '"' || b == '\\':
			t[b] = `\` + string(rune(b))
		case b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE:
			t[b] = string(rune(b))
		default:
			t[b] = string(moved)
			moved++
		}
	}
	return t
}()
