package countcache

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// Texts counted together have the counts that they have alone, in caches of any
// size.
func TestCountTextsIsCountOfEach(t *testing.T) {
	for _, c := range []struct {
		o       Options
		letters string
	}{
		{Options{}, " aab"},
		{Options{}, " abcdefgh"}, // so many words that the tables grow
		{Options{BytesAreTokens: true}, " aab"},
		{Options{MaxBytes: 1 << 10}, " aab"},
		{Options{MaxBytes: 200, BytesAreTokens: true}, " aab"},
	} {
		o := c.o
		rng := rand.New(rand.NewPCG(3, 3))
		together, alone := New(o), New(o)
		var texts Texts
		for range 1000 {
			texts.Clear()
			var want []int
			for size := 0; ; {
				text := bytes.Repeat([]byte("a"), 1+rng.IntN(200)*rng.IntN(10)/9)
				for i := range text {
					text[i] = c.letters[rng.IntN(len(c.letters))]
				}
				if rng.IntN(8) == 0 { // a key that is in no table
					text = append(text, bytes.Repeat([]byte("x"), rng.IntN(400))...)
				}
				if size += len(text); size > MaxTexts {
					break
				}
				starts := afterSpaces(text)
				texts.Add(text, starts)
				want = append(want, alone.Count(text, &words{bits: starts}, &toy{}))
			}
			counts := make([]int, len(want))
			together.CountTexts(&texts, &toy{}, counts)
			for i := range want {
				if counts[i] != want[i] {
					t.Fatalf("%+v: text %d of %d: %d tokens, want %d", o, i, len(want), counts[i], want[i])
				}
			}
		}
		if grown := len(together.short.buckets) > len(New(o).short.buckets); len(c.letters) > 4 && !grown {
			t.Errorf("%+v, letters %q: not grown", o, c.letters)
		}
	}
}

// The room is full to the last byte, and empty.
func TestTextsFillTheirRoom(t *testing.T) {
	c := New(Options{})
	var texts Texts
	texts.Clear()
	c.CountTexts(&texts, &toy{}, nil)
	for _, size := range []int{1, 2, 63, 64, 65, 512} {
		var want []int
		texts.Clear()
		for n := 0; n+size <= MaxTexts; n += size {
			text := bytes.Repeat([]byte{byte('a' + n%7)}, size)
			texts.Add(text, make([]uint64, (size+63)/64))
			want = append(want, toyCount(text))
		}
		counts := make([]int, len(want))
		c.CountTexts(&texts, &toy{}, counts)
		for i := range want {
			if counts[i] != want[i] {
				t.Fatalf("%d bytes, text %d: %d, want %d", size, i, counts[i], want[i])
			}
		}
	}
}
