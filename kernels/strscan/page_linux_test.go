package strscan

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Every length up to some blocks, ending right at a page that may not be read
// and starting right after one: a load outside of the slice faults.
func TestAtPageEdges(t *testing.T) {
	page := unix.Getpagesize()
	from, to := guarded(t), guarded(t)
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

// guarded returns a page of the letter a between two that fault.
func guarded(t *testing.T) []byte {
	page := unix.Getpagesize()
	m, err := unix.Mmap(-1, 0, 3*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(m); err != nil {
			t.Error(err)
		}
	})
	for i := range m {
		m[i] = 'a'
	}
	for _, guard := range [][]byte{m[:page], m[2*page:]} {
		if err := unix.Mprotect(guard, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return m[page : 2*page : 2*page]
}
