package classmask

import (
	"testing"

	"github.com/tallystick/tallystick/kernels/internal/guardpage"
)

// Texts that end right at a page that may not be read or start right after one,
// valid or not: an access outside of the slice, but for the three bytes that are
// asked for, faults.
func TestClassifyAtPageEdges(t *testing.T) {
	page := guardpage.Page(t)
	var dst [8]Planes
	for _, fill := range []string{"Wört 漢7😀", "\xff", "\xe0", "\xf4", "\xc3", "a\xdf", "\x80"} {
		for i := range page {
			page[i] = fill[i%len(fill)]
		}
		for n := 1; n <= len(dst); n++ {
			forEach(func(string) {
				mixed.Classify(dst[:n], page, 0)
				mixed.Classify(dst[:n], page[len(page)-n*Block-3:], 0)
			})
		}
	}
}
