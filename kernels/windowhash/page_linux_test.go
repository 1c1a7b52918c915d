package windowhash

import (
	"slices"
	"testing"
	"unsafe"

	"github.com/tallystick/tallystick/kernels/internal/guardpage"
)

// Slices that end right at a page that may not be touched, or start right after
// one: an access outside of them faults.
func TestHashAtPageEdges(t *testing.T) {
	in, out := guardpage.Page(t), guardpage.Page(t)
	whole := func(page []byte) []uint64 {
		return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(page))), len(page)/8)
	}
	words, hashes := whole(in), whole(out)
	copy(words, randomWords(3, len(words)))
	for n := 1; n < 70; n++ {
		forEach(func(name string) {
			for _, edge := range [][2][]uint64{
				{hashes[:n], words[:n+Width-1]},
				{hashes[len(hashes)-n:], words[len(words)-n-Width+1:]},
			} {
				Hash(edge[0], edge[1])
				want := make([]uint64, n)
				hashGeneric(want, edge[1])
				if !slices.Equal(edge[0], want) {
					t.Fatalf("%s: %d hashes %x, want %x", name, n, edge[0], want)
				}
			}
		})
	}
}
