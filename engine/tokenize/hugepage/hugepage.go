// Package hugepage makes tables that are read at random: with pages of 4 KiB
// nearly every such read would also miss the page tables that the CPU holds.
package hugepage

import "unsafe"

// size is that of the larger pages of most machines, in bytes.
const size = 2 << 20

// line is the size of a cache line, in bytes.
const line = 64

// Make returns a slice of n zero values of a type without pointers, whose first
// byte is at a multiple of 64, or of the size of a huge page if it is at least
// as large. Where the system has huge pages to give, the slice is of these.
func Make[T any](n int) []T {
	bytes := n * int(unsafe.Sizeof(*new(T)))
	align := line
	if bytes >= size {
		align = size
	}
	memory := make([]byte, bytes+align)
	memory = memory[-uintptr(unsafe.Pointer(unsafe.SliceData(memory)))%uintptr(align):][:bytes]
	if bytes >= size {
		advise(memory)
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(memory))), n)
}
