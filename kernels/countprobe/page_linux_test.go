package countprobe

import (
	"math/rand/v2"
	"testing"

	"github.com/tallystick/tallystick/kernels/internal/guardpage"
)

// Texts that end right at a page that may not be read or start right after one:
// an access outside of the pages that hold the text faults.
func TestAtPageEdges(t *testing.T) {
	page := guardpage.Page(t)
	random := rand.New(rand.NewPCG(9, 9))
	randomText(random, page)
	for n := 1; n < Blocks*Block; n++ {
		open := min(n, random.IntN(40))
		for _, text := range [][]byte{page[:n], page[len(page)-n:], page[len(page)-n-3 : len(page)-3]} {
			check(t, text, open, randomStarts(random, n-open, 1+random.IntN(40)), -open, 1)
		}
	}
}
