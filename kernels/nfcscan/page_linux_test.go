package nfcscan

import (
	"testing"

	"github.com/tallystick/tallystick/kernels/internal/guardpage"
)

// Texts that end right at a page that may not be read or start right after one:
// an access outside of the slice faults.
func TestPlainAtPageEdges(t *testing.T) {
	page := guardpage.Page(t)
	for i := range page {
		page[i] = "Wört 漢7"[i%len("Wört 漢7")]
	}
	for n := range 5 * Step {
		check(t, page[:n], min(n, 2))
		check(t, page[len(page)-n:], min(n, 2))
	}
}
