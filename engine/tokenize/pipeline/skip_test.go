package pipeline

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// slowSkip is skipList, byte by byte.
func slowSkip(data []byte, i int) int {
	for depth := 0; ; i++ {
		switch data[i] {
		case '"':
			i = SkipString(data, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
}

// drawJSON appends a value, often with what is special in strings.
func drawJSON(rng *rand.Rand, out []byte, depth int) []byte {
	text := func() {
		out = append(out, '"')
		for range rng.IntN(20) {
			out = append(out, []string{`\\`, `\"`, "a", "{", "}", "[", "]", "é", `\n`, "\x7f", ":", ",", " ", "漢"}[rng.IntN(14)]...)
		}
		out = append(out, '"')
	}
	kind := rng.IntN(4)
	switch {
	case depth == 0 || kind == 0 && depth < 4:
		text()
	case kind == 1:
		out = append(out, " {"...)
		for k := range rng.IntN(8) {
			if k > 0 {
				out = append(out, ',')
			}
			text()
			out = append(out, ':')
			out = drawJSON(rng, out, depth-1)
		}
		out = append(out, '}')
	default:
		out = append(out, "[\n"...)
		for k := range rng.IntN(8) {
			if k > 0 {
				out = append(out, ',')
			}
			out = drawJSON(rng, out, depth-1)
		}
		out = append(out, ']')
	}
	return out
}

func TestSkipLists(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	lists := 0
	for range 300 {
		data := []byte(strings.Repeat(" ", rng.IntN(70)))
		data = append(drawJSON(rng, data, 5), strings.Repeat("]", rng.IntN(70))...)
		for i, c := range data {
			if c != '{' && c != '[' {
				continue
			}
			// That of a string need not begin a list.
			if end, ok := tryEnd(data, i); ok {
				lists++
				if got, long := skipList(data, i), skipLong(data, i); got != end || long != end {
					t.Fatalf("%q: %d ends at %d and %d, want %d", data, i, got, long, end)
				}
			}
		}
	}
	if lists < 1000 {
		t.Errorf("%d lists", lists)
	}
}

// tryEnd is slowSkip, if what begins at i is valid JSON.
func tryEnd(data []byte, i int) (end int, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	end = slowSkip(data, i)
	return end, validJSON(data[i:end])
}

func BenchmarkSkip(b *testing.B) {
	data := []byte("[" + strings.Repeat(`["hello","wor"],`, 1<<16) + "1]")
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		skipValue(data, 0)
	}
}
