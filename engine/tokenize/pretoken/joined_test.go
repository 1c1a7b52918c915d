package pretoken

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// join puts texts together as StartJoined takes them and returns where they are.
func join(texts []string) (joined []byte, starts []int) {
	for _, text := range texts {
		starts = append(starts, len(joined))
		joined = append(joined, text...)
		joined = append(joined, strings.Repeat(" ", Block-len(joined)%Block)...)
	}
	return append(joined, strings.Repeat(" ", Block)...), starts
}

// checkJoined compares texts scanned together with each by itself.
func checkJoined(t *testing.T, name string, r *Rules, texts []string) {
	t.Helper()
	var alone, together Scanner
	joined, starts := join(texts)
	together.StartJoined(r, joined)
	for k, text := range texts {
		var dst [window]uint64
		for i := range dst {
			dst[i] = 0x5555 // which is to be overwritten
		}
		blocks := together.BitsOf(dst[:], starts[k], starts[k]+len(text))
		if want := (len(text) + Block - 1) / Block; blocks != want {
			t.Fatalf("%s: %d blocks of %d bytes", name, blocks, len(text))
		}
		var got []int
		for i, word := range dst[:blocks] {
			for ; word != 0; word &= word - 1 {
				got = append(got, i*Block+bits.TrailingZeros64(word))
			}
		}
		if want := scan(&alone, r, []byte(text), 1); !slices.Equal(got, want) {
			t.Fatalf("%s: text %d of %q: %v, want %v", name, k, texts, got, want)
		}
	}
}

// Texts that end and begin with all that a pretoken might cross their border for.
func TestJoinedTextsAreApart(t *testing.T) {
	eachKernel(func() {
		for name, r := range all(t) {
			rng := rand.New(rand.NewPCG(5, 5))
			for round := range 60 {
				if raceEnabled && round > 3 {
					break
				}
				var texts []string
				for blocks := 0; ; {
					var b strings.Builder
					size := 1 + rng.IntN(3*Block)
					if rng.IntN(4) == 0 {
						size = max(1, size/Block*Block) // up to the end of a block
					}
					for b.Len() < size {
						c := edges[rng.IntN(len(edges))]
						if rng.IntN(3) == 0 {
							c = ' '
						}
						if n := len(string(c)); b.Len()+n <= size {
							b.WriteString(strings.Repeat(string(c), 1+rng.IntN((size-b.Len())/n)%5))
						} else {
							b.WriteByte("a \n'"[rng.IntN(4)])
						}
					}
					if blocks += b.Len()/Block + 1; blocks > window {
						break
					}
					texts = append(texts, b.String())
				}
				checkJoined(t, name, r, texts)
			}
		}
	})
}
