package storetest

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"testing"

	"github.com/tallystick/tallystick/engine/store"
)

// A file is swapped by who knows its version, and by nobody else.
func testSwap(t *testing.T, all store.Store) {
	s, ok := all.(store.Swapper)
	if !ok {
		t.Skip("swaps no files")
	}
	ctx := t.Context()
	reads := func(want, version string) {
		t.Helper()
		data, v, err := s.Fetch(ctx, "d/f")
		if err != nil || string(data) != want || v != version {
			t.Errorf("read %q of version %q (%v), want %q of %q", data, v, err, want, version)
		}
	}
	refused := func(version string) {
		t.Helper()
		if _, err := s.Swap(ctx, "d/f", version, []byte("refused")); !errors.Is(err, fs.ErrExist) {
			t.Errorf("swapped for version %q: %v, want fs.ErrExist", version, err)
		}
	}
	if _, _, err := s.Fetch(ctx, "d/f"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("fetched before there was a file: %v", err)
	}
	first, err := s.Swap(ctx, "d/f", "", []byte("first"))
	if err != nil || first == "" {
		t.Fatalf("version %q, %v", first, err)
	}
	reads("first", first)
	refused("")
	second, err := s.Swap(ctx, "d/f", first, []byte("second"))
	if err != nil || second == first || second == "" {
		t.Fatalf("version %q after %q, %v", second, first, err)
	}
	refused(first)
	refused("")
	reads("second", second)
	if got := Get(t, all, "d/f"); string(got) != "second" {
		t.Errorf("the file reads %q", got)
	}
	if err := all.Remove(ctx, "d/f"); err != nil {
		t.Fatal(err)
	}
	refused(second)
	if _, _, err := s.Fetch(ctx, "d/f"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("fetched after it was removed: %v", err)
	}
	Put(t, all, "d/f", []byte("third"))
	refused(second)
	if _, third, err := s.Fetch(ctx, "d/f"); err != nil || third == second {
		t.Errorf("version %q, %v", third, err)
	}
	for _, name := range []string{"", "../f", "d/" + store.TempPrefix + "f"} {
		if _, err := s.Swap(ctx, name, "", nil); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("swap %q: %v", name, err)
		}
		if _, _, err := s.Fetch(ctx, name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("fetch %q: %v", name, err)
		}
	}
}

// Of many who add to one number, each addition counts.
func testManySwaps(t *testing.T, all store.Store) {
	s, ok := all.(store.Swapper)
	if !ok {
		t.Skip("swaps no files")
	}
	const adders, times = 4, 5
	ctx := t.Context()
	// The name of who wrote keeps versions apart, and tells whose a swap was
	// whose answer was lost.
	add := func(who string) error {
		for {
			data, version, err := s.Fetch(ctx, "n")
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			n := 0
			if err == nil {
				if _, err := fmt.Sscan(string(data), &n); err != nil {
					return err
				}
			}
			_, err = s.Swap(ctx, "n", version, fmt.Appendln(nil, n+1, who))
			if err == nil || !errors.Is(err, fs.ErrExist) {
				return err
			}
		}
	}
	var wg sync.WaitGroup
	for i := range adders {
		wg.Go(func() {
			for k := range times {
				if err := add(fmt.Sprint(i, "-", k)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var n int
	if _, err := fmt.Sscan(string(Get(t, all, "n")), &n); err != nil || n < adders*times {
		t.Errorf("counted to %d, want %d (%v)", n, adders*times, err)
	}
}
