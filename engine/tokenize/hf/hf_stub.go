//go:build !hf || !cgo

package hf

import (
	"fmt"

	"github.com/tallystick/tallystick/engine/doc"
)

// Available tells whether this program was built with the Rust library.
const Available = false

// Counter cannot be had in this build.
type Counter struct{}

func unavailable() error {
	return fmt.Errorf("%w: this program was built without the Hugging Face engine; build it with `make hf` and `make build` (needs cargo and a C compiler)", doc.ErrUnsupported)
}

// New returns an error that wraps doc.ErrUnsupported and says how to get a
// build that can.
func New(config []byte, addedAsText bool) (*Counter, error) { return nil, unavailable() }

// Count returns the error of New.
func (c *Counter) Count(text []byte) (int, error) { return 0, unavailable() }

// Encode returns the error of New.
func (c *Counter) Encode(text []byte) (count int, fnv uint64, err error) {
	return 0, 0, unavailable()
}
