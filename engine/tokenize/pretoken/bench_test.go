package pretoken

import (
	"math/bits"
	"testing"
)

// BenchmarkScanner finds the pretokens of real text, 64 blocks at a time, and
// checks their number.
func BenchmarkScanner(b *testing.B) {
	rules := all(b)
	texts := samples(b, 1<<20)
	for _, name := range []string{"G2", "CL", "L3", "Q2", "Q3.5", "O2", "TK", "KM", "DS", "G2D"} {
		for _, kind := range []string{"prose", "c", "chinese", "korean", "russian"} {
			text := texts[kind]
			b.Run(name+"/"+kind, func(b *testing.B) {
				want := 0
				for i := 0; i < len(text); i = rules[name].Next(text, i) {
					want++
				}
				var s Scanner
				var dst [window]uint64
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					s.Start(rules[name], text)
					pretokens := 0
					for n := s.Bits(dst[:]); n > 0; n = s.Bits(dst[:]) {
						for _, m := range dst[:n] {
							pretokens += bits.OnesCount64(m)
						}
					}
					if pretokens != want {
						b.Fatalf("%d pretokens, want %d", pretokens, want)
					}
				}
			})
		}
	}
}
