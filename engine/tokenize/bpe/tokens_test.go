package bpe

import (
	"testing"

	"github.com/tallystick/tallystick/kernels/countprobe"
)

// What a tokenSet holds is one token as the list of merges counts it, and
// nearly all tokens are in it.
func TestTokenSet(t *testing.T) {
	check := func(m *model, count func(key []byte) int) {
		t.Helper()
		s, held, seen := newTokenSet(m), map[countprobe.Key]bool{}, 0
		for _, b := range s.buckets {
			for way, low := range b.low {
				if low != 0 {
					held[countprobe.Key{Low: low, High: b.high[way] &^ passed}] = true
				}
			}
		}
		for key := range held {
			seen++
			for k := range 8 {
				// Others that are nearly the same, also where Low and High differ alike.
				x := uint64(1) << ((8*k + seen) % 64)
				for _, other := range []countprobe.Key{key, {Low: key.Low ^ x, High: key.High}, {Low: key.Low, High: key.High ^ x}, {Low: key.Low ^ x, High: key.High ^ x}} {
					if other.High&passed == 0 && s.has(other) != held[other] {
						t.Fatalf("%x, beside %x: %v", other, key, s.has(other))
					}
				}
			}
			if text := textOf(key); countprobe.KeyOf(text) != key || len(text) < 2 || count(text) != 1 {
				t.Errorf("%q: %d tokens", text, count(text))
			}
		}
		if n := len(m.live.halves); n > 1000 && len(held) < n/2 {
			t.Errorf("%d of %d tokens", len(held), n)
		}
		for _, other := range []string{"\x00", "\x00\x00", "no such token"} {
			if key := countprobe.KeyOf([]byte(other)); s.has(key) && count([]byte(other)) != 1 {
				t.Errorf("%q is in the set", other)
			}
		}
	}
	for seed := range uint64(20) {
		m, ranks := toyModel(t, seed, 12)
		check(m, func(key []byte) int { return slowCount(ranks, string(key)) })
	}
	if !raceEnabled {
		m := shared(t, "llama3")
		check(m.model, m.reference.count)
	}
}

func textOf(key countprobe.Key) (text []byte) {
	for _, word := range []uint64{key.Low, key.High} {
		for ; word&0xFF != 0; word >>= 8 {
			text = append(text, ^byte(word))
		}
	}
	return text
}
