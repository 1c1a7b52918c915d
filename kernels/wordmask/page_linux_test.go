package wordmask

import (
	"testing"
	"unsafe"

	"github.com/tallystick/tallystick/kernels/internal/guardpage"
)

// Texts that end right at a page that may not be read or start right after one,
// and results that end right at one: an access outside of a slice faults.
func TestAtPageEdges(t *testing.T) {
	in, out := guardpage.Page(t), guardpage.Page(t)
	page := len(in)
	sample := "Wört 7 ЁЖик 語るカー 하나。"
	for i := range in {
		in[i] = sample[i%len(sample)]
	}
	for n := 0; n <= 5*Block; n++ {
		for _, text := range [][]byte{in[:n], in[page-n:]} {
			check(t, text)
			blocks := Blocks(n)
			forEach(func(string) { Scan(out[page-blocks*Block-Slack:], make([]Masks, blocks), text) })
		}
	}
}

func TestEdgesAtPageEdges(t *testing.T) {
	pages := [3][]byte{guardpage.Page(t), guardpage.Page(t), guardpage.Page(t)}
	for blocks := 1; blocks < 12; blocks++ {
		masks := unsafe.Slice((*Masks)(unsafe.Pointer(&pages[0][len(pages[0])-24*blocks])), blocks)
		room := blocks*Block + Room
		starts := unsafe.Slice((*uint32)(unsafe.Pointer(&pages[1][len(pages[1])-4*room])), room)
		ends := unsafe.Slice((*uint32)(unsafe.Pointer(&pages[2][len(pages[2])-4*room])), room)
		for _, m := range []Masks{{}, {Word: ^uint64(0)}, {Word: ^uint64(0), Cut: ^uint64(0)}, {Word: 0x5555555555555555}, {Word: 1<<63 | 1, Cut: 1}} {
			for i := range masks {
				masks[i] = m
			}
			forEach(func(name string) { compareEdges(t, name, starts, ends, masks) })
		}
	}
}
