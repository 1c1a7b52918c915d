package wordscan

import (
	"testing"

	"github.com/tallystick/tallystick/kernels/internal/guardpage"
)

// Texts that end right at a page that may not be read or start right after one,
// and results that end right at one: an access outside of a slice faults.
func TestScanAtPageEdges(t *testing.T) {
	in, out := guardpage.Page(t), guardpage.Page(t)
	page := len(in)
	for i := range in {
		in[i] = "Wört 7"[i%7]
	}
	word, high := make([]uint64, Blocks(page)), make([]uint64, Blocks(page))
	for n := 0; n <= 5*Block; n++ {
		for _, text := range [][]byte{in[:n], in[page-n:]} {
			check(t, text)
			Scan(out[page-Blocks(n)*Block:], word, high, text)
		}
	}
}
