package pairmerge

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// parts is what a symbol is made of.
type parts struct{ Left, Right uint32 }

// vocabulary is tables with the pairs that they were made of.
type vocabulary struct {
	tables *Tables
	checks []Check
	made   map[parts]uint32 // what the tables hold
	lies   bool             // they hold what is in no checks as well
}

// newVocabulary makes up to n symbols of the bytes below letters and of each
// other; if inOrder, of smaller ones only.
func newVocabulary(random *rand.Rand, n, letters int, inOrder, lies bool) *vocabulary {
	const idBits = 12
	v := &vocabulary{made: map[parts]uint32{}, lies: lies}
	symbol := func(below int) uint32 {
		if i := random.IntN(below + letters); i >= below {
			return uint32(i - below)
		} else {
			return FirstMade + uint32(i)
		}
	}
	buckets := make([]uint64, 1<<(6+random.IntN(6)))
	shift := NewTables(buckets, idBits, make([]Check, 1), new([1 << 16]uint32)).shift
	put := func(h parts, id uint32) bool {
		one, two, print := Hash(h.Left, h.Right)
		entry := print<<idBits | 1<<idBits | id
		for _, at := range []uint32{one >> shift, two >> shift} {
			for _, half := range []int{0, 32} {
				if uint32(buckets[at]>>half) == 0 {
					buckets[at] |= uint64(entry) << half
					return true
				}
			}
		}
		return false
	}
	bytes := new([1 << 16]uint32)
	for i := range bytes {
		bytes[i] = 1 << idBits
	}
	for i := range n {
		below := i
		if !inOrder {
			below = n
		}
		h := parts{symbol(below), symbol(below)}
		v.checks = append(v.checks, CheckOf(h.Left, h.Right))
		if _, ok := v.made[h]; ok || !put(h, FirstMade+uint32(i)) {
			continue
		}
		v.made[h] = FirstMade + uint32(i)
		if h.Left < FirstMade && h.Right < FirstMade {
			bytes[h.Left|h.Right<<8] = FirstMade + uint32(i)
		}
		if lies && random.IntN(8) == 0 {
			put(parts{symbol(n), symbol(n)}, FirstMade+uint32(random.IntN(n)))
		}
	}
	v.tables = NewTables(buckets, idBits, v.checks, bytes)
	return v
}

// merge is the definition. inOrder is false if some merge made a smaller symbol
// than one that it was made of.
func (v *vocabulary) merge(text []uint32) (n int, inOrder bool) {
	inOrder = true
	for text = slices.Clone(text); ; {
		best, at := ^uint32(0), 0
		for i := range len(text) - 1 {
			if id, ok := v.made[parts{text[i], text[i+1]}]; ok && id < best {
				best, at = id, i
			}
		}
		if best == ^uint32(0) {
			return len(text), inOrder
		}
		inOrder = inOrder && best >= max(text[at], text[at+1])
		text = slices.Replace(text, at, at+2, best)
	}
}

// check compares the groups that merge texts, each a lane, with the definition
// and with the Go reference. It returns how many texts were not ok.
func (v *vocabulary) check(t *testing.T, texts [][]uint32, longest int, bytes bool) (wrong int) {
	t.Helper()
	do := func() []Group {
		groups := make([]Group, (len(texts)+Lanes-1)/Lanes)
		for i := range groups {
			var text [Lanes][Long]byte
			var size [Lanes]uint32
			for lane, symbols := range texts[i*Lanes : min((i+1)*Lanes, len(texts))] {
				size[lane] = uint32(len(symbols))
				for k, id := range symbols {
					text[lane][k] = byte(id)
					groups[i].Symbols[k][lane] = id
				}
			}
			if bytes {
				groups[i].Symbols = [Long][Lanes]uint32{}
				groups[i].StartBytes(v.tables, &text, &size, longest)
			} else {
				groups[i].StartSymbols(v.tables, &size, longest)
			}
		}
		Run(groups, v.tables, longest)
		return groups
	}
	got := do()
	restore := ForceAVX2()
	others := do()
	restore()
	restore = ForceGeneric()
	want := do()
	restore()
	for i, text := range texts {
		n, ok := got[i/Lanes].Count(i % Lanes)
		wantN, wantOK := want[i/Lanes].Count(i % Lanes)
		if n != wantN || ok != wantOK {
			t.Fatalf("%v: %d %t, the reference %d %t", text, n, ok, wantN, wantOK)
		}
		if n, ok := others[i/Lanes].Count(i % Lanes); n != wantN || ok != wantOK {
			t.Fatalf("%v: %d %t with AVX2, the reference %d %t", text, n, ok, wantN, wantOK)
		}
		defined, inOrder := v.merge(text)
		if ok && n != defined {
			t.Fatalf("%v: %d, want %d", text, n, defined)
		}
		if ok && !bytes && !inOrder {
			t.Fatalf("%v: ok, but out of order", text)
		}
		if !ok {
			wrong++
		}
	}
	return wrong
}

