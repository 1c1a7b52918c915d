package longrow

import (
	"math/rand/v2"
	"testing"

	"github.com/tallystick/tallystick/kernels/pairmerge"
)

// commonToken finds what a search through all tokens does.
func TestCommonToken(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 0))
	type token struct{ place, length int }
	tokensOf := func(begins uint32) (out []token) {
		for i := range pairmerge.Long {
			if begins>>i&1 != 0 {
				out = append(out, token{i, endOf(begins, i) - i})
			}
		}
		return out
	}
	for range 200_000 {
		left, right := rng.Uint32()&rng.Uint32()|1, rng.Uint32()&rng.Uint32()|1
		if rng.IntN(2) == 0 { // alike from somewhere on
			right ^= (left>>step ^ right) &^ (1<<rng.IntN(overlap+2) - 1) & (2<<overlap - 1)
		}
		from := max(0, rng.IntN(20)-10)
		var want token
		for _, a := range tokensOf(left) {
			for _, b := range tokensOf(right) {
				if b.place >= from && a.place-step == b.place && a.length == b.length && want.length == 0 {
					want = b
				}
			}
		}
		place, length := commonToken(left>>step, right, from)
		if got := (token{place, length}); got != want {
			t.Fatalf("%032b and %032b: %v, want %v", left, right, got, want)
		}
	}
}
