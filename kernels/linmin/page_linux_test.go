package linmin

import (
	"slices"
	"testing"
	"unsafe"

	"github.com/tallystick/tallystick/kernels/internal/guardpage"
)

// Slices that end right at a page that may not be touched: an access outside
// of them faults.
func TestMinAtPageEdges(t *testing.T) {
	var pages [4][]byte
	for i := range pages {
		pages[i] = guardpage.Page(t)
	}
	words := func(page []byte, n int) []uint32 {
		return unsafe.Slice((*uint32)(unsafe.Pointer(&page[len(page)-4*n])), n)
	}
	for n := Lanes; n <= 10*Lanes; n += Lanes {
		for _, values := range []int{1, 2, 9} {
			a, b, xs := random(uint64(n), n, values)
			least, edgeA, edgeB := words(pages[0], n), words(pages[1], n), words(pages[2], n)
			edgeXs := unsafe.Slice((*uint64)(unsafe.Pointer(&pages[3][len(pages[3])-8*values])), values)
			copy(edgeA, a)
			copy(edgeB, b)
			copy(edgeXs, xs)
			Min(least, edgeA, edgeB, edgeXs)
			if want := slow(a, b, xs); !slices.Equal(least, want) {
				t.Fatalf("%d functions, %d values: %x, want %x", n, values, least, want)
			}
		}
	}
}
