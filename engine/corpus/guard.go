package corpus

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/tallystick/tallystick/engine/doc"
)

var errFault = errors.New("memory fault")

// Guard calls fn, which may read lines of memory-mapped files, and turns the
// memory fault that reading a map raises when its file shrank, or its disk
// failed, into an error that wraps doc.ErrInputChanged; the caller adds the
// file's name. Without it the fault kills the process (SIGBUS).
//
// It protects the calling goroutine only, Go and assembly but not C: text for
// C must be copied first. Every other panic passes through, and so do nil
// dereferences.
func Guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch r := recover().(type) {
		case nil:
		case interface {
			runtime.Error
			Addr() uintptr // only memory faults have it
		}:
			err = fmt.Errorf("%w at %#x: %w: the mapped file shrank or cannot be read", errFault, r.Addr(), doc.ErrInputChanged)
		default:
			panic(r)
		}
	}()
	return fn()
}
