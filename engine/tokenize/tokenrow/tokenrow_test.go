package tokenrow

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tallystick/tallystick/engine/tokenize/internal/pairtree"
)

// merged is byte-pair encoding as it is defined: it returns the symbols of a text.
func merged(made map[[2]uint32]uint32, text []byte) []uint32 {
	var row []uint32
	for _, b := range text {
		row = append(row, uint32(b))
	}
	for {
		best, at := uint32(none), -1
		for i := 1; i < len(row); i++ {
			if id, ok := made[[2]uint32{row[i-1], row[i]}]; ok && id < best {
				best, at = id, i-1
			}
		}
		if at < 0 {
			return row
		}
		row[at] = best
		row = slices.Delete(row, at+1, at+2)
	}
}

// Of any vocabulary whose tokens are all reached, Find finds the row that
// merging makes.
func TestFind(t *testing.T) {
	seeds := uint64(400)
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 0))
		alphabet := "abcdef"[:1+rng.IntN(6)]
		made := map[[2]uint32]uint32{}
		var halves []Halves
		texts := []string{}
		symbols := []uint32{}
		for _, c := range alphabet {
			texts, symbols = append(texts, string(c)), append(symbols, uint32(c))
		}
		for range rng.IntN(80) {
			l, r := rng.IntN(len(texts)), rng.IntN(len(texts))
			text := texts[l] + texts[r]
			pair := [2]uint32{symbols[l], symbols[r]}
			if _, ok := made[pair]; ok || slices.Contains(texts, text) || len(text) > 40 {
				continue
			}
			id := uint32(First + len(halves))
			made[pair] = id
			if row := merged(made, []byte(text)); len(row) != 1 {
				delete(made, pair) // it is never made
				continue
			}
			halves = append(halves, Halves{pair[0], pair[1]})
			texts, symbols = append(texts, text), append(symbols, id)
		}
		if seed%2 != 0 {
			made, halves, texts, symbols = shuffled(rng, halves, texts, symbols, len(alphabet))
		}
		v := New(halves)
		if v == nil {
			t.Fatalf("seed %d: no vocabulary", seed)
		}
		f := NewFinder(v)
		f.patience = math.MaxInt32
		var tree pairtree.Tree
		for range 30 {
			var text []byte
			for n := 1 + rng.IntN(150); len(text) < n; {
				text = append(text, texts[rng.IntN(len(texts))]...)
			}
			if !f.Find(&tree, text) {
				t.Fatalf("seed %d: %q: no row", seed, text)
			}
			var got []int
			for at := tree.Next(0); at < len(text); at = tree.Next(at + 1) {
				if tree.Count(at) != len(got) {
					t.Fatalf("%d tokens before %d, want %d", tree.Count(at), at, len(got))
				}
				got = append(got, at)
			}
			var want []int
			at := 0
			for _, id := range merged(made, text) {
				want = append(want, at)
				at++
				if id >= First {
					at += len(texts[slices.Index(symbols, id)]) - 1
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d: %q: tokens at %d, want %d", seed, text, got, want)
			}
		}
	}
}

// shuffled numbers the symbols anew, in any order, and leaves out what merging no
// longer reaches by its last pair.
func shuffled(rng *rand.Rand, halves []Halves, texts []string, symbols []uint32, letters int) (map[[2]uint32]uint32, []Halves, []string, []uint32) {
	reached := make([]bool, len(halves))
	for i := range reached {
		reached[i] = true
	}
	order := rng.Perm(len(halves))
	for {
		number := map[uint32]uint32{} // new by old
		n := uint32(0)
		for _, i := range order {
			if h := halves[i]; reached[i] && (h.Left < First || reached[h.Left-First]) && (h.Right < First || reached[h.Right-First]) {
				number[First+uint32(i)] = First + n
				n++
			} else {
				reached[i] = false
			}
		}
		renumbered := func(id uint32) uint32 {
			if id < First {
				return id
			}
			return number[id]
		}
		made := map[[2]uint32]uint32{}
		list := make([]Halves, n)
		newTexts, newSymbols := slices.Clone(texts[:letters]), slices.Clone(symbols[:letters])
		complete := true
		for i, h := range halves {
			if !reached[i] {
				continue
			}
			if h.Left >= First && !reached[h.Left-First] || h.Right >= First && !reached[h.Right-First] {
				complete = false
				continue
			}
			id := renumbered(First + uint32(i))
			list[id-First] = Halves{renumbered(h.Left), renumbered(h.Right)}
			made[[2]uint32{renumbered(h.Left), renumbered(h.Right)}] = id
			newTexts, newSymbols = append(newTexts, texts[letters+i]), append(newSymbols, id)
		}
		for i := range halves {
			if reached[i] && complete {
				if row := merged(made, []byte(texts[letters+i])); len(row) != 1 {
					reached[i], complete = false, false
				}
			}
		}
		if complete {
			return made, list, newTexts, newSymbols
		}
	}
}

