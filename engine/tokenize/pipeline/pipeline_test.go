package pipeline

import (
	"errors"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
)

// Hugging Face fails on "x   " with these.
func TestWhiteSpaceThatIsTakenTwiceIsRefused(t *testing.T) {
	x := addedToken{content: "x", rstrip: true}
	for _, tt := range []struct {
		spaces  addedToken
		refused bool
	}{
		{addedToken{content: " \u3000", lstrip: true}, true},
		{addedToken{content: "  ", lstrip: true, rstrip: true}, false},
		{addedToken{content: "  ", rstrip: true}, false},
		{addedToken{content: " y", lstrip: true}, false},
	} {
		err := checkStripping([]addedToken{tt.spaces, x})
		if refused := errors.Is(err, doc.ErrUnsupported); refused != tt.refused {
			t.Errorf("%+v: %v", tt.spaces, err)
		}
		if err := checkStripping([]addedToken{tt.spaces}); !tt.spaces.rstrip && err != nil {
			t.Errorf("%+v alone: %v", tt.spaces, err)
		}
	}
}
