package pairscan

import (
	"testing"

	"github.com/tallystick/tallystick/kernels/internal/guardpage"
)

// Texts that end right at a page that may not be read.
func TestIndexAtPageEdges(t *testing.T) {
	page := guardpage.Page(t)
	for i := range page {
		page[i] = 'x'
	}
	for n := range 200 {
		check(t, [][2]byte{{'a', 'b'}}, page[len(page)-n:], 0)
		check(t, [][2]byte{{'a', 'b'}}, page[:n], 0)
	}
}
