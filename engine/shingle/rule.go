package shingle

import (
	"fmt"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// HasherFor returns the hasher of a plan's shingle rule and seed. The error
// wraps doc.ErrUnsupported for a rule that is not known here.
func HasherFor(rule string, seed uint64) (*Hasher, error) {
	words, known := plan.ShingleWords(rule)
	if !known {
		return nil, fmt.Errorf("%w: shingle rule %q", doc.ErrUnsupported, rule)
	}
	return newHasherOf(seed, words), nil
}
