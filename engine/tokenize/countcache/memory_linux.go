package countcache

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// hugePage is the size of the larger pages of most machines. A table is
	// read at random: with small pages nearly every read would also miss the
	// page tables that the CPU holds.
	hugePage = 2 << 20

	// leastMapped is the least memory worth a system call, in bytes.
	leastMapped = 64 << 10
)

// memory is zeroed memory, mostly outside of the Go heap, where the garbage
// collector neither scans nor counts it. It is given back when unreachable.
type memory struct {
	bytes   []byte
	mapped  []byte // nil if in the heap
	cleanup runtime.Cleanup
}

// newMemory returns n bytes, aligned to cache lines. If the system gives none,
// they are of the Go heap.
func newMemory(n int) *memory {
	if n < leastMapped {
		return heapMemory(n)
	}
	size := n
	if n >= hugePage {
		size += hugePage // to begin at a whole page
	}
	mapped, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return heapMemory(n)
	}
	m := &memory{bytes: mapped[:n], mapped: mapped}
	if n >= hugePage {
		m.bytes = mapped[-uintptr(unsafe.Pointer(unsafe.SliceData(mapped)))%hugePage:][:n]
		// Advice, and before the first touch: later it changes no page.
		_ = unix.Madvise(m.bytes, unix.MADV_HUGEPAGE)
	}
	m.cleanup = runtime.AddCleanup(m, unmap, mapped)
	return m
}

// release gives the memory back now.
func (m *memory) release() {
	if m.mapped != nil {
		m.cleanup.Stop()
		unmap(m.mapped)
	}
	m.bytes, m.mapped = nil, nil
}

func unmap(mapped []byte) { _ = unix.Munmap(mapped) }
