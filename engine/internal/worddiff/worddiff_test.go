package worddiff

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tallystick/tallystick/engine/internal/growth"
	"pgregory.net/rapid"
)

func TestDiff(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want []Part
	}{
		{"", "", nil},
		{"a b", "a b", []Part{{Same, "a b", 2}}},
		{"", "a b", []Part{{Added, "a b", 2}}},
		{"a, b", "", []Part{{Removed, "a, b", 3}}},
		{"the old man sat", "the young boy sat", []Part{{Same, "the ", 1}, {Removed, "old man", 2}, {Added, "young boy", 2}, {Same, " sat", 1}}},
		{"one two three", "one three", []Part{{Same, "one ", 1}, {Removed, "two ", 1}, {Same, "three", 1}}},
		{"one  two\n\n\nthree", "one two three", []Part{{Same, "one two\n\nthree", 3}}},
		{"我爱北京", "我爱上海", []Part{{Same, "我爱", 2}, {Removed, "北京", 2}, {Added, "上海", 2}}},
	} {
		if diff := cmp.Diff(c.want, Diff(c.a, c.b)); diff != "" {
			t.Errorf("%q, %q (-want +got):\n%s", c.a, c.b, diff)
		}
	}
}

// lcs is the length of a longest common subsequence, the obvious way.
func lcs(x, y []string) int {
	row := make([]int, len(y)+1)
	for i := range x {
		diagonal := 0
		for j := range y {
			above := row[j+1]
			switch {
			case x[i] == y[j]:
				row[j+1] = diagonal + 1
			case row[j] > above:
				row[j+1] = row[j]
			}
			diagonal = above
		}
	}
	return row[len(y)]
}

// TestCompareIsShortest: the runs spell both texts, and no more could be
// common to them.
func TestCompareIsShortest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 40)
		x, y := letters.Draw(t, "x"), letters.Draw(t, "y")
		d := differ{}
		d.number(x, y)
		d.compare(0, len(x), 0, len(y))
		var left, right []string
		same := 0
		for _, r := range d.runs {
			if r.kind != Added {
				left = append(left, r.pieces...)
			}
			if r.kind != Removed {
				right = append(right, r.pieces...)
			}
			if r.kind == Same {
				same += len(r.pieces)
			}
		}
		if strings.Join(left, "") != strings.Join(x, "") || strings.Join(right, "") != strings.Join(y, "") {
			t.Fatalf("%v → %v: runs %v", x, y, d.runs)
		}
		if want := lcs(x, y); same != want {
			t.Fatalf("%v → %v: %d in common, %d possible: %v", x, y, same, want, d.runs)
		}
		var a, b string
		for _, r := range join(d.runs) {
			if r.kind != Added {
				a += strings.Join(r.pieces, "")
			}
			if r.kind != Removed {
				b += strings.Join(r.pieces, "")
			}
		}
		if a != strings.Join(x, "") || b != strings.Join(y, "") {
			t.Fatalf("%v → %v: joined %q, %q", x, y, a, b)
		}
	})
}

// TestLongTexts: what is shown is bounded, the time grows as the texts do, and
// no word is left out uncounted.
func TestLongTexts(t *testing.T) {
	growth.Linear(t, "words", 200_000, func(words int) func() {
		a, b := longTexts(words)
		return func() { checkLong(t, Diff(a, b)) }
	})
	if parts := Diff("x", strings.Repeat("a ", 1000)+"x"+strings.Repeat(" b", 1000)); len(parts) == 0 || parts[0].Kind != Added {
		t.Errorf("%v", parts[:1])
	}
}

// longTexts differ in every seventh word.
func longTexts(words int) (string, string) {
	var a, b strings.Builder
	for i := range words {
		word := string(rune('a'+i%23)) + string(rune('a'+i/23%19))
		a.WriteString(word + " ")
		if i%7 != 0 {
			b.WriteString(word + " ")
		} else {
			b.WriteString("other" + word + " ")
		}
	}
	return a.String(), b.String()
}

func checkLong(t *testing.T, parts []Part) {
	t.Helper()
	shown := 0
	for _, p := range parts {
		shown += len(p.Text)
	}
	if len(parts) > maxParts+4 || shown > 1<<16 {
		t.Errorf("%d parts, %d bytes", len(parts), shown)
	}
}
