package resolve

import (
	"context"
	"fmt"
	"runtime"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/fate"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/shingleset"
	"github.com/tallystick/tallystick/engine/wire"
)

// What a document takes in memory while it is resolved, bytes: see "Memory" in
// docs/design.md.
const (
	nodeBytes     = 320 // of every node, beside its labels
	comparedBytes = 124 // of one that shares a bucket, beside its parity bitmap
	edgeBytes     = 24  // of each bucket of each node
	hotBytes      = 48  // of each shingle of one in a large bucket
	workerBytes   = 24  // of each candidate, for every worker
)

// weight is what a node takes.
func (r *resolver) weight(s *nodeRecord) int64 {
	w := int64(nodeBytes + len(s.ID) + len(s.Contributor))
	if s.buckets {
		w += comparedBytes + shingleset.ParityBytes(int(s.shingle)) + workerBytes*int64(max(r.Workers, 1))
	}
	if s.hot {
		w += hotBytes * int64(s.shingle)
	}
	return w
}

// Reserved for what resolve does not count: the runtime, buffers of files, outputs.
const reserved = 24 << 20

// leastToResolve is what resolve takes in any case: what it counts is less than what
// it holds, and a bound that is a little too small is better passed than refused.
const leastToResolve = 1 << 20

func (r *resolver) bounded() bool { return r.Memory > 0 || r.fixedRoom > 0 }

// unboundedRoom is what resolve holds at a time, bytes, of what it takes from files anyway,
// where nothing bounds it.
const unboundedRoom = 256 << 20

// roomLeft returns how many bytes resolve may hold under the bound of the job: half
// of what is free, for the collector lets garbage lie as long.
func (r *resolver) roomLeft() int64 {
	if r.fixedRoom > 0 {
		return r.fixedRoom
	}
	if !r.bounded() {
		return unboundedRoom
	}
	fixed := int64(reserved)
	if !r.isShare() { // which compresses nothing
		fixed += r.PackMemory()
	}
	corpus.DropDecoders()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return (r.Memory - fixed - int64(m.HeapAlloc)) / 2
}

// fits reports whether everything can be resolved at once: always, without a bound.
func (r *resolver) fits(ctx context.Context) (bool, error) {
	if !r.bounded() {
		return true, nil
	}
	hot := false
	err := r.readGroups(ctx, "buckets", func(members []doc.Place) error {
		r.needed += edgeBytes * int64(len(members))
		hot = hot || len(members) > neardup.HotBucket
		return nil
	})
	if err != nil {
		return false, err
	}
	err = r.eachDoc(ctx, func(_ uint32, _ doc.Place, rec *wire.Document, _ *wire.Decision) error {
		n := fate.Node{Length: rec.Bytes}
		r.needed += int64(len(rec.ID)+len(rec.Contributor)) + r.weight(&nodeRecord{Node: n, buckets: true, hot: hot, shingle: shinglesOf(rec.Bytes)})
		return nil
	})
	return r.needed <= r.roomLeft(), err
}

// setsRoom is what they may take where everything is resolved at once.
func (r *resolver) setsRoom() int64 {
	if r.Memory == 0 {
		return fate.MostSets
	}
	return min(fate.MostSets, max(r.roomLeft()-r.needed, 0))
}

// tooLittle says what bound would do.
func (r *resolver) tooLittle(why string, need int64) error {
	enough := r.Memory + 2*(need-r.roomLeft())
	return fmt.Errorf("%w: %d documents share a key with another one; %s, --memory of %d MiB does not suffice, %d MiB would", doc.ErrUsage, r.number, why, r.Memory>>20, (enough+1<<20-1)>>20)
}

// shinglesOf bounds the shingles of a text of so many bytes: every word but the last
// takes two at least.
func shinglesOf(bytes uint64) uint32 { return uint32(min(bytes/2+1, 1<<31-1)) }
