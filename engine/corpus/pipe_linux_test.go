package corpus

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tallystick/tallystick/engine/doc"
)

// TestInputBecomesPipe: a pipe that has taken the place of an input is refused, and not waited
// for until somebody writes into it.
func TestInputBecomesPipe(t *testing.T) {
	path := writeFile(t, "f", []byte("{}\n"))
	files, shards, err := Plan(t.Context(), []string{path}, PlanOptions{ShardSize: 10})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(path), unix.Mkfifo(path, 0o600)); err != nil {
		t.Fatal(err)
	}
	r, err := Open(t.Context(), files[0], shards[0], 1<<20)
	if !errors.Is(err, doc.ErrInput) || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("%v, want an error that it is a pipe", err)
	}
	if err == nil {
		r.Close()
	}
}
