package hf

import (
	"errors"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
)

func TestPrepare(t *testing.T) {
	const bpe = `"model":{"type":"BPE","vocab":{},"merges":[]}`
	tests := []struct {
		name        string
		config      string
		addedAsText bool
		want        string
	}{
		{"nothing to change", `{"version":"1.0","truncation":null,` + bpe + `}`, false,
			`{"version":"1.0","truncation":null,` + bpe + `}`},
		{"truncation and padding off", `{"truncation":{"max_length":4},"padding":{"strategy":"BatchLongest"},` + bpe + `}`, false,
			`{"truncation":null,"padding":null,` + bpe + `}`},
		{"numbers and order as written", `{"z":[["a",-1.50e0]],` + bpe + `,"a":1e400}`, false,
			`{"z":[["a",-1.50e0]],` + bpe + `,"a":1e400}`},
		{"added tokens stay", `{"added_tokens":[{"id":1}],` + bpe + `}`, false,
			`{"added_tokens":[{"id":1}],` + bpe + `}`},
		{"added tokens as text", `{"added_tokens":[{"id":1}],` + bpe + `}`, true,
			`{"added_tokens":[],` + bpe + `}`},
		{"old file without a model type", `{"added_tokens":[1],"model":{"vocab":{},"merges":[]}}`, true,
			`{"added_tokens":[],"model":{"vocab":{},"merges":[]}}`},
		{"dropout nought is none", `{"model":{"type":"BPE","dropout":0.0}}`, false,
			`{"model":{"type":"BPE","dropout":0.0}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := prepare([]byte(tt.config), tt.addedAsText)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestPrepareRefuses(t *testing.T) {
	tests := []struct {
		name        string
		config      string
		addedAsText bool
		unsupported bool
	}{
		{"empty", ``, false, false},
		{"not an object", `[1]`, false, false},
		{"cut short", `{"model":{"type":"BPE"}`, false, false},
		{"broken value", `{"model":}`, false, false},
		{"no model", `{"version":"1.0"}`, false, false},
		{"dropout", `{"model":{"type":"BPE","dropout":0.1}}`, false, true},
		{"unigram, added as text", `{"model":{"type":"Unigram"}}`, true, true},
		{"wordpiece, added as text", `{"model":{"type":"WordPiece"}}`, true, true},
		{"no type, no merges, added as text", `{"model":{"vocab":{}}}`, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := prepare([]byte(tt.config), tt.addedAsText)
			if err == nil {
				t.Fatal("accepted")
			}
			if got := errors.Is(err, doc.ErrUnsupported); got != tt.unsupported {
				t.Errorf("errors.Is(%q, ErrUnsupported) = %v, want %v", err, got, tt.unsupported)
			}
		})
	}
}
