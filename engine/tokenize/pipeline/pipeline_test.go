package pipeline

import (
	"errors"
	"slices"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
)

// Hugging Face fails on "x   " with these.
func TestWhiteSpaceThatIsTakenTwiceIsRefused(t *testing.T) {
	x := AddedToken{"x", AddedFlags{RStrip: true}}
	for _, tt := range []struct {
		spaces  AddedToken
		refused bool
	}{
		{AddedToken{" \u3000", AddedFlags{LStrip: true}}, true},
		{AddedToken{"  ", AddedFlags{LStrip: true, RStrip: true}}, false},
		{AddedToken{"  ", AddedFlags{RStrip: true}}, false},
		{AddedToken{" y", AddedFlags{LStrip: true}}, false},
	} {
		err := checkStripping([]AddedToken{tt.spaces, x})
		if refused := errors.Is(err, doc.ErrUnsupported); refused != tt.refused {
			t.Errorf("%+v: %v", tt.spaces, err)
		}
		if err := checkStripping([]AddedToken{tt.spaces}); !tt.spaces.Flags.RStrip && err != nil {
			t.Errorf("%+v alone: %v", tt.spaces, err)
		}
	}
}

func TestReadAddedTokens(t *testing.T) {
	const flags = `,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":false}`
	all := AddedFlags{true, true, true, true, true}
	for text, want := range map[string][]AddedToken{
		`{}`:                    nil,
		`{"added_tokens":null}`: nil,
		`{"added_tokens":[]}`:   nil,
		`{"added_tokens":[{"id":1,"content":"a\u00e9"` + flags + `,{"content":"b"` + flags + `]}`:                                                     {{Content: "a\u00e9"}, {Content: "b"}},
		`{"added_tokens":[{"special" : true, "normalized":true,"rstrip":true,"lstrip":true,"single_word":true,"x":{"content":[]}, "content" : "" }]}`: {{"", all}},
		// Of equal keys the last holds, however it is spelt.
		`{"added_tokens":[{"content":1,"special":null` + flags[:len(flags)-1] + `,"cont\u0065nt":"c"}]}`: {{Content: "c"}},
	} {
		file, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := file.AddedTokens(); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{
		`{"added_tokens":{}}`, `{"added_tokens":1}`, `{"added_tokens":[null]}`, `{"added_tokens":["a"]}`, `{"added_tokens":[{}]}`,
		`{"added_tokens":[{"content":1` + flags + `]}`, `{"added_tokens":[{"content":null` + flags + `]}`, `{"added_tokens":[{"content":"a"}]}`,
		`{"added_tokens":[{"content":"a"` + flags[:len(flags)-1] + `,"special":null}]}`,
		`{"added_tokens":[{"content":"a"` + flags[:len(flags)-1] + `,"special":"true"}]}`,
	} {
		file, err := Parse([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got, err := file.AddedTokens(); err == nil {
			t.Errorf("%s: %+v", text, got)
		}
	}
}
