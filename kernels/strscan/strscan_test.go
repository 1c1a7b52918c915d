package strscan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// check compares both kernels with their references. What lies behind the
// destination must stay as it was.
func check(t *testing.T, b []byte) {
	t.Helper()
	checkScan(t, b)
	dst, want := bytes.Repeat([]byte{'#'}, len(b)+64), make([]byte, len(b))
	checkUnescape(t, dst[:len(b)], want, b)
	if i := bytes.IndexFunc(dst[len(b):], func(r rune) bool { return r != '#' }); i >= 0 {
		t.Fatalf("Unescape(%q) wrote %d bytes behind the destination", b, i)
	}
}

// checkUnescape checks what this machine uses and what it would use without
// AVX-512.
func checkUnescape(t *testing.T, dst, want, b []byte) {
	t.Helper()
	checkOneUnescape(t, dst, want, b)
	defer ForceAVX2()()
	checkOneUnescape(t, dst, want, b)
}

func checkOneUnescape(t *testing.T, dst, want, b []byte) {
	t.Helper()
	read, written, high := Unescape(dst, b)
	wantRead, wantWritten, wantHigh := unescapeGeneric(want, b)
	if read != wantRead || written != wantWritten || high != wantHigh || !bytes.Equal(dst[:written], want[:written]) {
		t.Fatalf("Unescape(%q) = %d, %d, %v, %q, want %d, %d, %v, %q",
			b, read, written, high, dst[:written], wantRead, wantWritten, wantHigh, want[:written])
	}
}

func checkScan(t *testing.T, b []byte) {
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
		if n > 66 && n%32 > 1 && n%32 < 31 {
			continue
		}
		for align := 0; align < 32; align += 5 + n/16 {
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
	for range 5_000 {
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

func TestUnescapeRandom(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	pieces := []string{`\n`, `\"`, `\\`, `\/`, `\b`, `\f`, `\r`, `\t`, "é", "some words", "x"}
	stops := []string{`"`, `\u`, `\x`, `\`, "\n", "\\\x00", "\\\xff"}
	for range 5_000 {
		var b []byte
		for range rng.IntN(60) {
			b = append(b, pieces[rng.IntN(len(pieces))]...)
		}
		if rng.IntN(2) == 0 {
			b = append(b, stops[rng.IntN(len(stops))]...)
			b = append(b, make([]byte, rng.IntN(70))...)
		}
		check(t, b)
	}
}

// Runs of backslashes of every length across the ends of blocks, before every
// kind of byte.
func TestUnescapeRuns(t *testing.T) {
	for _, at := range []int{0, 1, 29, 30, 31, 32, 60, 61, 62, 63, 64, 65, 126, 127, 128} {
		for run := range 70 {
			for _, after := range []string{"", "n", "u0041", "x", `"`, "\x01", "é", "n" + strings.Repeat("a", 150), `"` + strings.Repeat("a", 150)} {
				check(t, []byte(strings.Repeat("a", at)+strings.Repeat(`\`, run)+after))
			}
		}
	}
}

func TestEscape(t *testing.T) {
	for c := range 256 {
		var want byte
		if quoted := []byte{'"', '\\', byte(c), '"'}; c != 'u' {
			var s string
			if json.Unmarshal(quoted, &s) == nil {
				want = s[0]
			}
		}
		if got := Escape(byte(c)); got != want {
			t.Errorf("Escape(%q) = %q, want %q", byte(c), got, want)
		}
		check(t, append([]byte{'\\', byte(c)}, make([]byte, 64)...))
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
	f.Add(bytes.Repeat([]byte(`a line of text\n`), 10))
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

func BenchmarkUnescape(b *testing.B) {
	for _, n := range []int{10, 50, 100} {
		line := strings.Repeat("x", n-2) + `\n`
		src := []byte(strings.Repeat(line, 10_000/n) + `"` + strings.Repeat(" ", 64))
		dst := make([]byte, len(src))
		run := func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			for range b.N {
				if _, written, _ := Unescape(dst, src); written != (n-1)*(10_000/n) {
					b.Fatalf("%d bytes written, want %d", written, (n-1)*(10_000/n))
				}
			}
		}
		b.Run(fmt.Sprintf("%s/%d", implementation(), n), run)
		b.Run(fmt.Sprintf("forced AVX2/%d", n), func(b *testing.B) {
			defer ForceAVX2()()
			run(b)
		})
		b.Run(fmt.Sprintf("reference/%d", n), func(b *testing.B) {
			defer ForceGeneric()()
			run(b)
		})
	}
}
