// Package guardpage gives tests memory at whose edges an access outside of it
// faults. Only tests may import this package.
package guardpage

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Page returns one page of zeros that may be read and written, between two that
// fault, until the test ends.
func Page(t testing.TB) []byte {
	t.Helper()
	size := unix.Getpagesize()
	m, err := unix.Mmap(-1, 0, 3*size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(m); err != nil {
			t.Error(err)
		}
	})
	for _, guard := range [][]byte{m[:size], m[2*size:]} {
		if err := unix.Mprotect(guard, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return m[size : 2*size : 2*size]
}
