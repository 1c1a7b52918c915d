package windowhash

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// slow is the definition in package shingle, in numbers of any size.
func slow(words []uint64) uint64 {
	number := func(w uint64) *big.Int { return new(big.Int).SetUint64(w) }
	modulus := new(big.Int).Lsh(big.NewInt(1), 64)
	rotate := func(x *big.Int) {
		over := new(big.Int).Rsh(x, 40)
		x.Lsh(x, 24).Mod(x, modulus).Or(x, over)
	}
	fold := func(x *big.Int) { x.Xor(x, new(big.Int).Rsh(x, 32)) }
	x := number(words[0])
	for i, w := range words[1:Width] {
		rotate(x)
		if i%2 == 0 {
			x.Add(x, number(w)).Mod(x, modulus)
		} else {
			x.Xor(x, number(w))
		}
	}
	fold(x)
	x.Mul(x, big.NewInt(0x9e3779b1)).Mod(x, modulus)
	fold(x)
	return x.Uint64()
}

// forEach calls fn with every implementation that this machine has.
func forEach(fn func(implementation string)) {
	fn(implementation())
	restore := ForceAVX2()
	fn("forced " + implementation())
	restore()
	restore = ForceGeneric()
	fn("forced generic")
	restore()
}

func check(t *testing.T, words []uint64) {
	t.Helper()
	n := max(len(words)-Width+1, 0)
	want := make([]uint64, n)
	for i := range want {
		want[i] = slow(words[i:])
	}
	forEach(func(name string) {
		t.Helper()
		got := make([]uint64, n+1)
		got[n] = 7
		Hash(got[:n], words)
		if !slices.Equal(got[:n], want) || got[n] != 7 {
			t.Fatalf("%s: Hash(%x) = %x, want %x and 7", name, words, got, want)
		}
	})
}

func randomWords(seed uint64, n int) []uint64 {
	r := rand.New(rand.NewPCG(seed, 1))
	words := make([]uint64, n)
	for i := range words {
		words[i] = r.Uint64()
	}
	return words
}

func TestEveryLength(t *testing.T) {
	for n := range 200 {
		check(t, randomWords(uint64(n), n))
	}
}

func TestInPlace(t *testing.T) {
	for n := 0; n <= 20*InPlace; n += InPlace {
		words := randomWords(uint64(n), n+Width-1)
		want := make([]uint64, n)
		hashGeneric(want, words)
		forEach(func(name string) {
			got := slices.Clone(words)
			Hash(got[:n], got)
			if !slices.Equal(got[:n], want) {
				t.Errorf("%s: %d hashes in the place of their words are others", name, n)
			}
		})
	}
}

// Words at the ends of what 32 and 64 bits hold.
func TestExtremes(t *testing.T) {
	ends := []uint64{0, 1, 1<<32 - 1, 1 << 32, 1<<63 - 1, 1 << 63, 1<<64 - 1}
	for _, w := range ends {
		check(t, slices.Repeat([]uint64{w}, 20))
		check(t, slices.Concat(ends, []uint64{w, w, 0}, ends, []uint64{w}, ends))
	}
}

// Stored hashes depend on this number: it never changes.
func TestGolden(t *testing.T) {
	words := []uint64{0x0123456789abcdef, 0xfedcba9876543210, 0xdeadbeefcafef00d, 1, 1 << 63}
	got := make([]uint64, 1)
	Hash(got, words)
	if want := uint64(0x28ccbab530ac44e5); got[0] != want {
		t.Errorf("hash %#x, want %#x", got[0], want)
	}
}

func FuzzHash(f *testing.F) {
	f.Add([]byte("some words of a text, eight bytes each, and more of them, so that lanes fill"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var words []uint64
		for ; len(b) >= 8; b = b[8:] {
			words = append(words, binary.LittleEndian.Uint64(b))
		}
		check(t, words)
	})
}

func BenchmarkHash(b *testing.B) {
	for _, n := range []int{6, 30, 4000} {
		words := randomWords(1, n+Width-1)
		hashes := make([]uint64, n)
		forEach(func(name string) {
			b.Run(fmt.Sprint(n, "/", name), func(b *testing.B) {
				for b.Loop() {
					Hash(hashes, words)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/window")
			})
		})
	}
}
