// Package growth lets tests show that work grows as its input does and not as
// its square, whatever the speed of the machine and whoever else is using it.
package growth

import (
	"runtime"
	"testing"
	"time"
)

// times is by how much the larger input is longer than the smaller, slack by
// how much more than that its work may take: caches that no longer fit, and
// noise. What is quadratic takes 16 times 16.
const (
	times = 16
	slack = 5
)

// Linear fails the test if work on large bytes takes more than five times as
// much processor time for each as work on a sixteenth of them: the least of
// three rounds by turns, of this thread alone. Work prepares what it is asked
// for and returns what is measured.
func Linear(t testing.TB, what string, large int, work func(size int) func()) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	sizes := [2]int{large / times, large}
	var works [2]func()
	for i, size := range sizes {
		works[i] = work(size)
	}
	var least [2]time.Duration
	for round := range 3 {
		for i, work := range works {
			begin := threadTime()
			work()
			if took := threadTime() - begin; round == 0 || took < least[i] {
				least[i] = took
			}
		}
	}
	t.Logf("%s: %.1f MB/s", what, float64(large)/1e6/max(least[1].Seconds(), 1e-9))
	if least[1] > times*slack*max(least[0], 10*time.Microsecond) {
		t.Errorf("%s: %d bytes take %v, %d bytes %v", what, sizes[0], least[0], sizes[1], least[1])
	}
}
