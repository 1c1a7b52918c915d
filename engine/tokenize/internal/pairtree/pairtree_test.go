package pairtree

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

const none = 1 << 20

// made is what two symbols make by some rule that gives many of them none, and
// smaller symbols than they are as well.
func made(seed, left, right uint32) uint32 {
	h := (left*0x9E3779B1 ^ right*0x85EBCA77 ^ seed) * 0xC2B2AE3D
	if h>>29 < 3 {
		return none
	}
	return h >> 20 & 0xFF
}

// slow merges a list.
func slow(seed uint32, symbols []uint32) []uint32 {
	for {
		best, at := uint32(none), -1
		for i := range len(symbols) - 1 {
			if id := made(seed, symbols[i], symbols[i+1]); id < best {
				best, at = id, i
			}
		}
		if at < 0 {
			return symbols
		}
		symbols[at] = best
		symbols = slices.Delete(symbols, at+1, at+2)
	}
}

// Every length up to more than three levels of the tree, one tree for all.
func TestTree(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	var tree Tree
	lengths := []int{4096, 4097, 513, 512, 511}
	for n := range 300 {
		lengths = append(lengths, 300-n)
	}
	for _, n := range lengths {
		seed := rng.Uint32()
		symbols := tree.Reset(n)
		for i := range symbols {
			symbols[i] = rng.Uint32() % 16
		}
		list := slices.Clone(symbols)
		for i := range n - 1 {
			tree.SetFirst(i, made(seed, list[i], list[i+1]))
		}
		tree.Build()
		for {
			id, at := tree.Least()
			if id >= none {
				break
			}
			p := tree.PairAt(at)
			if rng.IntN(8) == 0 { // which a table may have been wrong about
				tree.Set(at, id)
			}
			withBefore, withAfter := uint32(math.MaxUint32), uint32(math.MaxUint32)
			if p.Before >= 0 {
				withBefore = made(seed, tree.Symbol(p.Before), id)
			}
			if p.After < tree.Len() {
				withAfter = made(seed, id, tree.Symbol(p.After))
			}
			tree.Merge(p, id, withBefore, withAfter)
		}
		want := slow(seed, list)
		var got []uint32
		for at := tree.Next(0); at < n; at = tree.Next(at + 1) {
			if tree.Count(at) != len(got) {
				t.Fatalf("%d symbols: %d before %d, want %d", n, tree.Count(at), at, len(got))
			}
			got = append(got, tree.Symbol(at))
		}
		if !slices.Equal(got, want) || tree.Count(n) != len(want) {
			t.Fatalf("%d symbols: %d, want %d", n, got, want)
		}
	}
}
