//go:build !purego

package countprobe

import (
	"unsafe"

	"github.com/klauspost/cpuid/v2"

	"github.com/tallystick/tallystick/kernels"
)

// level is an implementation, each needing more of the CPU than the one before.
type level int

const (
	generic level = iota
	avx2          // and AES
	avx512        // and VBMI2, VAES: Ice Lake, Zen 4 and later
)

var use = best()

func best() level {
	switch {
	case !kernels.UseAVX2() || !kernels.Features().AES:
		return generic
	case kernels.UseAVX512() && cpuid.CPU.Supports(cpuid.AVX512VBMI2, cpuid.VAES):
		return avx512
	}
	return avx2
}

// The functions in assembly are the generic ones, their reference, of arrays
// and slices by their first elements; only the hash differs. Counts of
// elements are at least 1. text is where the chunk begins.

//go:noescape
func flattenAVX2(positions *int16, starts *uint64, blocks int) (n int)

//go:noescape
func partitionAVX2(positions, shortStart, shortSize, wideStart, wideSize *int16, n, least int) (short, wide int)

//go:noescape
func fillShortAVX2(key *Key, place *uint32, text *byte, base int, start, size *int16, n int, table *Bucket, mask uint32)

//go:noescape
func probeShortAVX2(missing *uint16, key *Key, place *uint32, n int, table *Bucket) (sum, misses int)

//go:noescape
func flattenAVX512(positions *int16, starts *uint64, blocks int) (n int)

//go:noescape
func partitionAVX512(positions, shortStart, shortSize, wideStart, wideSize *int16, n, least int) (short, wide int)

//go:noescape
func fillShortAVX512(key *Key, place *uint32, text *byte, base int, start, size *int16, n int, table *Bucket, mask uint32)

//go:noescape
func probeShortAVX512(missing *uint16, key *Key, place *uint32, n int, table *Bucket) (sum, misses int)

//go:noescape
func fillWideAVX2(key *WideKey, place *uint32, text *byte, base int, start, size *int16, n int, table *WideBucket, mask uint32)

//go:noescape
func probeWideAVX2(missing *uint16, key *WideKey, place *uint32, n int, table *WideBucket) (sum, misses int)

//go:noescape
func placeShortAES(low, high uint64) uint32

//go:noescape
func placeWideAES(key *WideKey) uint32

func flatten(positions *[maxSpans + slack]int16, starts []uint64) int {
	switch use {
	case avx512:
		return flattenAVX512(&positions[1], unsafe.SliceData(starts), len(starts))
	case avx2:
		return flattenAVX2(&positions[1], unsafe.SliceData(starts), len(starts))
	}
	return flattenGeneric(positions, starts)
}

func partition(c *Chunk, n, least int) {
	short, wide := &c.Short, &c.Wide
	switch {
	case n == 0 || use == generic:
		partitionGeneric(c, n, least)
	case use == avx512:
		short.Len, wide.Len = partitionAVX512(&c.positions[0],
			&short.Start[0], &short.Size[0], &wide.Start[0], &wide.Size[0], n, least)
	default:
		short.Len, wide.Len = partitionAVX2(&c.positions[0],
			&short.Start[0], &short.Size[0], &wide.Start[0], &wide.Size[0], n, least)
	}
}

func fillShort(c *Chunk, text []byte, base int, table []Bucket) {
	if use == generic {
		fillShortGeneric(c, text, base, table)
		return
	}
	list := &c.Short
	text, base = c.readable(text, base, int(list.Start[list.Len-1])+16)
	if use == avx512 {
		fillShortAVX512(&list.Key[0], &list.Place[0], unsafe.SliceData(text), base,
			&list.Start[0], &list.Size[0], list.Len, unsafe.SliceData(table), mask(len(table)))
		return
	}
	fillShortAVX2(&list.Key[0], &list.Place[0], unsafe.SliceData(text), base,
		&list.Start[0], &list.Size[0], list.Len, unsafe.SliceData(table), mask(len(table)))
}

func probeShort(list *ShortList, table []Bucket, from, to int) (sum int) {
	keys, places := list.Key[from:to], list.Place[from:to]
	switch use {
	case avx512:
		sum, list.Misses = probeShortAVX512(&list.Missing[0], &keys[0], &places[0], len(keys), unsafe.SliceData(table))
	case avx2:
		sum, list.Misses = probeShortAVX2(&list.Missing[0], &keys[0], &places[0], len(keys), unsafe.SliceData(table))
	default:
		sum = probeShortGeneric(list, table, from, to)
	}
	return sum
}

func fillWide(c *Chunk, text []byte, base int, table []WideBucket) {
	if use == generic {
		fillWideGeneric(c, text, base, table)
		return
	}
	list := &c.Wide
	text, base = c.readable(text, base, int(list.Start[list.Len-1])+32)
	fillWideAVX2(&list.Key[0], &list.Place[0], unsafe.SliceData(text), base,
		&list.Start[0], &list.Size[0], list.Len, unsafe.SliceData(table), mask(len(table)))
}

func probeWide(list *WideList, table []WideBucket, from, to int) (sum int) {
	if use == generic {
		return probeWideGeneric(list, table, from, to)
	}
	keys, places := list.Key[from:to], list.Place[from:to]
	sum, list.Misses = probeWideAVX2(&list.Missing[0], &keys[0], &places[0], len(keys), unsafe.SliceData(table))
	return sum
}

// readable returns a text in which the bytes of the chunk up to end, from its
// beginning, may be read: text itself unless that reaches beyond the last page
// of text, else a copy of what the keys of the chunk can have.
func (c *Chunk) readable(text []byte, base, end int) ([]byte, int) {
	beyond := base + end - len(text)
	const pageMask = 1<<12 - 1 // pages of 4096 bytes or larger
	last := uintptr(unsafe.Pointer(&text[len(text)-1]))
	if beyond <= 0 || int(last&pageMask)+beyond <= pageMask {
		return text, base
	}
	from := max(base-MaxWide, 0)
	copy(c.tail[:], text[from:])
	return c.tail[:], base - from
}

// mask turns a hash into the place of a bucket.
func mask(buckets int) uint32 { return uint32(buckets-1) * 64 }

func placeShort(low, high uint64) uint32 {
	if use > generic {
		return placeShortAES(low, high) / 64
	}
	return placeShortGeneric(low, high)
}

func placeWide(key *WideKey) uint32 {
	if use > generic {
		return placeWideAES(key) / 64
	}
	return placeWideGeneric(key)
}

func implementation() string {
	return [...]string{generic: kernels.Generic, avx2: kernels.AVX2, avx512: kernels.AVX512}[use]
}

// ForceGeneric makes the package use the Go reference until restore is called.
// For tests; not safe while another goroutine uses the package.
func ForceGeneric() (restore func()) { return force(generic) }

func force(l level) (restore func()) {
	saved := use
	use = l
	return func() { use = saved }
}
