package strscan

import (
	"bytes"
	"testing"

	"github.com/tallystick/tallystick/kernels/internal/guardpage"
)

// Every length up to some blocks, ending right at a page that may not be read
// and starting right after one: a load outside of the slice faults.
func TestAtPageEdges(t *testing.T) {
	from, to := guardpage.Page(t), guardpage.Page(t)
	page := len(from)
	copy(from, bytes.Repeat([]byte("a"), page))
	copy(to, from)
	want := make([]byte, page)
	for n := 0; n <= 400; n++ {
		for _, b := range [][]byte{from[:n:n], from[page-n:]} {
			checkBoth := func() {
				checkScan(t, b)
				checkUnescape(t, to[:n:n], want, b)
				checkUnescape(t, to[page-n:], want, b)
			}
			checkBoth()
			if n > 0 {
				for _, end := range []byte{0xff, '"', '\\'} {
					b[n-1] = end
					checkBoth()
				}
				b[n-1] = 'a'
			}
			if n > 1 {
				copy(b[n-2:], `\n`)
				checkBoth()
				copy(b[n-2:], `aa`)
			}
		}
	}
	checkScan(t, from)
}
