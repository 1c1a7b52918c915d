package neardup

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func cloned(o Outline) Outline {
	o.Bits = slices.Clone(o.Bits)
	return o
}

// No pair that reaches the threshold is ever told apart, whatever repeats.
func TestOutlinesMissNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sets := families(t)
		num := rapid.Int64Range(1, 10).Draw(t, "num")
		o := NewOutliner(num, 10)
		outlines := make([]Outline, len(sets))
		for i, set := range sets {
			streamed := slices.Clone(set)
			for range rapid.IntRange(0, 3).Draw(t, "repeats") * len(set) {
				streamed = append(streamed, set[rapid.IntRange(0, len(set)-1).Draw(t, "which")])
			}
			outlines[i] = cloned(o.Outline(rapid.Permutation(streamed).Draw(t, "order")))
			if n := uint64(len(set)); outlines[i].AtLeast > n || outlines[i].AtMost < n {
				t.Fatalf("%d shingles: %+v", n, outlines[i])
			}
		}
		sampled := make([]bool, len(sets))
		var probes []Outline
		for i := range sets {
			if sampled[i] = rapid.Bool().Draw(t, "sampled"); sampled[i] {
				probes = append(probes, outlines[i])
			}
		}
		m := NewOutlines(probes, num, 10).NewMatcher()
		for i, set := range sets {
			before := slices.Clone(outlines[i].Bits)
			near := m.Near(outlines[i])
			if !slices.Equal(before, outlines[i].Bits) {
				t.Fatal("an outline was changed")
			}
			for j, other := range sets {
				if overlap, union := jaccard(set, other); sampled[j] && union > 0 && int64(overlap)*10 >= num*int64(union) && !near {
					t.Fatalf("%d and %d of %d and %d shingles have %d of %d in common, and were told apart", i, j, len(set), len(other), overlap, union)
				}
			}
		}
	})
}

// Of short texts the outline is what that of long ones would be.
func TestOutlinesOfOneWord(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	o := NewOutliner(4, 5)
	for range 2000 {
		shingles := make([]uint64, 1+rng.IntN(64))
		for i := range shingles {
			if shingles[i] = rng.Uint64(); i > 0 && rng.IntN(3) == 0 {
				shingles[i] = shingles[rng.IntN(i)]
			}
		}
		want := Outline{AtMost: uint64(len(shingles))}
		o.words(&want, shingles)
		if got := o.Outline(shingles); got.AtMost != want.AtMost || got.AtLeast != want.AtLeast || !slices.Equal(got.Bits, want.Bits) {
			t.Fatalf("%d shingles: %+v, want %+v", len(shingles), got, want)
		}
	}
}

// Bounds are sharp: of equal sets with no room for a difference, at every size, and
// of sets just at the threshold and below.
func TestOutlinesAtTheThreshold(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	o := NewOutliner(4, 5)
	for _, n := range []int{1, 8, 9, 45, 64, 65, 450, 4500} {
		set := make([]uint64, n)
		for i := range set {
			set[i] = rng.Uint64()
		}
		probe := cloned(o.Outline(set))
		for _, c := range []struct {
			num, den int64
			changed  int
			want     bool
		}{{1, 1, 0, true}, {4, 5, n / 9, true}, {4, 5, n / 2, false}} {
			if !c.want && n < 450 {
				continue // a few bits may well fall together
			}
			other := slices.Clone(set)
			for i := range c.changed {
				other[i] = rng.Uint64()
			}
			m := NewOutlines([]Outline{probe}, c.num, c.den).NewMatcher()
			if got := m.Near(o.Outline(other)); got != c.want {
				t.Errorf("%d of %d changed: near %v at %d/%d", c.changed, n, got, c.num, c.den)
			}
		}
	}
}

// Strangers are told apart, or outlines would be of no use.
func TestOutlinesTellStrangersApart(t *testing.T) {
	for _, th := range [][2]int64{{9, 10}, {4, 5}, {18, 25}, {7, 10}, {1, 2}, {9, 20}, {3, 10}} {
		rng := rand.New(rand.NewPCG(uint64(th[0]), uint64(th[1])))
		o := NewOutliner(th[0], th[1])
		random := func() Outline {
			shingles := make([]uint64, 40+rng.IntN(3000))
			for i := range shingles {
				shingles[i] = rng.Uint64()
			}
			return cloned(o.Outline(shingles))
		}
		var probes []Outline
		for range 50 {
			probes = append(probes, random())
		}
		m := NewOutlines(probes, th[0], th[1]).NewMatcher()
		for range 1000 {
			if d := random(); m.Near(d) {
				t.Errorf("at %v a stranger of %d shingles is near", th, d.AtMost)
			}
		}
	}
}

