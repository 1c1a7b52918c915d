// Package headroom bounds the garbage that the collector lets lie, for all of a process.
//
// Go's collector lets the heap grow by as much as was alive when it last looked (GOGC),
// which keeps what it spends in proportion: it traces what is alive each time. But it
// traces only what may hold pointers. Shingle sets, windows of decompression and tables of
// numbers hold none, and most of a large heap here is of them: half a gigabyte would let as
// much garbage lie for the sake of the twenty megabytes that are traced. So the heap may
// grow by as much as there is to trace, or by a least amount if that is more, and never by
// more than Go itself would let it.
package headroom

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// What may lie at least, bytes, as a collection costs something by itself.
const (
	Least      = 32 << 20
	LeastOfBig = 128 << 20 // where garbage comes by the gigabyte
)

// ofGo is how much garbage Go lets lie, in percent of what is alive.
const ofGo = 100

var once sync.Once

// Bound sets the collector's pace after each collection from now on, unless the user has
// set it (GOGC). So many bytes of garbage may lie however little there is to trace. The
// first call counts.
func Bound(least uint64) {
	once.Do(func() {
		if os.Getenv("GOGC") == "" {
			(&pace{least: least, percent: ofGo}).arm()
		}
	})
}

// pace is what the collector goes by.
type pace struct {
	least   uint64 // bytes
	percent int    // set last, of what is alive
}

// sentinel is garbage from the beginning. It has a pointer because the runtime may put
// several objects without into one.
type sentinel struct{ _ *sentinel }

// arm sets the pace after the next collection, and again after those that follow.
func (p *pace) arm() {
	runtime.AddCleanup(&sentinel{}, func(p *pace) {
		p.set()
		p.arm()
	}, p)
}

func (p *pace) set() {
	sizes := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/total:bytes"}}
	metrics.Read(sizes)
	if percent := percentFor(sizes[0].Value.Uint64(), max(p.least, sizes[1].Value.Uint64())); percent != p.percent {
		p.percent = percent
		debug.SetGCPercent(percent) // stops all threads for a moment
	}
}

// percentFor returns the pace for a heap of which so many bytes are alive, if so many may
// be garbage.
func percentFor(live, room uint64) int {
	if room >= live {
		return ofGo
	}
	return int(max(1, ofGo*room/live))
}
