package tokenize_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/tallystick/tallystick/engine/tokenize"
	"github.com/tallystick/tallystick/engine/tokenize/internal/tricky"
)

// FuzzEnginesAgree counts any bytes by both engines and a small tokenizer of
// every model type. 0xFF, which UTF-8 has no use for, and the two bytes after it
// stand for an entry of the vocabulary or an added token.
func FuzzEnginesAgree(f *testing.F) {
	needHF(f)
	type pair struct {
		entries           []string
		native, reference *tokenize.Counter
	}
	var pairs []pair
	for name, m := range bases(f) {
		entries := m.entries
		for _, a := range m.added() {
			entries = append(entries, a["content"].(string))
		}
		config, err := json.Marshal(m.file)
		if err != nil {
			f.Fatal(err)
		}
		pairs = append(pairs, pair{entries, openAs(f, name, config, tokenize.EngineNative), openAs(f, name, config, tokenize.EngineHF)})
	}
	for _, text := range slices.Concat(tricky.Strings, traps) {
		f.Add([]byte(text + "\xff\x01\x02" + text + " \xff\x07\xf0\xff\x00\x42" + text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, p := range pairs {
			var text []byte
			for rest := data; len(rest) > 0; {
				if rest[0] == 0xff && len(rest) > 2 {
					text = append(text, p.entries[(int(rest[1])<<8|int(rest[2]))%len(p.entries)]...)
					rest = rest[3:]
					continue
				}
				text, rest = append(text, rest[0]), rest[1:]
			}
			got, err := p.native.TryCount(text)
			want, wantErr := p.reference.TryCount(text)
			if err != nil || wantErr != nil || got != want {
				t.Errorf("%q: native %d (%v), hf %d (%v)", text, got, err, want, wantErr)
			}
		}
	})
}
