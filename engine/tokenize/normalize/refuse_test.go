package normalize

import (
	"errors"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// What Hugging Face reads, but fails on with every text, or what is not known
// exactly.
func TestRefused(t *testing.T) {
	for _, config := range []string{
		`{"type":"Prepend","prepend":""}`,
		`{"type":"ByteLevel"}`,
		`{"type":"Replace","pattern":{"Regex":"(a)\\1"},"content":""}`,
		`{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Prepend","prepend":""}]}`,
	} {
		var o pipeline.Object
		if err := o.UnmarshalJSON([]byte(config)); err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(o); !errors.Is(err, doc.ErrUnsupported) {
			t.Errorf("%s: %v", config, err)
		}
	}
}
