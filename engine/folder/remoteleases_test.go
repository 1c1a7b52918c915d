package folder_test

import (
	"errors"
	"testing"

	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/store/storetest"
)

// TestOccupyNeedsLeases: where nobody would see after two minutes that a run lives,
// none begins, and none leaves anything.
func TestOccupyNeedsLeases(t *testing.T) {
	s := storetest.Unconditional{Mem: store.NewMem()}
	o := &folder.Remote{Store: s, URL: "s3://bucket/run"}
	if _, err := o.Occupy(t.Context(), "run"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("occupied: %v", err)
	}
	if entries, err := s.List(t.Context(), ""); err != nil || len(entries) > 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
	o.Store = s.Mem
	release, err := o.Occupy(t.Context(), "run")
	if err != nil {
		t.Fatal(err)
	}
	release()
}
