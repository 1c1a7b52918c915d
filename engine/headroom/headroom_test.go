package headroom

import (
	"os"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

func TestPercentFor(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		live, room uint64
		want       int
	}{
		{0, 32 * mib, 100},
		{32 * mib, 32 * mib, 100},
		{64 * mib, 32 * mib, 50},
		{320 * mib, 32 * mib, 10},
		{320 * mib, 80 * mib, 25},
		{320 * mib, 320 * mib, 100},
		{64 << 40, 32 * mib, 1},
	} {
		if got := percentFor(c.live, c.room); got != c.want {
			t.Errorf("%d MiB alive, room for %d: %d %%, want %d", c.live/mib, c.room/mib, got, c.want)
		}
	}
}

// Beside a large array without pointers little garbage may lie, and beside a small one
// as much as before.
func TestGoalFollowsWhatIsTraced(t *testing.T) {
	if os.Getenv("GOGC") != "" {
		t.Skip("the user has set GOGC")
	}
	Bound(Least)
	const size = 256 << 20
	large := make([]byte, size)
	if goal := goalAfterCollections(func(goal uint64) bool { return goal < size+2*Least }); goal < size || goal >= size+2*Least {
		t.Errorf("goal of %d MiB beside %d MiB without pointers", goal>>20, size>>20)
	}
	runtime.KeepAlive(large)
	large = nil
	small := make([]byte, Least/2)
	if goal := goalAfterCollections(func(goal uint64) bool { return goal < 2*Least && goal >= 2*uint64(len(small)) }); goal >= 2*Least || goal < 2*uint64(len(small)) {
		t.Errorf("goal of %d MiB beside %d MiB", goal>>20, len(small)>>20)
	}
	runtime.KeepAlive(small)
}

// goalAfterCollections returns the size of the heap at which the collector comes next,
// once it is as wished, or after a while. The pace is set a moment after a collection.
func goalAfterCollections(wished func(goal uint64) bool) uint64 {
	goal := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
	runtime.GC()
	for range 200 {
		if metrics.Read(goal); wished(goal[0].Value.Uint64()) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return goal[0].Value.Uint64()
}
