package ucd

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// slowNFC is NFC as UAX #15 has it: all is decomposed, then ordered, then
// composed.
func slowNFC(text string) string {
	z := new(Normalizer)
	var run []normalRune
	var buf [4]rune
	for _, r := range text {
		for _, c := range z.decompose(&buf, r) {
			run = append(run, normalRune{c, classOf(c)})
		}
	}
	for i := 0; i < len(run); i++ {
		j := i
		for j < len(run) && run[j].ccc != 0 {
			j++
		}
		slices.SortStableFunc(run[i:j], func(a, b normalRune) int { return int(a.ccc) - int(b.ccc) })
		i = j
	}
	var out []normalRune
	starter := -1
	for _, c := range run {
		if starter >= 0 && (len(out) == starter+1 || out[len(out)-1].ccc < c.ccc) {
			if to, ok := z.composite(out[starter].r, c.r); ok {
				out[starter].r = to
				continue
			}
		}
		if c.ccc == 0 {
			starter = len(out)
		}
		out = append(out, c)
	}
	var b strings.Builder
	for _, c := range out {
		b.WriteRune(c.r)
	}
	return b.String()
}

// Random texts of letters, marks and Hangul, with marks in a row up to and
// beyond the number that is sorted by insertion.
func TestNFCReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var marks []rune
	for r := range rune(utf8.MaxRune + 1) {
		if !utf8.ValidRune(r) {
			continue
		}
		to := new(Normalizer).decompose(new([4]rune), r)
		if classOf(to[0]) == 0 {
			continue
		}
		marks = append(marks, r)
		if slices.ContainsFunc(to, func(c rune) bool { return classOf(c) == 0 }) {
			t.Errorf("U+%04X begins with a mark and has a starter", r)
		}
	}
	few := []rune("\u0301\u0302\u0323\u0344\u0f73\u0308\u0327\u0345")
	starters := []rune("aeuA\u1ea5\u1e69\u09c7\u09be\u1100\u1161\u11a8\uac00\u03b1\u212b\U0001d15e\u0958 漢")
	for range 20_000 {
		var text []byte
		for len(text) < 1+rng.IntN(200) {
			text = utf8.AppendRune(text, starters[rng.IntN(len(starters))])
			n, from := rng.IntN(4), few
			if rng.IntN(8) == 0 {
				n = mostMarks - 3 + rng.IntN(6)
			}
			if rng.IntN(4) == 0 {
				from = marks
			}
			for range n {
				text = utf8.AppendRune(text, from[rng.IntN(len(from))])
			}
		}
		if rng.IntN(4) == 0 { // without a starter in front
			_, n := utf8.DecodeRune(text)
			text = text[n:]
		}
		var z Normalizer
		if got, want := string(z.AppendNFC([]byte("x"), text)), "x"+slowNFC(string(text)); got != want {
			t.Fatalf("%+q: %+q, want %+q", text, got, want)
		}
	}
}

// Marks in a row take no memory of their own.
func TestMarksInPlace(t *testing.T) {
	for _, marks := range []string{"\u0301", "\u0301\u0323", "\u0345\u0344\u0327"} {
		text := append([]byte("a"), bytes.Repeat([]byte(marks), 100_000)...)
		var z Normalizer
		dst := make([]byte, 0, 2*len(text))
		allocs := testing.AllocsPerRun(2, func() { dst = z.AppendNFC(dst[:0], text) })
		if allocs > 0 {
			t.Errorf("%+q: %v allocations", marks, allocs)
		}
		if got, want := string(dst), slowNFC(string(text)); got != want {
			t.Errorf("%+q: differs", marks)
		}
		if cap(z.marks) > 4*mostMarks {
			t.Errorf("%+q: room for %d marks", marks, cap(z.marks))
		}
	}
}
