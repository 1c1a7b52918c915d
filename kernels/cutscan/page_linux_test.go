package cutscan

import (
	"testing"
	"unsafe"

	"github.com/tallystick/tallystick/kernels/internal/guardpage"
)

// Texts that end right at a page that may not be read or start right after one,
// valid or not: an access outside of the slice faults.
func TestScanAtPageEdges(t *testing.T) {
	in, out := guardpage.Page(t), guardpage.Page(t)
	page := len(in)
	for _, fill := range []string{"Wört 漢字7😀", "漢字仮名", "\xff", "\xe4", "\xf4", "\xc3", "a\xe4", "\x80", "\xe4\x80"} {
		for i := range in {
			in[i] = fill[i%len(fill)]
		}
		for n := 1; n <= 3*Block+9; n++ {
			blocks := (n + Block - 1) / Block
			for _, text := range [][]byte{in[:n:n], in[page-n:]} {
				for at := 0; at < n; at += Block {
					forEach(func(string) {
						for _, table := range tables {
							starts := out[page-(blocks-at/Block)*8:]
							table.Scan(words(starts), text, at, &all)
							table.Scan(words(starts)[:1], text, at, &all)
						}
					})
				}
			}
		}
	}
}

func TestNearAtPageEdges(t *testing.T) {
	in, out := guardpage.Page(t), guardpage.Page(t)
	page := len(in)
	for i := range in {
		in[i] = "\xe4\xb8\xad"[i%3]
	}
	edges := NewEdges([]string{"中文", "a"})
	places := []uint64{1<<63 | 1, 1<<63 | 1, 1<<63 | 1, 1}
	for n := 1; n <= 3*Block+9; n++ {
		blocks := (n + Block - 1) / Block
		for _, text := range [][]byte{in[:n:n], in[page-n:]} {
			for at := 0; at < n; at += Block {
				rest := blocks - at/Block
				forEach(func(string) {
					near := words(out[page-rest*8:])
					edges.Near(near, places[:rest], text, at)
				})
			}
		}
	}
}

// words are the words of memory that is aligned.
func words(b []byte) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(&b[0])), len(b)/8)
}
