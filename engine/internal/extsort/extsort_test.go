package extsort

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
)

type pair struct{ key, value []byte }

func randomPairs(rnd *rand.Rand, n int) []pair {
	pairs := make([]pair, n)
	for i := range pairs {
		p := &pairs[i]
		p.key = make([]byte, rnd.IntN(14))
		p.value = make([]byte, rnd.IntN(40))
		if rnd.IntN(1000) == 0 {
			p.value = make([]byte, 100_000)
		}
		for j := range p.key {
			p.key[j] = byte(rnd.IntN(3)) // ties, and keys that begin others
		}
		for j := range p.value {
			p.value[j] = byte(rnd.Uint32())
		}
	}
	return pairs
}

func comparePairs(a, b pair) int {
	return cmp.Or(bytes.Compare(a.key, b.key), bytes.Compare(a.value, b.value))
}

// TestSorts compares sorting on disk, with merges of merges, and in memory with a
// plain sort.
func TestSorts(t *testing.T) {
	for _, n := range []int{0, 1, 2, 1000, 100_000} {
		for _, memory := range []int{0, 1 << 20, 1 << 26} {
			t.Run(fmt.Sprint(n, "/", memory), func(t *testing.T) {
				pairs := randomPairs(rand.New(rand.NewPCG(uint64(n), 1)), n)
				dir := t.TempDir()
				s := New(dir, memory)
				for _, p := range pairs {
					if err := s.Add(p.key, p.value); err != nil {
						t.Fatal(err)
					}
				}
				if n == 100_000 && s.Spilled() == (memory == 1<<26) {
					t.Errorf("spilled: %v", s.Spilled())
				}
				slices.SortFunc(pairs, comparePairs)
				r, err := s.Sort()
				if err != nil {
					t.Fatal(err)
				}
				for i, p := range pairs {
					if !r.Next() {
						t.Fatalf("ends after %d of %d: %v", i, n, r.Err())
					}
					if !bytes.Equal(r.Key(), p.key) || !bytes.Equal(r.Value(), p.value) {
						t.Fatalf("record %d: %x %x, want %x %x", i, r.Key(), r.Value(), p.key, p.value)
					}
				}
				if r.Next() || r.Err() != nil {
					t.Fatalf("more than %d records, or %v", n, r.Err())
				}
				if err := r.Close(); err != nil {
					t.Fatal(err)
				}
				if left, _ := os.ReadDir(dir); len(left) > 0 {
					t.Errorf("%d files are left", len(left))
				}
			})
		}
	}
}

// TestFlippedBit damages a run, a byte at a time: reading fails, whatever it is.
func TestFlippedBit(t *testing.T) {
	pairs := randomPairs(rand.New(rand.NewPCG(3, 3)), 300)
	for at := int64(0); ; at += 7 {
		s := New(t.TempDir(), 0)
		for _, p := range pairs {
			if err := s.Add(p.key, p.value); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.spill(); err != nil {
			t.Fatal(err)
		}
		if at >= s.runs[0].size {
			s.Close()
			break
		}
		var b [1]byte
		if _, err := s.runs[0].file.ReadAt(b[:], at); err != nil {
			t.Fatal(err)
		}
		b[0] ^= 1 << (at % 8)
		if _, err := s.runs[0].file.WriteAt(b[:], at); err != nil {
			t.Fatal(err)
		}
		r, err := s.Sort()
		if err == nil {
			for r.Next() {
			}
			err = r.Err()
			r.Close()
		}
		if !errors.Is(err, doc.ErrCorrupt) {
			t.Fatalf("byte %d: %v", at, err)
		}
	}
}

func BenchmarkSort(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range b.N {
		s := New(b.TempDir(), 8<<20)
		var key [8]byte
		value := make([]byte, 60)
		for range 1 << 20 {
			for j := range key {
				key[j] = byte(rnd.Uint32())
			}
			if err := s.Add(key[:], value); err != nil {
				b.Fatal(err)
			}
		}
		r, err := s.Sort()
		if err != nil {
			b.Fatal(err)
		}
		for r.Next() {
		}
		r.Close()
	}
}

// TestSpool reads a spool again and again while it grows.
func TestSpool(t *testing.T) {
	if s, err := NewSpool(filepath.Join(t.TempDir(), "missing")); err == nil || s != nil {
		t.Errorf("a spool in a folder that does not exist: %v, %v", s, err)
	}
	pairs := randomPairs(rand.New(rand.NewPCG(5, 5)), 3000)
	s, err := NewSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i, p := range pairs {
		if i%500 == 0 {
			read := 0
			err := s.Each(func(key, value []byte) error {
				if !bytes.Equal(key, pairs[read].key) || !bytes.Equal(value, pairs[read].value) {
					return fmt.Errorf("record %d of %d: %x %x", read, i, key, value)
				}
				read++
				return nil
			})
			if err != nil || read != i {
				t.Fatalf("%d of %d: %v", read, i, err)
			}
		}
		if err := s.Add(p.key, p.value); err != nil {
			t.Fatal(err)
		}
	}
}

// Keys of two strings sort as the strings do, one after the other, and are those of
// no other two.
func TestAppendString(t *testing.T) {
	strings := []string{"", "\x00", "\x00\x00", "\x00\x01", "\x01", "a", "a\x00", "a\x00b", "a\x01", "aa", "\xff"}
	var last []byte
	for _, a := range strings {
		for _, b := range strings {
			key := AppendString(AppendString(nil, a), b)
			if last != nil && bytes.Compare(last, key) >= 0 {
				t.Errorf("%q, %q: key %x does not sort after %x", a, b, key, last)
			}
			last = key
		}
	}
}