// One shingle is equal or not, whatever its bit; with a low threshold it may be one of
// two.
func TestOutlinesOfOneShingle(t *testing.T) {
	o := NewOutliner(4, 5)
	one, other := cloned(o.Outline([]uint64{7, 7})), cloned(o.Outline([]uint64{1<<32 + 7}))
	both := cloned(o.Outline([]uint64{1<<32 + 7, 7, 7}))
	m := NewOutlines([]Outline{one}, 4, 5).NewMatcher()
	if !m.Near(one) || m.Near(other) || m.Near(both) {
		t.Errorf("near: itself %v, another %v, both %v", m.Near(one), m.Near(other), m.Near(both))
	}
	if !NewOutlines([]Outline{one}, 1, 2).NewMatcher().Near(both) {
		t.Error("half of two was told apart at 0.5")
	}
}

func TestOutlinesOfNothing(t *testing.T) {
	o := NewOutliner(4, 5)
	nothing, something := o.Outline(nil), cloned(o.Outline([]uint64{7}))
	if nothing.AtMost != 0 || len(nothing.Bits) != 0 {
		t.Errorf("%+v", nothing)
	}
	if m := NewOutlines([]Outline{nothing}, 4, 5).NewMatcher(); m.Near(something) || m.Near(nothing) {
		t.Error("near an empty document")
	}
	if m := NewOutlines(nil, 4, 5).NewMatcher(); m.Near(something) {
		t.Error("near none")
	}
	large := Outline{AtMost: maxOutlined + 1, AtLeast: 1, Bits: make([]uint64, 1)}
	if m := NewOutlines([]Outline{large}, 4, 5).NewMatcher(); !m.Near(Outline{AtMost: 9, AtLeast: 1, Bits: []uint64{1 << 9}}) {
		t.Error("a document of too many shingles was told apart")
	}
}

func BenchmarkOutline(b *testing.B) {
	for _, n := range []int{10, 100, 2000, 20000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			shingles := make([]uint64, n)
			for i := range shingles {
				shingles[i] = rand.Uint64()
			}
			o := NewOutliner(4, 5)
			for b.Loop() {
				o.Outline(shingles)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/shingle")
		})
	}
}

func BenchmarkNear(b *testing.B) {
	for _, n := range []int{10, 100, 2000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			o := NewOutliner(4, 5)
			random := func() Outline {
				shingles := make([]uint64, n*3/4+rand.IntN(n/2))
				for i := range shingles {
					shingles[i] = rand.Uint64()
				}
				return cloned(o.Outline(shingles))
			}
			var probes []Outline
			for range 100 {
				probes = append(probes, random())
			}
			m := NewOutlines(probes, 4, 5).NewMatcher()
			d := random()
			for b.Loop() {
				m.Near(d)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*100), "ns/probe")
		})
	}
}

// The index of short texts answers as a walk over all probes does.
func TestWordIndexMissesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		den := rapid.Int64Range(1, 10).Draw(t, "den")
		num := rapid.Int64Range(1, den).Draw(t, "num")
		o := NewOutliner(num, den)
		// Of few different shingles, so that many outlines are close.
		texts := rapid.SliceOfN(rapid.SliceOfN(rapid.Uint64Range(0, 70), 1, 40), 1, 30).Draw(t, "texts")
		var probes []Outline
		for _, text := range texts {
			probes = append(probes, cloned(o.Outline(text)))
		}
		m := NewOutlines(probes, num, den).NewMatcher()
		plain := NewOutlines(probes, num, den)
		for _, lists := range [][]probeList{plain.own, plain.folded} {
			for i := range lists {
				lists[i].index = nil
			}
		}
		walk := plain.NewMatcher()
		for range 30 {
			// A probe with little more, or less, or both.
			text := slices.Clone(rapid.SampledFrom(texts).Draw(t, "text"))
			text = text[:rapid.IntRange(max(1, len(text)-2), len(text)).Draw(t, "length")]
			text = append(text, rapid.SliceOfN(rapid.Uint64Range(0, 70), 0, 3).Draw(t, "more")...)
			d := o.Outline(text)
			if got, want := m.Near(d), walk.Near(d); got != want {
				t.Fatalf("%d: near %v, without an index %v", text, got, want)
			}
		}
	})
}