// Rows are the same while pairs of few symbols are remembered, when there are too
// many of them, and when they are few again; and where prefixes are many.
func TestFrequent(t *testing.T) {
	made, halves := map[[2]uint32]uint32{}, []Halves{}
	add := func(left, right uint32) {
		made[[2]uint32{left, right}] = uint32(First + len(halves))
		halves = append(halves, Halves{left, right})
	}
	for left := range uint32(64) {
		for right := range uint32(32) {
			add(left, 64+right)
		}
	}
	add('y', 'z')
	for len(halves) < 64*32+300 {
		add(uint32(First+len(halves)-1), 'z')
	}
	f := NewFinder(New(halves))
	last := uint32(First + len(halves) - 1)
	for hops, want := range map[uint32]uint8{0: 1, 1: 2, 253: 254, 254: 0, 290: 0} {
		if got := f.hops(last, last-hops); got != want {
			t.Errorf("%d for %d hops, want %d", got, hops, want)
		}
	}
	if f.hops(last, none) != noHops {
		t.Error("none is not known as none")
	}
	rng := rand.New(rand.NewPCG(1, 0))
	var tree pairtree.Tree
	check := func(left, right int) {
		t.Helper()
		var text []byte
		for len(text) < 1000 {
			text = append(text, byte(rng.IntN(left)), 64+byte(rng.IntN(right)))
			if n := rng.IntN(40); n < 8 {
				text = append(text, append([]byte("y"), bytes.Repeat([]byte("z"), 1<<n+rng.IntN(4))...)...)
			}
		}
		if !f.Find(&tree, text) || tree.Count(len(text)) != len(merged(made, text)) {
			t.Fatalf("%q: %d tokens, want %d", text, tree.Count(len(text)), len(merged(made, text)))
		}
	}
	for range 20 {
		check(3, 3)
	}
	for n := 0; f.frequent.off == 0; n++ {
		if check(64, 32); n == 1000 {
			t.Fatal("symbols are never too many")
		}
	}
	check(64, 32)
	f.frequent.off = 100
	for range 20 {
		check(3, 3)
	}
	if f.frequent.off > 0 || f.frequent.given == 0 {
		t.Error("it is not tried again")
	}
}

// Nothing is known of two bytes of 0 before they have been looked at.
func TestFindZeros(t *testing.T) {
	f := NewFinder(New([]Halves{{0, 0}}))
	var tree pairtree.Tree
	if text := make([]byte, 5); !f.Find(&tree, text) || tree.Count(len(text)) != 3 {
		t.Errorf("%d tokens, want 3", tree.Count(5))
	}
}

// What is made of itself, is too long or too much, or spells the same twice is
// refused.
func TestNewRefuses(t *testing.T) {
	doubling := []Halves{{'a', 'a'}}
	for id := uint32(First); len(doubling) < 13; id++ {
		doubling = append(doubling, Halves{id, id})
	}
	growing := []Halves{{'a', 'b'}} // none is too long
	for id := uint32(First); len(growing) < longest-2; id++ {
		growing = append(growing, Halves{id, 'a' + id%3})
	}
	for what, halves := range map[string][]Halves{
		"circular": {{First + 1, 'a'}, {First, 'b'}},
		"too long": doubling,
		"too much": growing,
		"twice":    {{'a', 'b'}, {'b', 'c'}, {First, 'c'}, {'a', First + 1}},
	} {
		if New(halves) != nil {
			t.Errorf("%s: not refused", what)
		}
	}
}

// Where tokens are out of order and long a Finder gives up soon, and does not go
// on with texts before it has been paid for.
func TestFindGivesUp(t *testing.T) {
	var halves []Halves
	for _, c := range "abcdefgh" { // chains of tokens, each made of one after it
		for i := range 30 {
			left := uint32(First + len(halves) + 1)
			if i == 29 {
				left = uint32(c)
			}
			halves = append(halves, Halves{left, uint32('i' + (i*i+int(c))%17)})
		}
	}
	v := New(halves)
	f := NewFinder(v)
	rng := rand.New(rand.NewPCG(1, 2))
	var tree pairtree.Tree
	found := 0
	for range 200 {
		var text []byte
		for len(text) < 512 {
			for _, b := range v.appendBytes(nil, uint32(First+rng.IntN(len(halves)))) {
				text = append(text, byte(b))
			}
		}
		if f.Find(&tree, text) {
			found++
		}
		if f.patience < -4*31*31 {
			t.Fatalf("it went on at %d", f.patience)
		}
	}
	if found == 200 {
		t.Error("it never gave up")
	}
}

// A Finder does not hold on to the room that a long text took.
func TestFindKeepsLittle(t *testing.T) {
	f := NewFinder(New([]Halves{{'a', 'b'}}))
	var tree pairtree.Tree
	if !f.Find(&tree, make([]byte, kept+1)) || cap(f.row) > kept || cap(f.failed) > kept/64 {
		t.Errorf("room for %d tokens is kept", cap(f.row))
	}
}
