package bpe

import (
	"testing"

	"github.com/tallystick/tallystick/engine/tokenize/pretoken"
)

// The bits of a block that mayBeCut looks at are those of cutBefore.
func TestMayBeCut(t *testing.T) {
	for b := range 256 {
		want := b >= 0xE0 && b < 0xF0 && cutBefore.has(byte(b))
		for at := range pretoken.Block {
			block := make([]byte, pretoken.Block)
			block[at] = byte(b)
			for end := at + 1; end <= len(block); end++ {
				if got := mayBeCut(block[:end]); got != want && !(got && b >= 0xF0) {
					t.Fatalf("mayBeCut of %#x at %d of %d = %v", b, at, end, got)
				}
			}
		}
	}
}
