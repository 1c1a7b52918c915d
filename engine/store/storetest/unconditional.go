package storetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/tallystick/tallystick/engine/store"
)

// Unconditional is a store that knows no If-Match: it makes objects, but swaps none.
type Unconditional struct{ *store.Mem }

// Swap is that of [store.Mem] for objects that are not there yet.
func (s Unconditional) Swap(ctx context.Context, name, version string, data []byte) (string, error) {
	if version != "" {
		return "", fmt.Errorf("commit: %w", errors.ErrUnsupported)
	}
	return s.Mem.Swap(ctx, name, version, data)
}
