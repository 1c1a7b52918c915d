package wordscan

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

type result struct {
	lower      []byte
	word, high []uint64
}

// canary fills what Scan must not touch.
const canary = 0xa5

func scanned(text []byte) result {
	n := Blocks(len(text))
	r := result{bytes.Repeat([]byte{canary}, n*Block+Block), make([]uint64, n+1), make([]uint64, n+1)}
	r.word[n], r.high[n] = canary, canary
	Scan(r.lower, r.word, r.high, text)
	return r
}

// slow is the doc comment of Scan, byte by byte.
func slow(text []byte) result {
	n := Blocks(len(text))
	r := result{bytes.Repeat([]byte{canary}, n*Block+Block), make([]uint64, n+1), make([]uint64, n+1)}
	r.word[n], r.high[n] = canary, canary
	clear(r.lower[:n*Block])
	copy(r.lower, text)
	for i, c := range text {
		if bytes.IndexByte([]byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"), c) >= 0 {
			r.word[i/Block] |= 1 << (i % Block)
		}
		if c > 127 {
			r.high[i/Block] |= 1 << (i % Block)
		}
		if c >= 'A' && c <= 'Z' {
			r.lower[i] = c | 0x20
		}
	}
	return r
}

func check(t *testing.T, text []byte) {
	t.Helper()
	want := slow(text)
	compare := func(name string, got result) {
		t.Helper()
		if !bytes.Equal(got.lower, want.lower) || !slices.Equal(got.word, want.word) || !slices.Equal(got.high, want.high) {
			t.Fatalf("%s: Scan(%q) = %q %x %x, want %q %x %x", name, text, got.lower, got.word, got.high, want.lower, want.word, want.high)
		}
	}
	compare(implementation(), scanned(text))
	restore := ForceGeneric()
	defer restore()
	compare("forced generic", scanned(text))
}

// Every byte value at every place of a block.
func TestScanEveryByte(t *testing.T) {
	for c := range 256 {
		for shift := range Block {
			text := bytes.Repeat([]byte{' '}, Block)
			text[shift] = byte(c)
			check(t, text)
		}
	}
}

func TestScanEveryLengthAndAlignment(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	buf := make([]byte, 512)
	for i := range buf {
		buf[i] = byte(random.Uint32())
	}
	for n := 0; n <= 4*Block+2; n++ {
		for align := 0; align < 32; align++ {
			check(t, buf[align:align+n])
		}
	}
}

func TestScanDoesNotAllocate(t *testing.T) {
	text := bytes.Repeat([]byte("Some Text "), 13)
	r := scanned(text)
	if n := testing.AllocsPerRun(100, func() { Scan(r.lower, r.word, r.high, text) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte("Ein Wort, 2 Wörter"))
	f.Add(bytes.Repeat([]byte("aZ09@[`{/:\x80\xff"), 12))
	f.Fuzz(func(t *testing.T, text []byte) { check(t, text) })
}

func BenchmarkScan(b *testing.B) {
	text := bytes.Repeat([]byte("The quick brown Fox, 47 of them. "), 2048)
	r := scanned(text)
	run := func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			Scan(r.lower, r.word, r.high, text)
		}
		if want := slow(text); !slices.Equal(r.word, want.word) {
			b.Error("wrong masks")
		}
	}
	b.Run(implementation(), run)
	restore := ForceGeneric()
	defer restore()
	b.Run("forced-generic", run)
}
