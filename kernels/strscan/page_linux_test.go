package strscan

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Every length up to some blocks, ending right at a page that may not be read
// and starting right after one: a load outside of the slice faults.
func TestScanAtPageEdges(t *testing.T) {
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
	for i := range m {
		m[i] = 'a'
	}
	for _, guard := range [][]byte{m[:page], m[2*page:]} {
		if err := unix.Mprotect(guard, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	middle := m[page : 2*page]
	for n := 0; n <= 400; n++ {
		for _, b := range [][]byte{middle[:n:n], middle[page-n:]} {
			check(t, b)
			if n > 0 {
				b[n-1] = 0xff
				check(t, b)
				b[n-1] = '"'
				check(t, b)
				b[n-1] = 'a'
			}
		}
	}
	check(t, middle)
}
