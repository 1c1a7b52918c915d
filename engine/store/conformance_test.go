package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// drivers are the stores that must behave alike.
var drivers = map[string]func(t *testing.T) Store{
	"local": func(t *testing.T) Store { return NewLocal(t.TempDir() + "/made/on/demand") },
	"mem":   func(t *testing.T) Store { return NewMem() },
	"mem with short reads": func(t *testing.T) Store {
		m := NewMem()
		m.MaxRead = 3
		return m
	},
}

func TestConformance(t *testing.T) {
	for driver, open := range drivers {
		for name, test := range map[string]func(*testing.T, Store){
			"round trip":         testRoundTrip,
			"replace":            testReplace,
			"abort":              testAbort,
			"invisible":          testInvisibleBeforeCommit,
			"list":               testList,
			"names":              testNames,
			"use after the end":  testUseAfterEnd,
			"cancelled":          testCancelled,
			"concurrent writers": testConcurrentWriters,
			"hashed":             testHashed,
		} {
			t.Run(driver+"/"+name, func(t *testing.T) { test(t, open(t)) })
		}
	}
}

func put(t *testing.T, s Store, name string, data []byte) {
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

func get(t *testing.T, s Store, name string) []byte {
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

func list(t *testing.T, s Store, prefix string) []Entry {
	t.Helper()
	entries, err := s.List(t.Context(), prefix)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func testRoundTrip(t *testing.T, s Store) {
	for _, size := range []int{0, 1, 7, 100_000} {
		name := fmt.Sprintf("a/b/%d.bin", size)
		want := bytes.Repeat([]byte("0123456789\n"), size/11+1)[:size]
		put(t, s, name, want)
		if got := get(t, s, name); !bytes.Equal(got, want) {
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

func testReplace(t *testing.T, s Store) {
	put(t, s, "f", []byte("old and longer"))
	old, err := s.Open(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	put(t, s, "f", []byte("new"))
	if got := get(t, s, "f"); string(got) != "new" {
		t.Errorf("after replacing: %q", got)
	}
	if got, err := io.ReadAll(old); err != nil || string(got) != "old and longer" {
		t.Errorf("a file opened before it was replaced reads %q, %v", got, err)
	}
}

func testAbort(t *testing.T, s Store) {
	put(t, s, "d/kept", []byte("kept"))
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
	want := []Entry{{"d/kept", 4}}
	if diff := cmp.Diff(want, list(t, s, "")); diff != "" {
		t.Errorf("files after Abort (-want +got):\n%s", diff)
	}
	if got := get(t, s, "d/kept"); string(got) != "kept" {
		t.Errorf("after an aborted replacement: %q", got)
	}
}

func testInvisibleBeforeCommit(t *testing.T, s Store) {
	w, err := s.Create(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if _, err := w.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	if got := list(t, s, ""); len(got) != 0 {
		t.Errorf("an unfinished file is listed: %v", got)
	}
	if _, err := s.Open(t.Context(), "f"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an unfinished file can be opened: %v", err)
	}
}

func testList(t *testing.T, s Store) {
	if got := list(t, s, "nothing/here"); len(got) != 0 {
		t.Errorf("empty store lists %v", got)
	}
	for _, name := range []string{"b", "a.x", "a/2", "a/10", "a/1", "ab/1", "Z", "é"} {
		put(t, s, name, []byte(name))
	}
	for prefix, want := range map[string][]string{
		"":          {"Z", "a.x", "a/1", "a/10", "a/2", "ab/1", "b", "é"},
		"a":         {"a.x", "a/1", "a/10", "a/2", "ab/1"},
		"a/":        {"a/1", "a/10", "a/2"},
		"a/1":       {"a/1", "a/10"},
		"a/1/":      nil,
		"b/":        nil,
		"c":         nil,
		"../":       nil,
		"/":         nil,
		"a/../b":    nil,
		TempPrefix:  nil,
		"ab/1extra": nil,
	} {
		var got []string
		for _, e := range list(t, s, prefix) {
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

func testNames(t *testing.T, s Store) {
	for _, name := range []string{"", ".", "..", "/a", "a/", "a//b", "../a", "a/../b", "./a", TempPrefix + "1", "a/" + TempPrefix, TempPrefix + "d/a"} {
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

func testUseAfterEnd(t *testing.T, s Store) {
	for _, end := range []struct {
		name string
		do   func(Writer) error
	}{
		{"commit", Writer.Commit},
		{"abort", func(w Writer) error { w.Abort(); return nil }},
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
	want := []Entry{{"commit", 0}}
	if diff := cmp.Diff(want, list(t, s, "")); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func testCancelled(t *testing.T, s Store) {
	put(t, s, "f", []byte("f"))
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
}

// Many writers of one name and of many names in one new folder: the last
// Commit wins, and every file is one writer's whole file.
func testConcurrentWriters(t *testing.T, s Store) {
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
	if got := list(t, s, "new/"); len(got) != writers+1 {
		t.Errorf("%d files, want %d", len(got), writers+1)
	}
	shared := get(t, s, "new/folder/shared")
	if len(shared) != 10_000 || bytes.Count(shared, shared[:1]) != 10_000 {
		t.Errorf("the shared file mixes several writers")
	}
}

func testHashed(t *testing.T, s Store) {
	want := bytes.Repeat([]byte("some bytes "), 100_000) // several buffers full
	w, err := CreateHashed(t.Context(), s, "big")
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
	if diff := cmp.Diff(Digest{int64(len(want)), hex.EncodeToString(sum[:])}, digest); diff != "" {
		t.Errorf("digest (-want +got):\n%s", diff)
	}
	if got := get(t, s, "big"); !bytes.Equal(got, want) {
		t.Error("the file read is not the file written")
	}

	aborted, err := CreateHashed(t.Context(), s, "aborted")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := aborted.Write(want); err != nil {
		t.Fatal(err)
	}
	aborted.Abort()
	if diff := cmp.Diff([]Entry{{"big", int64(len(want))}}, list(t, s, "")); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}