func TestMerge(t *testing.T) {
	for _, letters := range []int{1, 2, 4, 26, 256} {
		for _, kind := range []struct{ inOrder, lies bool }{{true, false}, {false, false}, {true, true}, {false, true}} {
			for _, bytes := range []bool{true, false} {
				t.Run(fmt.Sprintf("%d,inOrder=%t,lies=%t,bytes=%t", letters, kind.inOrder, kind.lies, bytes), func(t *testing.T) {
					random := rand.New(rand.NewPCG(uint64(letters), 1))
					texts, wrong := 0, 0
					for range 60 {
						v := newVocabulary(random, 1+random.IntN(3000), letters, kind.inOrder, kind.lies)
						for _, longest := range []int{Short, Long} {
							list := make([][]uint32, random.IntN(70))
							for i := range list {
								list[i] = make([]uint32, random.IntN(longest+1))
								for k := range list[i] {
									list[i][k] = uint32(random.IntN(letters))
									if !bytes && random.IntN(4) == 0 {
										list[i][k] = FirstMade + uint32(random.IntN(len(v.checks)))
									}
								}
							}
							texts += len(list)
							wrong += v.check(t, list, longest, bytes)
						}
					}
					if kind.inOrder && !kind.lies && wrong > texts/20 {
						t.Errorf("%d of %d texts were not ok", wrong, texts)
					}
				})
			}
		}
	}
}

// TestSizes has every size beside every other.
func TestSizes(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	v := newVocabulary(random, 500, 3, true, false)
	for _, longest := range []int{Short, Long} {
		for n := range longest + 1 {
			for m := range longest + 1 {
				list := make([][]uint32, Lanes)
				for i := range list {
					size := n
					if i%5 == 3 {
						size = m
					}
					for range size {
						list[i] = append(list[i], uint32(random.IntN(3)))
					}
				}
				v.check(t, list, longest, true)
				v.check(t, list, longest, false)
			}
		}
	}
}

func FuzzMerge(f *testing.F) {
	f.Add(uint64(1), 100, "the quick brown fox")
	f.Add(uint64(7), 3000, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	f.Fuzz(func(t *testing.T, seed uint64, n int, text string) {
		random := rand.New(rand.NewPCG(seed, seed))
		v := newVocabulary(random, 1+min(max(n, 0), 3000), 256, seed%2 == 0, seed%3 == 0)
		var list [][]uint32
		for begin := 0; begin < len(text); {
			size := min(1+random.IntN(Long), len(text)-begin)
			var symbols []uint32
			for _, b := range []byte(text[begin : begin+size]) {
				symbols = append(symbols, uint32(b))
			}
			list = append(list, symbols)
			begin += size
		}
		v.check(t, list, Long, true)
		v.check(t, list, Long, false)
	})
}

// BenchmarkRun is the time of four groups of words of eight letters.
func BenchmarkRun(b *testing.B) {
	random := rand.New(rand.NewPCG(3, 3))
	v := newVocabulary(random, 3000, 26, true, false)
	groups := make([]Group, 4)
	var text [Lanes][Long]byte
	var size [Lanes]uint32
	for lane := range text {
		size[lane] = 8
		for i := range text[lane] {
			text[lane][i] = byte(random.IntN(26))
		}
	}
	for b.Loop() {
		for i := range groups {
			groups[i].StartBytes(v.tables, &text, &size, Short)
		}
		Run(groups, v.tables, Short)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(groups)*Lanes), "ns/text")
}

// Two symbols are known by their check and their fingerprint.
func TestCheckAndPrintAreExact(t *testing.T) {
	random := rand.New(rand.NewPCG(6, 6))
	for idBits := 9; idBits <= MaxBits; idBits++ {
		fingerprint := func(left, right uint32) uint32 {
			_, _, print := Hash(left, right)
			return (print<<idBits | 1<<idBits) >> idBits
		}
		for range 300 {
			left, right := random.Uint32N(1<<idBits), random.Uint32N(1<<idBits)
			for high := uint32(0); high<<printShift<<1 < 1<<idBits; high++ {
				other := right&(1<<(printShift+1)-1) | high<<printShift<<1
				if CheckOf(left, other) != CheckOf(left, right) {
					t.Fatalf("%d bits, %d and %d: another check than %d", idBits, left, other, right)
				}
				if same := fingerprint(left, other) == fingerprint(left, right); same != (other == right) {
					t.Fatalf("%d bits, %d: %d and %d have the same fingerprint", idBits, left, right, other)
				}
			}
			// Any other pair has another check.
			a, b := random.Uint32N(1<<idBits), random.Uint32N(1<<idBits)
			if CheckOf(a, b) == CheckOf(left, right) && (a != left || (a^left|b^right)&(1<<(printShift+1)-1) != 0) {
				t.Fatalf("%d %d and %d %d have the same check", a, b, left, right)
			}
		}
	}
}
