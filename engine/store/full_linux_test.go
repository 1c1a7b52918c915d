package store_test

import (
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tallystick/tallystick/engine/store"
)

func TestFullDisk(t *testing.T) {
	t.Run("mem", func(t *testing.T) {
		m := store.NewMem()
		m.Capacity = 800_000
		testFullDisk(t, m, syscall.ENOSPC)
	})
	t.Run("local", func(t *testing.T) {
		root := t.TempDir()
		if err := unix.Mount("tmpfs", root, "tmpfs", 0, "size=800k"); err != nil {
			t.Skipf("needs the right to mount a small tmpfs: %v", err)
		}
		defer unix.Unmount(root, unix.MNT_DETACH)
		testFullDisk(t, store.NewLocal(root), syscall.ENOSPC)
		if diff := onDisk(t, root); len(diff) != 3 {
			t.Errorf("on disk: %q, want the folder d and its two files", diff)
		}
	})
}
