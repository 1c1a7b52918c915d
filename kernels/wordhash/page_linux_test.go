package wordhash

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Words whose slack ends right at a page that may not be read, or that start
// right after one: an access beyond the slack faults.
func TestHashAtPageEdges(t *testing.T) {
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
		m[i] = byte(i)
	}
	for _, guard := range [][]byte{m[:page], m[2*page:]} {
		if err := unix.Mprotect(guard, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	text := m[page : 2*page]
	for n := range 200 {
		end := uint32(page - Slack)
		checkWords(t, text, []uint32{end - uint32(n)}, []uint32{end})
		checkWords(t, text, []uint32{0}, []uint32{uint32(n)})
	}
}
