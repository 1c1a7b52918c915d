//go:build hf

package unigram

import (
	"math/rand/v2"
	"testing"

	"github.com/tallystick/tallystick/engine/tokenize/hf"
	"github.com/tallystick/tallystick/engine/tokenize/internal/tricky"
)

// The library itself, on tricky texts.
func TestHuggingFaceAgrees(t *testing.T) {
	files := files(t)
	files["t5"] = t5JSON(t)
	for name, config := range files {
		t.Run(name, func(t *testing.T) {
			c := open(t, config)
			reference, err := hf.New(config, false)
			if err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(3, 4))
			for range 3000 {
				text := []byte(tricky.Text(rng, nil))
				got, err := c.Count(text)
				if err != nil {
					t.Fatal(err)
				}
				if want, err := reference.Count(text); err != nil || got != want {
					t.Errorf("%d, want %d (%v), slow %d: %+q", got, want, err, newReference(t, config).count(text), text)
					return
				}
			}
		})
	}
}
