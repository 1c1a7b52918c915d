package pairmerge

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/tallystick/tallystick/kernels/internal/guardpage"
)

// TestPageEdges has the tables and the texts fill whole pages between two that
// fault.
func TestPageEdges(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	const n, bucketN = 4096 / 4, 4096 / 8
	v := newVocabulary(random, n, 4, true, true)
	for v.tables.bucketN != bucketN {
		v = newVocabulary(random, n, 4, true, true)
	}
	buckets := unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(guardpage.Page(t)))), bucketN)
	checks := unsafe.Slice((*Check)(unsafe.Pointer(unsafe.SliceData(guardpage.Page(t)))), n)
	copy(buckets, unsafe.Slice(v.tables.buckets, bucketN))
	copy(checks, v.checks)
	v.tables.buckets, v.tables.checks = &buckets[0], &checks[0]

	page := guardpage.Page(t)
	const textSize = Lanes * Long
	for _, at := range []int{0, len(page) - textSize} {
		text := (*[Lanes][Long]byte)(unsafe.Pointer(&page[at]))
		var size [Lanes]uint32
		for lane := range text {
			size[lane] = Long
			for i := range text[lane] {
				text[lane][i] = byte(random.IntN(4))
			}
		}
		for _, longest := range []int{Short, Long} {
			for lane := range size {
				size[lane] = min(size[lane], uint32(longest))
			}
			var g Group
			g.StartBytes(v.tables, text, &size, longest)
			Run([]Group{g}, v.tables, longest)
			g.StartSymbols(v.tables, &size, longest)
			Run([]Group{g}, v.tables, longest)
		}
	}
}
