package utf8valid

import (
	"strings"
	"testing"

	"github.com/tallystick/tallystick/kernels/internal/guardpage"
)

// Every length up to some blocks, ending right at a page that may not be read
// and starting right after one: a load outside of the slice faults.
func TestAtPageEdges(t *testing.T) {
	middle := guardpage.Page(t)
	page := len(middle)
	copy(middle, strings.Repeat("語", page/3))
	for n := range 400 {
		check(t, middle[:n:n])
		check(t, middle[page-n:])
	}
	check(t, middle)
}
