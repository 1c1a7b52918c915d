package engine

import (
	"fmt"
	"sync"

	"github.com/tallystick/tallystick/engine/internal/display"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/progress"
	"github.com/tallystick/tallystick/engine/task"
)

// spaceWatch tells, early in a scan, that a disk will not hold what it writes: what
// the tasks that are done wrote says what the others will. It only tells: tasks
// differ, and files elsewhere may go away.
type spaceWatch struct {
	dir    string
	free   func(dir string) (bytes uint64, known bool)
	notice func(text string)

	mu            sync.Mutex
	told          bool
	total         int64 // bytes of input
	done, written int64
}

// watchSpace starts a watch over the scan of a plan into a local folder.
func watchSpace(p *plan.Plan, dir string, to progress.Listener) *spaceWatch {
	w := &spaceWatch{dir: dir, free: freeSpace, told: to == nil}
	if to != nil {
		w.notice = to.Notice
	}
	for _, s := range p.Shards {
		w.total += s.Length
	}
	return w
}

// spaceParts: a twentieth of the input must have been scanned to judge by it.
const spaceParts = 20

// add notes that a task has scanned so many bytes of input.
func (w *spaceWatch) add(scanned int64, rec *task.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done += scanned
	for _, f := range rec.Work {
		w.written += f.Size
	}
	if w.told || w.done < w.total/spaceParts || w.done == 0 {
		return
	}
	w.told = true
	left := uint64(float64(w.written) / float64(w.done) * float64(max(w.total-w.done, 0)))
	if free, known := w.free(w.dir); known && free < left {
		w.notice(fmt.Sprintf("the scan will write about %s more into %s, where %s are free: the disk will be full before it ends", display.Bytes(left), w.dir, display.Bytes(free)))
	}
}
