package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/task"
)

func TestRanges(t *testing.T) {
	for want, in := range map[string][]int{"": nil, "4": {4}, "0-1": {0, 1}, "0-3,7,9-11": {0, 1, 2, 3, 7, 9, 10, 11}} {
		if got := ranges(in); got != want {
			t.Errorf("ranges(%v) = %q, want %q", in, got, want)
		}
	}
}

// While the plan of a run is made the folder holds none, which is no mistake of who asks.
func TestStatusBeforeThePlan(t *testing.T) {
	for name, dir := range map[string]string{"a disk": t.TempDir(), "a store": "mem://runs/1"} {
		t.Run(name, func(t *testing.T) {
			occupy := func() (func(), error) { return Occupy(dir, "run") }
			if object.IsName(dir) {
				m := store.NewMem()
				store.Register("mem", func(string) (store.Store, error) { return m, nil })
				object.Register("mem", func() (object.Source, error) { return noObjects{}, nil })
				occupy = func() (func(), error) { return (&Remote{Store: m, URL: dir}).Occupy(t.Context(), "run") }
			}
			release, err := occupy()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ReadStatus(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "no plan yet, and run (process") {
				t.Errorf("while it is made: %v", err)
			}
			release()
			if _, err := ReadStatus(t.Context(), dir); !errors.Is(err, doc.ErrInput) || !errors.Is(err, fs.ErrNotExist) || strings.Count(err.Error(), doc.ErrInput.Error()) > 1 {
				t.Errorf("nobody makes one: %v", err)
			}
		})
	}
}

// A task of a run is seen once it lasts, until it ends.
func TestLastingTaskIsSeen(t *testing.T) {
	dir := t.TempDir()
	AnnounceLasting(dir, task.Scan, 1)() // it does not last
	end := AnnounceLasting(dir, task.Scan, 2)
	var seen []RunningTask
	for begun := time.Now(); len(seen) == 0 && time.Since(begun) < time.Minute; time.Sleep(lasting / 10) {
		var err error
		if seen, err = announced(dir); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != 1 || seen[0].Stage != task.Scan || seen[0].Task != 2 || !seen[0].Living {
		t.Errorf("seen: %+v", seen)
	}
	end()
	if seen, err := announced(dir); err != nil || len(seen) > 0 {
		t.Errorf("after its end: %+v, %v", seen, err)
	}
}

// noObjects is a source without any.
type noObjects struct{ object.Source }

func (noObjects) Stat(_ context.Context, name string) (object.Info, error) {
	return object.Info{}, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}
