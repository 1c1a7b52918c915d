package cutscan

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

var edgeLetters = []string{"中", "文", "字", "高", "の", "ー", "é", "a", "b", " ", "😀"}

func randomWord(random *rand.Rand, n int) string {
	var s strings.Builder
	for range n {
		s.WriteString(edgeLetters[random.IntN(len(edgeLetters))])
	}
	return s.String()
}

// Near tells of every place where a string begins or ends, of few others, and the
// same whatever the implementation, and however the text is divided into calls.
func TestNear(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	spared := 0
	for range 300 {
		var list []string
		for range 1 + random.IntN(4) {
			list = append(list, randomWord(random, 1+random.IntN(4)))
		}
		edges := NewEdges(list)
		text := randomWord(random, random.IntN(200))
		places := make([]uint64, (len(text)+Block-1)/Block)
		for i, c := range text {
			if utf8.RuneLen(c) == 3 {
				places[i/Block] |= 1 << (i % Block)
			}
		}
		want := make([]uint64, len(places))
		edges.nearGeneric(want, places, []byte(text), 0)
		for i, c := range text {
			edge := false
			for _, s := range list {
				edge = edge || strings.HasPrefix(text[i:], s) || strings.HasSuffix(text[:i], s)
			}
			if told := want[i/Block]>>(i%Block)&1 != 0; utf8.RuneLen(c) == 3 && edge && !told {
				t.Fatalf("%q: nothing told of %d in %q", list, i, text)
			} else if utf8.RuneLen(c) == 3 && !told {
				spared++
			}
		}
		forEach(func(name string) {
			for _, size := range []int{1, 2, 100} {
				got := make([]uint64, len(places))
				for i := range got {
					got[i] = 0xAAAA // is written over
				}
				for from := 0; from < len(got); from += size {
					end := min(from+size, len(got))
					edges.Near(got[from:end], places[from:end], []byte(text), from*Block)
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%s: %q in %q, %d blocks a call: %x, want %x", name, list, text, size, got, want)
				}
			}
		})
	}
	if spared < 1000 {
		t.Error("only", spared, "places are spared")
	}
}

func BenchmarkNear(b *testing.B) {
	text := []byte(strings.Repeat("中文字幕データベースのーション", 100))
	places, near := make([]uint64, len(text)/Block), make([]uint64, len(text)/Block)
	for i := range places {
		places[i] = 0x9249249249249249
	}
	edges := NewEdges([]string{"しない", "ーカー", "ーション", "中文字幕"})
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		edges.Near(near, places, text, 0)
	}
}
