package countcache

import "unsafe"

// line is the size of a cache line.
const line = 64

// heapMemory is newMemory in the Go heap.
func heapMemory(n int) *memory {
	bytes := make([]byte, n+line)
	bytes = bytes[-uintptr(unsafe.Pointer(unsafe.SliceData(bytes)))%line:]
	return &memory{bytes: bytes[:n]}
}
