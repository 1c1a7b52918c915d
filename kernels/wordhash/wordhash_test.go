package wordhash

import (
	"bytes"
	"crypto/aes"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func aesenc(s, key state) state { return s.encrypt().xor(key) }

// The example of AESENC in Intel's "Advanced Encryption Standard (AES) New
// Instructions Set", where numbers are written from the highest byte on.
func TestAESENC(t *testing.T) {
	number := func(s string) state {
		b := unhex(t, s)
		slices.Reverse(b)
		return load(b)
	}
	got := aesenc(number("7b5b54657374566563746f725d53475d"), number("48692853686179295b477565726f6e5d"))
	if want := number("a8311c2f9fdba3c58b104b58ded7e595"); got != want {
		t.Errorf("AESENC = %x, want %x", got, want)
	}
}

// AES-128 from our round and our S-box is crypto/aes.
func TestRoundsMakeAES(t *testing.T) {
	sbox := substitutions()
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		key, plain := make([]byte, 16), make([]byte, 16)
		for i := range key {
			key[i], plain[i] = byte(random.Uint32()), byte(random.Uint32())
		}
		// FIPS 197, 5.2.
		schedule := slices.Clone(key)
		for i, constant := 16, byte(1); i < 176; i += 4 {
			word := slices.Clone(schedule[i-4 : i])
			if i%16 == 0 {
				word = []byte{sbox[word[1]] ^ constant, sbox[word[2]], sbox[word[3]], sbox[word[0]]}
				constant = double(constant)
			}
			for j := range 4 {
				schedule = append(schedule, schedule[i-16+j]^word[j])
			}
		}
		s := load(plain).xor(load(schedule))
		for round := 1; round < 10; round++ {
			s = aesenc(s, load(schedule[16*round:]))
		}
		got := make([]byte, 16)
		for i := range got { // the last round: no MixColumns
			column := [4]uint32{s.a, s.b, s.c, s.d}[(i/4+i%4)%4]
			got[i] = sbox[byte(column>>(8*(i%4)))] ^ schedule[160+i]
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		want := make([]byte, 16)
		block.Encrypt(want, plain)
		if !bytes.Equal(got, want) {
			t.Fatalf("AES = %x, want %x", got, want)
		}
	}
}

var testKeys = func() (k Keys) {
	for i := range k {
		for j := range k[i] {
			k[i][j] = byte(37*i + 11*j + 5)
		}
	}
	return k
}()

// checkWords compares all implementations on the given words of text, and on each
// of them four times, to fill the lanes of those that do four at once.
func checkWords(t *testing.T, text []byte, starts, ends []uint32) []uint64 {
	t.Helper()
	var starts4, ends4 []uint32
	for i := range starts {
		starts4 = append(starts4, slices.Repeat(starts[i:i+1], 4)...)
		ends4 = append(ends4, slices.Repeat(ends[i:i+1], 4)...)
	}
	checkImplementations(t, text, starts4, ends4)
	return checkImplementations(t, text, starts, ends)
}

func checkImplementations(t *testing.T, text []byte, starts, ends []uint32) []uint64 {
	t.Helper()
	want := make([]uint64, len(starts))
	hashGeneric(want, text, starts, ends, &testKeys)
	checkHash(t, want, text, starts, ends)
	restore := ForceAESNI()
	checkHash(t, want, text, starts, ends)
	restore()
	defer ForceGeneric()()
	checkHash(t, want, text, starts, ends)
	return want
}

func checkHash(t *testing.T, want []uint64, text []byte, starts, ends []uint32) {
	t.Helper()
	got := append(make([]uint64, len(starts)), 7)
	Hash(got[:len(starts)], text, starts, ends, &testKeys)
	if got[len(starts)] != 7 {
		t.Fatalf("what is behind %d hashes changed", len(starts))
	}
	got = got[:len(starts)]
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("hash of %q = %016x, want %016x", text[starts[i]:ends[i]], got[i], want[i])
		}
	}
}

// Stored hashes depend on these numbers: they never change.
func TestGolden(t *testing.T) {
	for _, c := range []struct {
		word string
		want uint64
	}{
		{"", 0xdee89c47d08259f8},
		{"a", 0x8b65acb6d755acb6},
		{"tallystick", 0x12431f0cfccd530a},
		{"0123456789abcdef", 0xe81f755e280b7435},
		{"0123456789abcdefg", 0x33ddf0b7ffecf7d8},
		{"0123456789abcdef0123456789abcdef0123456789", 0x474bf6bc2dc05d72},
	} {
		text := append([]byte(c.word), make([]byte, Slack)...)
		if got := checkWords(t, text, []uint32{0}, []uint32{uint32(len(c.word))})[0]; got != c.want {
			t.Errorf("hash of %q = %#016x, want %#016x", c.word, got, c.want)
		}
	}
}

