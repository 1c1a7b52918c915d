package wordhash

import (
	"testing"

	"github.com/tallystick/tallystick/kernels/internal/guardpage"
)

// Words whose slack ends right at a page that may not be read, or that start
// right after one: an access beyond the slack faults.
func TestHashAtPageEdges(t *testing.T) {
	text := guardpage.Page(t)
	page := len(text)
	for i := range text {
		text[i] = byte(i)
	}
	for n := range 200 {
		end := uint32(page - Slack)
		checkWords(t, text, []uint32{end - uint32(n)}, []uint32{end})
		checkWords(t, text, []uint32{0}, []uint32{uint32(n)})
	}
}
