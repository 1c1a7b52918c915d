package strscan

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

func check(t *testing.T, b []byte) {
	t.Helper()
	run, high := Scan(b)
	wantRun, wantHigh := scanGeneric(b)
	if run != wantRun || high != wantHigh {
		t.Fatalf("Scan(%q) = %d, %v, want %d, %v", b, run, high, wantRun, wantHigh)
	}
}

// Every length around the vector widths, at every alignment, with each kind of
// end at every place and a high byte before, at or after it.
func TestScanEveryLengthAndPlace(t *testing.T) {
	buf := make([]byte, 512)
	for n := 0; n <= 300; n++ {
		if n > 70 && n%32 > 2 && n%32 < 30 {
			continue
		}
		for align := 0; align < 32; align += 1 + n/48 {
			b := buf[align : align+n]
			for i := range b {
				b[i] = 'a'
			}
			check(t, b)
			for at := 0; at < n; at++ {
				for _, end := range []byte{'"', '\\', 0x1f, 0, 0x80, 0xff, 0x20, 0x7f} {
					b[at] = end
					check(t, b)
				}
				if at > 0 {
					b[at], b[at-1] = '"', 0xe3
					check(t, b)
					b[at], b[at-1] = 0xe3, '"'
					check(t, b)
					b[at-1] = 'a'
				}
				b[at] = 'a'
			}
		}
	}
}

func TestScanEveryByte(t *testing.T) {
	for c := range 256 {
		for _, n := range []int{1, 31, 32, 33, 64, 65, 200} {
			b := bytes.Repeat([]byte{'x'}, n)
			b[n-1] = byte(c)
			check(t, b)
			b[0] = byte(c)
			check(t, b)
		}
	}
}

func TestScanRandom(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 20_000 {
		b := make([]byte, rng.IntN(600))
		for i := range b {
			b[i] = 0x23 + byte(rng.IntN(0x39)) // neither quote nor backslash
		}
		for range rng.IntN(4) {
			if len(b) > 0 {
				b[rng.IntN(len(b))] = byte(rng.Uint32())
			}
		}
		check(t, b)
	}
}

func TestForceGeneric(t *testing.T) {
	before := implementation()
	restore := ForceGeneric()
	if got := implementation(); got != "generic" {
		t.Errorf("implementation() = %q while generic is forced", got)
	}
	check(t, bytes.Repeat([]byte("é"), 100))
	restore()
	if got := implementation(); got != before {
		t.Errorf("implementation() = %q after restore, want %q", got, before)
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte(`plain text of more than thirty-two bytes, then a quote" and more`))
	f.Add(bytes.Repeat([]byte("語"), 100))
	f.Fuzz(func(t *testing.T, b []byte) { check(t, b) })
}

func BenchmarkScan(b *testing.B) {
	for _, n := range []int{8, 24, 50, 100, 1000, 16 << 10, 1 << 20} {
		text := append(bytes.Repeat([]byte{'x'}, n), '"')
		text = append(text, make([]byte, 64)...)
		run := func(b *testing.B) {
			b.SetBytes(int64(n))
			for range b.N {
				if got, _ := Scan(text); got != n {
					b.Fatalf("Scan = %d, want %d", got, n)
				}
			}
		}
		b.Run(fmt.Sprintf("%s/%d", implementation(), n), run)
		b.Run(fmt.Sprintf("reference/%d", n), func(b *testing.B) {
			defer ForceGeneric()()
			run(b)
		})
	}
}
