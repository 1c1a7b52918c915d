package store_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/store/storetest"
)

func TestConformance(t *testing.T) {
	for driver, open := range map[string]func(t *testing.T) store.Store{
		"local": func(t *testing.T) store.Store { return store.NewLocal(t.TempDir() + "/made/on/demand") },
		"mem":   func(t *testing.T) store.Store { return store.NewMem() },
		"mem with short reads": func(t *testing.T) store.Store {
			m := store.NewMem()
			m.MaxRead = 3
			return m
		},
	} {
		t.Run(driver, func(t *testing.T) { storetest.Run(t, open) })
	}
}

// TestWriteFileOfTheUser: a pipe is written to and stays one, an object's name is
// no file's, and whatever fails leaves nothing.
func TestWriteFileOfTheUser(t *testing.T) {
	write := func(w io.Writer) error { _, err := io.WriteString(w, "text"); return err }
	dir := t.TempDir()
	t.Chdir(dir)
	if err := store.WriteFile(t.Context(), "s3://bucket/x", write); !errors.Is(err, doc.ErrUsage) {
		t.Errorf("an object: %v", err)
	}
	failed := errors.New("failed")
	if err := store.WriteFile(t.Context(), "f", func(io.Writer) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("a writer that fails: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	name := fmt.Sprintf("/dev/fd/%d", w.Fd())
	if _, err := os.Stat(name); err != nil {
		t.Skip("pipes have no names here")
	}
	if err := store.WriteFile(t.Context(), name, write); err != nil {
		t.Error(err)
	}
	w.Close()
	if got, err := io.ReadAll(r); err != nil || string(got) != "text" {
		t.Errorf("through the pipe came %q, %v", got, err)
	}
}

// TestSyncedLate: what a store has left for later can be synced, if it is there.
func TestSyncedLate(t *testing.T) {
	s := store.NewLocal(t.TempDir()).Late("work")
	for _, name := range []string{"a", "b/c/d", "work/x"} {
		storetest.Put(t, s, name, []byte(name))
	}
	if err := store.Sync(t.Context(), s, []string{"a", "b/c/d"}); err != nil {
		t.Error(err)
	}
	storetest.Put(t, s, "b/c/e", nil)
	if err := store.Sync(t.Context(), s, []string{"a", "gone"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is gone: %v", err)
	}
	if err := store.Sync(t.Context(), store.NewMem(), []string{"a"}); err != nil { // which leaves nothing for later
		t.Error(err)
	}
}
