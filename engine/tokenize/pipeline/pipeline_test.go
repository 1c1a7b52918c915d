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
		`{}`:                  nil,
		`{"added_tokens":[]}`: nil,
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
		`{"added_tokens":null}`, `{"added_tokens":{}}`, `{"added_tokens":1}`, `{"added_tokens":[null]}`, `{"added_tokens":["a"]}`, `{"added_tokens":[{}]}`,
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

// A template is applied without special tokens too.
func TestTemplatesWithoutTheTextAreRefused(t *testing.T) {
	const a, b, special = `{"Sequence":{"id":"A","type_id":0}}`, `{"Sequence":{"id":"B","type_id":0}}`, `{"SpecialToken":{"id":"<s>","type_id":0}}`
	template := func(pieces string) string { return `{"type":"TemplateProcessing","single":[` + pieces + `],"pair":[]}` }
	sequence := func(processors string) string { return `{"type":"Sequence","processors":[` + processors + `]}` }
	for processor, refused := range map[string]bool{
		`null`: false, `{"type":"ByteLevel"}`: false, `{"type":"RobertaProcessing"}`: false, sequence(`{"type":"ByteLevel"}`): false,
		template(a): false, template(special + "," + a + "," + special): false, sequence(template(a) + "," + template(a)): false,
		template(""): true, template(special): true, template(a + "," + a): true, template(b): true, template(a + "," + b): true, sequence(template(a) + "," + template("")): true,
	} {
		file, err := Parse([]byte(`{"post_processor":` + processor + `}`))
		if err != nil {
			t.Fatal(err)
		}
		_, err = New(file, Options{}, "", func() Worker { return nil })
		if got := errors.Is(err, doc.ErrUnsupported); got != refused {
			t.Errorf("%s: %v", processor, err)
		}
	}
}
