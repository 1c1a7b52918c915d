package utf8valid

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Every length up to some blocks, ending right at a page that may not be read
// and starting right after one: a load outside of the slice faults.
func TestAtPageEdges(t *testing.T) {
	page := unix.Getpagesize()
	m, err := unix.Mmap(-1, 0, 3*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Munmap(m); err != nil {
			t.Error(err)
		}
	}()
	middle := m[page : 2*page]
	copy(middle, strings.Repeat("語", page/3))
	for _, guard := range [][]byte{m[:page], m[2*page:]} {
		if err := unix.Mprotect(guard, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 400 {
		check(t, middle[:n:n])
		check(t, middle[page-n:])
	}
	check(t, middle)
}
