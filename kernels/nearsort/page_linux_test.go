package nearsort

import (
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/tallystick/tallystick/kernels/internal/guardpage"
)

// Slices that end right at a page that may not be touched, or start right after
// one: an access outside of them faults.
func TestDistinctAtPageEdges(t *testing.T) {
	page := guardpage.Page(t)
	whole := unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(page))), len(page)/8)
	rng := rand.New(rand.NewPCG(9, 10))
	for n := 1; n < 70; n++ {
		numbers := nearly(rng, n, func() uint64 { return rng.Uint64N(uint64(n)) })
		want := slow(numbers)
		for _, edge := range [][]uint64{whole[:n], whole[len(whole)-n:]} {
			copy(edge, numbers)
			if got := Distinct(edge); !slices.Equal(edge[:got], want) {
				t.Fatalf("Distinct(%x) = %x, want %x", numbers, edge[:got], want)
			}
		}
	}
}
