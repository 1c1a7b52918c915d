package shingle

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// TestWidths: at every width the hashed sets overlap as the sets of strings do.
func TestWidths(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	text := func(words int) string {
		var b strings.Builder
		for range words {
			fmt.Fprintf(&b, "w%d ", rng.IntN(6)) // few, so that windows repeat and turn up in other orders
		}
		return b.String()
	}
	for width := 1; width <= maxWidth; width++ {
		a, b := newHasherOf(9, width).NewScanner(), newHasherOf(9, width).NewScanner()
		for _, words := range []int{0, 1, 2, width - 1, width, width + 1, 3 * width, 200} {
			x := text(max(words, 0))
			y := x + text(7)
			if rng.IntN(2) == 0 {
				y = text(words) + x
			}
			mine, theirs := ReferenceOf([]byte(x), width), ReferenceOf([]byte(y), width)
			both := 0
			for s := range mine {
				if _, ok := theirs[s]; ok {
					both++
				}
			}
			p, q := a.Set([]byte(x)), b.Set([]byte(y))
			if len(p) != len(mine) || len(q) != len(theirs) || Overlap(p, q) != both || !slices.IsSorted(p) {
				t.Fatalf("width %d: %d and %d shingles, %d in both; strings say %d, %d, %d:\n%s\n%s",
					width, len(p), len(q), Overlap(p, q), len(mine), len(theirs), both, x, y)
			}
		}
	}
}

// TestWidthsAreRules: the hash of each width is fixed, and five words are those
// of w5-v1.
func TestWidthsAreRules(t *testing.T) {
	text := []byte("one two three four five six")
	for width, want := range map[int]uint64{
		1: 0x802b9d5ee4c1ec03, 3: 0x46669e07897cb604, 8: 0x61553e68f2f800b2,
	} {
		if got := newHasherOf(1, width).NewScanner().Shingles(text)[0]; got != want {
			t.Errorf("width %d: %#x, want %#x", width, got, want)
		}
	}
	if five, plain := newHasherOf(1, 5).NewScanner().Set(text), NewHasher(1).NewScanner().Set(text); !slices.Equal(five, plain) {
		t.Error("five words are not those of w5-v1")
	}
	for rule, words := range map[string]int{"w1-v1": 1, "w5-v1": 5, "w32-v1": 32, "w0-v1": 0, "w33-v1": 0, "w5-v2": 0, "w05-v1": 0, "": 0} {
		h, err := HasherFor(rule, 1)
		if words == 0 != errors.Is(err, doc.ErrUnsupported) || err == nil && h.width != words {
			t.Errorf("%q: %v", rule, err)
		}
	}
	if plan.ShingleRule(Width) != plan.RuleShingle {
		t.Error("the default rule has another width")
	}
}
