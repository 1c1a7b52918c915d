package engine

import (
	"fmt"
	"math"
	"runtime/debug"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/request"
)

// LeastMemory is the least bound of Means.Memory, bytes: what a tokenizer, the
// buffers of a worker and the program itself take is not to be had for less.
const LeastMemory = 64 << 20

// checkMemory refuses a bound on memory that cannot be held.
func checkMemory(m request.Means) error {
	if m.Memory < 0 || m.Memory > 0 && m.Memory < LeastMemory {
		return fmt.Errorf("%w: a memory bound of %d bytes is below the least, %d MiB", doc.ErrUsage, m.Memory, LeastMemory>>20)
	}
	return nil
}

// bound makes the garbage collector work harder the nearer the process comes to
// the bound on its memory, and returns what ends that. Stages keep what they hold
// to a part of the bound, so that it has not to work hard; a sixteenth is left for what
// the runtime does not count: tables and stacks outside its heap.
func bound(m request.Means) (end func()) {
	if m.Memory == 0 {
		return func() {}
	}
	was := debug.SetMemoryLimit(math.MaxInt64)
	debug.SetMemoryLimit(min(was, m.Memory-m.Memory/16))
	return func() { debug.SetMemoryLimit(was) }
}
