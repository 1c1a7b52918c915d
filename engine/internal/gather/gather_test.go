package gather

import (
	"bytes"
	"strings"
	"testing"
)

// lengths counts bytes, times itself.
type lengths int

func (l lengths) CountTogether(texts [][]byte, counts []int) bool {
	for i, text := range texts {
		counts[i] = int(l) * len(text)
	}
	return l > 0
}

func TestTextsAreCountedInOrder(t *testing.T) {
	texts := New([]lengths{1, 3})
	for round := range 3 {
		var want []int
		for n := 0; !texts.Full(); n++ {
			text := []byte(strings.Repeat("x", n*(round+1)%(maxText+1)))
			if !texts.Takes(text) {
				t.Fatalf("%d bytes are not taken", len(text))
			}
			texts.Add(text)
			copy(text, bytes.Repeat([]byte("?"), len(text))) // it is the caller's
			want = append(want, len(text))
		}
		counts := texts.Count()
		for i, n := range want {
			if counts[0][i] != n || counts[1][i] != 3*n {
				t.Fatalf("text %d of %d: %d and %d, want %d", i, len(want), counts[0][i], counts[1][i], n)
			}
		}
	}
	if texts.Takes(make([]byte, maxText+1)) {
		t.Error("a long text is taken")
	}
}

func TestOneByOneWhereACounterWantsThat(t *testing.T) {
	for _, texts := range []*Texts{New([]lengths{1, 0}), New([]string{"no counter"})} {
		if texts != nil || texts.Takes(nil) || texts.Full() || texts.Count() != nil {
			t.Errorf("%v", texts)
		}
	}
}
