package wordscan

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Texts that end right at a page that may not be read or start right after one,
// and results that end right at one: an access outside of a slice faults.
func TestScanAtPageEdges(t *testing.T) {
	page := unix.Getpagesize()
	guarded := func() []byte {
		m, err := unix.Mmap(-1, 0, 3*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := unix.Munmap(m); err != nil {
				t.Error(err)
			}
		})
		for _, guard := range [][]byte{m[:page], m[2*page:]} {
			if err := unix.Mprotect(guard, unix.PROT_NONE); err != nil {
				t.Fatal(err)
			}
		}
		return m[page : 2*page]
	}
	in, out := guarded(), guarded()
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
