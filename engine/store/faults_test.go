package store_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/store/storetest"
)

// testFullDisk writes until a store with room for less than a megabyte is
// full, and checks that what was there stays and the half-written file is gone.
func testFullDisk(t *testing.T, s store.Store, full error) {
	storetest.Put(t, s, "d/before", []byte("good"))
	for _, name := range []string{"d/before", "d/after"} {
		w, err := s.Create(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		var writeErr error
		for range 200 {
			if _, writeErr = w.Write(make([]byte, 10_000)); writeErr != nil {
				break
			}
		}
		if !errors.Is(writeErr, full) {
			t.Fatalf("write to a full store: %v, want %v", writeErr, full)
		}
		if err := w.Commit(); !errors.Is(err, full) {
			t.Errorf("commit after a failed write: %v, want %v", err, full)
		}

		h, err := store.CreateHashed(t.Context(), s, name)
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.Write(make([]byte, 2_000_000))
		if err == nil {
			_, err = h.Commit()
		} else {
			h.Abort()
		}
		if !errors.Is(err, full) {
			t.Errorf("hashed writer on a full store: %v, want %v", err, full)
		}
	}
	if diff := cmp.Diff([]store.Entry{{Name: "d/before", Size: 4}}, storetest.List(t, s, "")); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if got := storetest.Get(t, s, "d/before"); string(got) != "good" {
		t.Errorf("the file from before reads %q", got)
	}
	storetest.Put(t, s, "d/next", bytes.Repeat([]byte("x"), 500_000)) // the room was given back
}

func TestLocalCommitFailureLeavesNothing(t *testing.T) {
	root := t.TempDir()
	s := store.NewLocal(root)
	// A folder that is not empty cannot be replaced by a file.
	storetest.Put(t, s, "taken/inside", nil)
	w, err := s.Create(t.Context(), "taken")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err == nil {
		t.Fatal("a file replaced a folder")
	}
	if diff := cmp.Diff([]string{"taken", "taken/inside"}, onDisk(t, root)); diff != "" {
		t.Errorf("on disk (-want +got):\n%s", diff)
	}
	if _, err := s.Open(t.Context(), "taken"); err == nil {
		t.Error("a folder was opened as a file")
	}
	if _, err := s.Create(t.Context(), "taken/inside/deeper"); err == nil {
		t.Error("a file was created below a file")
	}
}

// A process killed while it writes leaves a temporary file, which no listing
// shows and Sweep removes.
func TestKilledProcessIsSwept(t *testing.T) {
	const env = "TALLYSTICK_TEST_KILLED_IN"
	if root := os.Getenv(env); root != "" {
		w, err := store.NewLocal(root).Create(t.Context(), "d/f")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("half")); err != nil {
			t.Fatal(err)
		}
		self, err := os.FindProcess(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if err := self.Kill(); err != nil {
			t.Fatal(err)
		}
		select {}
	}
	root := t.TempDir()
	s := store.NewLocal(root)
	storetest.Put(t, s, "d/good", []byte("good"))
	child := exec.Command(os.Args[0], "-test.run=^TestKilledProcessIsSwept$")
	child.Env = append(os.Environ(), env+"="+root)
	if out, err := child.CombinedOutput(); err == nil {
		t.Fatalf("the child was not killed: %s", out)
	}
	if got := onDisk(t, root); len(got) != 3 {
		t.Fatalf("the child left %q, want a temporary file beside d/good", got)
	}
	if diff := cmp.Diff([]store.Entry{{Name: "d/good", Size: 4}}, storetest.List(t, s, "")); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
	if swept, err := s.Sweep(t.Context(), time.Hour); err != nil || len(swept) != 0 {
		t.Errorf("a young file was swept: %q, %v", swept, err)
	}
	if swept, err := s.Sweep(t.Context(), 0); err != nil || len(swept) != 1 {
		t.Errorf("swept %q, %v; want one file", swept, err)
	}
	if diff := cmp.Diff([]string{"d", "d/good"}, onDisk(t, root)); diff != "" {
		t.Errorf("on disk (-want +got):\n%s", diff)
	}
	if swept, err := store.NewLocal(root+"/absent").Sweep(t.Context(), 0); err != nil || swept != nil {
		t.Errorf("sweep of an absent folder: %q, %v", swept, err)
	}
}

func onDisk(t *testing.T, root string) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if path != root {
			rel, _ := filepath.Rel(root, path)
			paths = append(paths, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}
