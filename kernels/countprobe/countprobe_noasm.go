//go:build !amd64 || purego

package countprobe

import "github.com/tallystick/tallystick/kernels"

func flatten(positions *[maxSpans + slack]int16, starts []uint64) int {
	return flattenGeneric(positions, starts)
}

func partition(c *Chunk, n, least int) { partitionGeneric(c, n, least) }

func fillShort(c *Chunk, text []byte, base int, table []Bucket) {
	fillShortGeneric(c, text, base, table)
}

func probeShort(list *ShortList, table []Bucket, from, to int) int {
	return probeShortGeneric(list, table, from, to)
}

func fillWide(c *Chunk, text []byte, base int, table []WideBucket) {
	fillWideGeneric(c, text, base, table)
}

func probeWide(list *WideList, table []WideBucket, from, to int) int {
	return probeWideGeneric(list, table, from, to)
}

func placeShort(low, high uint64) uint32 { return placeShortGeneric(low, high) }

func placeWide(key *WideKey) uint32 { return placeWideGeneric(key) }

func implementation() string { return kernels.Generic }

// ForceGeneric makes the package use the Go reference until restore is called,
// which it does in this build anyway.
func ForceGeneric() (restore func()) { return func() {} }
