// Package storetest is the conformance suite of package store: what every
// driver must do, run by the tests of each.
package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/store"
)

// Run runs the suite. open returns a new, empty store.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for name, test := range map[string]func(*testing.T, store.Store){
		"together":           testTogether,
		"round trip":         testRoundTrip,
		"parts":              testParts,
		"ranges of parts":    testPartRanges,
		"replace":            testReplace,
		"new":                testNew,
		"many new":           testManyNew,
		"abort":              testAbort,
		"remove":             testRemove,
		"invisible":          testInvisibleBeforeCommit,
		"list":               testList,
		"names":              testNames,
		"use after the end":  testUseAfterEnd,
		"cancelled":          testCancelled,
		"concurrent writers": testConcurrentWriters,
		"hashed":             testHashed,
		"swap":               testSwap,
		"many swaps":         testManySwaps,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func Put(t *testing.T, s store.Store, name string, data []byte) {
	t.Helper()
	w, err := s.Create(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for chunk := range bytes.SplitAfterSeq(data, []byte("\n")) {
		if n, err := w.Write(chunk); err != nil || n != len(chunk) {
			t.Fatalf("write %s: %d of %d bytes, %v", name, n, len(chunk), err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

func Get(t *testing.T, s store.Store, name string) []byte {
	t.Helper()
	f, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	if f.Size() != int64(len(data)) {
		t.Fatalf("%s: size %d, but %d bytes were read", name, f.Size(), len(data))
	}
	return data
}

func List(t *testing.T, s store.Store, prefix string) []store.Entry {
	t.Helper()
	entries, err := s.List(t.Context(), prefix)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func testRoundTrip(t *testing.T, s store.Store) {
	for _, size := range []int{0, 1, 7, 100_000} {
		name := fmt.Sprintf("a/b/%d.bin", size)
		want := bytes.Repeat([]byte("0123456789\n"), size/11+1)[:size]
		Put(t, s, name, want)
		if got := Get(t, s, name); !bytes.Equal(got, want) {
			t.Errorf("%s: read %d bytes, which are not the %d written", name, len(got), size)
		}
		f, err := s.Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := iotest.TestReader(f, want); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		part := make([]byte, 4)
		n, err := f.ReadAt(part, int64(max(size-2, 0)))
		if n != min(size, 2) || err != io.EOF {
			t.Errorf("%s: read across the end: %d bytes, %v; want %d, EOF", name, n, err, min(size, 2))
		}
	}
	if _, err := s.Open(t.Context(), "a/absent"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open of an absent file: %v, want fs.ErrNotExist", err)
	}
}

func testParts(t *testing.T, s store.Store) {
	for _, size := range []int{0, 1, 5000, 600_000} {
		name := fmt.Sprintf("parts/%d.bin", size)
		want := bytes.Repeat([]byte("0123456789\n"), size/11+1)[:size]
		Put(t, s, name, want)
		f, err := store.OpenPart(t.Context(), s, name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if f.Size() != int64(size) {
			t.Errorf("%s: size %d", name, f.Size())
		}
		for _, r := range [][2]int{{size - 5, 5}, {0, 3}, {size / 2, 70_000}, {size - 9000, 100}, {size - 8193, 8193}, {3, 0}, {0, size}} {
			from, to := max(0, r[0]), min(size, max(0, r[0])+r[1])
			if from > to {
				continue
			}
			part := make([]byte, to-from)
			if n, err := f.ReadAt(part, int64(from)); n != len(part) || err != nil && err != io.EOF || !bytes.Equal(part, want[from:to]) {
				t.Errorf("%s: %d bytes from %d on: %d, %v", name, len(part), from, n, err)
			}
		}
		part := make([]byte, 4)
		if n, err := f.ReadAt(part, int64(max(size-2, 0))); n != min(size, 2) || err != io.EOF {
			t.Errorf("%s: read across the end: %d bytes, %v; want %d, EOF", name, n, err, min(size, 2))
		}
	}
	if _, err := store.OpenPart(t.Context(), s, "parts/absent"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open of an absent file: %v, want fs.ErrNotExist", err)
	}
	for _, name := range []string{"", "../a", "a/", store.TempPrefix + "1"} {
		if _, err := store.OpenPart(t.Context(), s, name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("open of %q: %v, want fs.ErrInvalid", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.OpenPart(ctx, s, "parts/1.bin"); !errors.Is(err, context.Canceled) {
		t.Errorf("open in vain: %v", err)
	}
}

// Ranges around what a driver may fetch ahead, 8 KiB of the end, and around the
// ends of the file, by several goroutines at once, and the same bytes by Read.
func testPartRanges(t *testing.T, s store.Store) {
	const size = 100_003
	want := make([]byte, size)
	for i := range want {
		want[i] = byte(i * i >> 3)
	}
	Put(t, s, "parts", want)
	f, err := store.OpenPart(t.Context(), s, "parts")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	edges := []int{0, 1, size/2 - 1, size - 8193, size - 8192, size - 8191, size - 1, size, size + 1, 2 * size}
	var wg sync.WaitGroup
	for _, from := range edges {
		wg.Go(func() {
			for _, n := range []int{0, 1, 2, 8191, 8192, 8193, 70_000, size, size + 1} {
				p := make([]byte, n)
				got, err := f.ReadAt(p, int64(from))
				part := want[min(from, size):min(from+n, size)]
				// At the end itself io.ReaderAt leaves open whether there is an EOF.
				short := len(part) < n
				if !bytes.Equal(p[:got], part) || short && err != io.EOF || !short && err != nil && err != io.EOF || !short && from+n < size && err != nil {
					t.Errorf("%d bytes from %d on: %d, %v", n, from, got, err)
				}
			}
		})
	}
	wg.Wait()
	if _, err := f.ReadAt(make([]byte, 1), -1); err == nil || err == io.EOF {
		t.Errorf("before the beginning: %v", err)
	}
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read through: %d bytes, %v", len(got), err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func testReplace(t *testing.T, s store.Store) {
	Put(t, s, "f", []byte("old and longer"))
	old, err := s.Open(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	Put(t, s, "f", []byte("new"))
	if got := Get(t, s, "f"); string(got) != "new" {
		t.Errorf("after replacing: %q", got)
	}
	if got, err := io.ReadAll(old); err != nil || string(got) != "old and longer" {
		t.Errorf("a file opened before it was replaced reads %q, %v", got, err)
	}
}

func testNew(t *testing.T, s store.Store) {
	create := func(data string) error {
		w, err := s.CreateNew(t.Context(), "d/f")
		if err != nil {
			t.Fatal(err)
		}
		defer w.Abort()
		if _, err := io.WriteString(w, data); err != nil {
			t.Fatal(err)
		}
		return w.Commit()
	}
	if err := create("first"); err != nil {
		t.Fatal(err)
	}
	if err := create("second"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a new file of a name that is taken: %v, want fs.ErrExist", err)
	}
	if got := Get(t, s, "d/f"); string(got) != "first" {
		t.Errorf("the file reads %q", got)
	}
	Put(t, s, "d/f", []byte("third"))
	if diff := cmp.Diff([]store.Entry{{Name: "d/f", Size: 5}}, List(t, s, "")); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// Of many writers of one new file, one has it.
func testManyNew(t *testing.T, s store.Store) {
	const writers = 8
	var wg sync.WaitGroup
	var won atomic.Int64
	var winner atomic.Value
	for i := range writers {
		wg.Go(func() {
			w, err := s.CreateNew(t.Context(), "f")
			if err != nil {
				t.Error(err)
				return
			}
			own := fmt.Sprint("by ", i)
			if _, err := io.WriteString(w, own); err != nil {
				t.Error(err)
			}
			switch err := w.Commit(); {
			case err == nil:
				won.Add(1)
				winner.Store(own)
			case !errors.Is(err, fs.ErrExist):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d writers created the file, want 1", won.Load())
	}
	if got := Get(t, s, "f"); string(got) != winner.Load() {
		t.Errorf("the file reads %q, its writer wrote %q", got, winner.Load())
	}
}

func testRemove(t *testing.T, s store.Store) {
	for _, name := range []string{"a/1", "a/2", "b"} {
		Put(t, s, name, []byte(name))
	}
	for range 2 { // a second time there is nothing left to do
		if err := s.Remove(t.Context(), "a/1"); err != nil {
			t.Error(err)
		}
	}
	if err := s.Remove(t.Context(), "never/was"); err != nil {
		t.Error(err)
	}
	if err := s.Remove(t.Context(), "../b"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("remove of an invalid name: %v", err)
	}
	if diff := cmp.Diff([]store.Entry{{Name: "a/2", Size: 3}, {Name: "b", Size: 1}}, List(t, s, "")); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if _, err := s.Open(t.Context(), "a/1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open of a removed file: %v", err)
	}
	Put(t, s, "a/1", []byte("new"))
	if got := Get(t, s, "a/1"); string(got) != "new" {
		t.Errorf("a file created again reads %q", got)
	}
	if swept, err := s.Sweep(t.Context(), 0); err != nil || len(swept) > 0 {
		t.Errorf("nothing was unfinished, swept %q, %v", swept, err)
	}
}

func testAbort(t *testing.T, s store.Store) {
	Put(t, s, "d/kept", []byte("kept"))
	for _, name := range []string{"d/kept", "d/fresh"} {
		w, err := s.Create(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("half")); err != nil {
			t.Fatal(err)
		}
		w.Abort()
		w.Abort()
	}
	want := []store.Entry{{Name: "d/kept", Size: 4}}
	if diff := cmp.Diff(want, List(t, s, "")); diff != "" {
		t.Errorf("files after Abort (-want +got):\n%s", diff)
	}
	if got := Get(t, s, "d/kept"); string(got) != "kept" {
		t.Errorf("after an aborted replacement: %q", got)
	}
}

func testInvisibleBeforeCommit(t *testing.T, s store.Store) {
	w, err := s.Create(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if _, err := w.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	if got := List(t, s, ""); len(got) != 0 {
		t.Errorf("an unfinished file is listed: %v", got)
	}
	if _, err := s.Open(t.Context(), "f"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an unfinished file can be opened: %v", err)
	}
}

func testList(t *testing.T, s store.Store) {
	if got := List(t, s, "nothing/here"); len(got) != 0 {
		t.Errorf("empty store lists %v", got)
	}
	for _, name := range []string{"b", "a.x", "a/2", "a/10", "a/1", "ab/1", "Z", "é"} {
		Put(t, s, name, []byte(name))
	}
	for prefix, want := range map[string][]string{
		"":               {"Z", "a.x", "a/1", "a/10", "a/2", "ab/1", "b", "é"},
		"a":              {"a.x", "a/1", "a/10", "a/2", "ab/1"},
		"a/":             {"a/1", "a/10", "a/2"},
		"a/1":            {"a/1", "a/10"},
		"a/1/":           nil,
		"b/":             nil,
		"c":              nil,
		"../":            nil,
		"/":              nil,
		"a/../b":         nil,
		store.TempPrefix: nil,
		"ab/1extra":      nil,
	} {
		var got []string
		for _, e := range List(t, s, prefix) {
			got = append(got, e.Name)
			if e.Size != int64(len(e.Name)) {
				t.Errorf("%s: size %d, want %d", e.Name, e.Size, len(e.Name))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("list %q (-want +got):\n%s", prefix, diff)
		}
	}
}

func testNames(t *testing.T, s store.Store) {
	for _, name := range []string{"", ".", "..", "/a", "a/", "a//b", "../a", "a/../b", "./a", store.TempPrefix + "1", "a/" + store.TempPrefix, store.TempPrefix + "d/a"} {
		if w, err := s.Create(t.Context(), name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("create %q: %v, want fs.ErrInvalid", name, err)
			if w != nil {
				w.Abort()
			}
		}
		if _, err := s.Open(t.Context(), name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("open %q: %v, want fs.ErrInvalid", name, err)
		}
	}
}

func testUseAfterEnd(t *testing.T, s store.Store) {
	for _, end := range []struct {
		name string
		do   func(store.Writer) error
	}{
		{"commit", store.Writer.Commit},
		{"abort", func(w store.Writer) error { w.Abort(); return nil }},
	} {
		w, err := s.Create(t.Context(), end.name)
		if err != nil {
			t.Fatal(err)
		}
		if err := end.do(w); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("late")); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("write after %s: %v, want fs.ErrClosed", end.name, err)
		}
		if err := w.Commit(); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("commit after %s: %v, want fs.ErrClosed", end.name, err)
		}
		w.Abort()
	}
	want := []store.Entry{{Name: "commit", Size: 0}}
	if diff := cmp.Diff(want, List(t, s, "")); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func testCancelled(t *testing.T, s store.Store) {
	Put(t, s, "f", []byte("f"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.List(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("list: %v", err)
	}
	if _, err := s.Open(ctx, "f"); !errors.Is(err, context.Canceled) {
		t.Errorf("open: %v", err)
	}
	if _, err := s.Create(ctx, "g"); !errors.Is(err, context.Canceled) {
		t.Errorf("create: %v", err)
	}
	if err := s.Remove(ctx, "f"); !errors.Is(err, context.Canceled) {
		t.Errorf("remove: %v", err)
	}
}

// Many writers of one name and of many names in one new folder: the last
// Commit wins, and every file is one writer's whole file.
func testConcurrentWriters(t *testing.T, s store.Store) {
	const writers = 8
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			own := bytes.Repeat([]byte{byte('a' + i)}, 10_000)
			for _, name := range []string{"new/folder/shared", fmt.Sprintf("new/folder/own-%d", i)} {
				w, err := s.Create(t.Context(), name)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := w.Write(own); err != nil {
					t.Error(err)
				}
				if err := w.Commit(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := List(t, s, "new/"); len(got) != writers+1 {
		t.Errorf("%d files, want %d", len(got), writers+1)
	}
	shared := Get(t, s, "new/folder/shared")
	if len(shared) != 10_000 || bytes.Count(shared, shared[:1]) != 10_000 {
		t.Errorf("the shared file mixes several writers")
	}
}

func testTogether(t *testing.T, s store.Store) {
	begin := func(name string) store.Writer {
		t.Helper()
		w, err := s.Create(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(name)); err != nil {
			t.Fatal(err)
		}
		return w
	}
	names := []string{"a/one", "a/two", "b/c/three", "four"}
	var files []store.Writer
	for _, name := range names {
		files = append(files, begin(name))
	}
	if got := List(t, s, ""); len(got) != 0 {
		t.Errorf("visible before they are committed: %v", got)
	}
	if err := store.CommitAll(s, files[:3], files[3:]); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if got := Get(t, s, name); string(got) != name {
			t.Errorf("%s: %q", name, got)
		}
	}
	if err := store.CommitAll(s, nil); err != nil {
		t.Errorf("no files: %v", err)
	}
	over := []store.Writer{begin("a/one"), begin("five"), begin("six")}
	over[1].Abort()
	if err := store.CommitAll(s, over); !errors.Is(err, fs.ErrClosed) || !strings.Contains(err.Error(), "five") {
		t.Errorf("one was aborted: %v, want %v of its name", err, fs.ErrClosed)
	}
	for _, w := range over {
		w.Abort()
	}
	if got := List(t, s, "six"); len(got) != 0 {
		t.Errorf("visible behind one that was aborted: %v", got)
	}
	before, after := []store.Writer{begin("b/seven"), begin("b/eight")}, []store.Writer{begin("b/done")}
	before[1].Abort()
	if err := store.CommitAll(s, before, after); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("one of the first group was aborted: %v, want %v", err, fs.ErrClosed)
	}
	for _, w := range append(before, after...) {
		w.Abort()
	}
	if got := List(t, s, "b/done"); len(got) != 0 {
		t.Errorf("of the second group, visible without all of the first: %v", got)
	}
}

func testHashed(t *testing.T, s store.Store) {
	want := bytes.Repeat([]byte("some bytes "), 100_000) // several buffers full
	w, err := store.CreateHashed(t.Context(), s, "big")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for rest := want; len(rest) > 0; {
		n := min(len(rest), 12_345)
		if _, err := w.Write(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	digest, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(want)
	if diff := cmp.Diff(store.Digest{Size: int64(len(want)), Sum: hex.EncodeToString(sum[:])}, digest); diff != "" {
		t.Errorf("digest (-want +got):\n%s", diff)
	}
	if got := Get(t, s, "big"); !bytes.Equal(got, want) {
		t.Error("the file read is not the file written")
	}

	aborted, err := store.CreateHashed(t.Context(), s, "aborted")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := aborted.Write(want); err != nil {
		t.Fatal(err)
	}
	aborted.Abort()
	if diff := cmp.Diff([]store.Entry{{Name: "big", Size: int64(len(want))}}, List(t, s, "")); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}