// Every length up to some pieces at every alignment, whatever follows.
func TestEveryLengthAndAlignment(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	text := make([]byte, 400)
	seen := map[string]uint64{}
	for fill := range 2 {
		for i := range text {
			text[i] = byte(random.Uint32())
		}
		for n := range 200 {
			for align := range 33 {
				word := "same word whatever stands around: "
				for len(word) < n {
					word += word
				}
				copy(text[align:], word[:n])
				text[align+n] = byte(fill)
				hash := checkWords(t, text, []uint32{uint32(align)}, []uint32{uint32(align + n)})[0]
				if old, ok := seen[word[:n]]; ok && old != hash {
					t.Fatalf("hash of %q depends on its neighbours", word[:n])
				}
				seen[word[:n]] = hash
			}
		}
	}
	if len(seen) != 200 {
		t.Fatalf("%d words", len(seen))
	}
	distinct := map[uint64]bool{}
	for _, h := range seen {
		distinct[h] = true
	}
	if len(distinct) != len(seen) {
		t.Errorf("%d hashes for %d words", len(distinct), len(seen))
	}
}

func TestManyWords(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	text := make([]byte, 1<<16)
	for i := range text {
		text[i] = byte(random.Uint32())
	}
	for round := range 200 {
		var starts, ends []uint32
		longest := 3 + uint32(round)%5 // bits of lengths: with and without words of several pieces
		for at := uint32(0); len(starts) < 500; {
			at += random.Uint32N(3)
			starts = append(starts, at)
			at += random.Uint32N(1 << random.Uint32N(longest))
			ends = append(ends, at)
		}
		checkWords(t, text, starts, ends)
	}
	checkWords(t, nil, nil, nil)
}

// Words that differ in one byte or in two on a diagonal of the state,
// which is where too few rounds of AES collide.
func TestNoEasyCollisions(t *testing.T) {
	words := map[uint64]string{}
	text := make([]byte, 16+Slack)
	var hash [1]uint64
	for _, diagonal := range [][2]int{{0, 5}, {3, 4}, {1, 2}} {
		for x := range 256 {
			for y := range 256 {
				copy(text, "abcdefghijklmnop")
				text[diagonal[0]], text[diagonal[1]] = byte(x), byte(y)
				Hash(hash[:], text, []uint32{0}, []uint32{16}, &testKeys)
				word := string(text[:16])
				if other, ok := words[hash[0]]; ok && other != word {
					t.Fatalf("%q and %q have the hash %016x", word, other, hash[0])
				}
				words[hash[0]] = word
			}
		}
	}
}

func TestHashDoesNotAllocate(t *testing.T) {
	text := bytes.Repeat([]byte("word "), 40)
	hashes, starts, ends := make([]uint64, 2), []uint32{0, 5}, []uint32{4, 9}
	if n := testing.AllocsPerRun(100, func() { Hash(hashes, text, starts, ends, &testKeys) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzHash(f *testing.F) {
	f.Add([]byte("some words of a text"), uint16(5), uint16(10))
	f.Fuzz(func(t *testing.T, text []byte, start, end uint16) {
		if int(end) > len(text) || start > end {
			return
		}
		checkWords(t, append(text, make([]byte, Slack)...), []uint32{uint32(start)}, []uint32{uint32(end)})
	})
}

func BenchmarkHash(b *testing.B) {
	text := bytes.Repeat([]byte("the quick brown fox jumps over incomprehensibilities of 47 dogs "), 512)
	var starts, ends []uint32
	for i, c := range text {
		if c == ' ' {
			ends = append(ends, uint32(i))
		} else if i == 0 || text[i-1] == ' ' {
			starts = append(starts, uint32(i))
		}
	}
	text = append(text, make([]byte, Slack)...)
	got, want := make([]uint64, len(ends)), make([]uint64, len(ends))
	run := func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			Hash(got, text, starts, ends, &testKeys)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(ends)), "ns/word")
		if hashGeneric(want, text, starts, ends, &testKeys); !slices.Equal(got, want) {
			b.Error("wrong hashes")
		}
	}
	b.Run(implementation(), run)
	restore := ForceAESNI()
	b.Run("forced-"+implementation(), run)
	restore()
	restore = ForceGeneric()
	defer restore()
	b.Run("forced-generic", run)
}
