package resolve

import (
	"testing"

	"github.com/tallystick/tallystick/engine/task"
)

// The files that are merged take no more together than there is room for, unless that
// is next to nothing; and each is read by no more, and no less, than makes sense.
func TestMergeBuffer(t *testing.T) {
	for _, tasks := range []int64{2, 16, 128, 256} {
		for _, room := range []int64{0, 1, 64 << 20, 1 << 40} {
			m := &merger{parts: &parts{resolver: newResolver(&task.Task{Job: &task.Job{}})}, decided: make([]task.Record, tasks)}
			m.fixedRoom = room
			most := int64(unboundedRoom)
			if room > 0 {
				most = min(most, room)
			}
			if each := m.buffer(); each < leastMerge || each > mostMerge || tasks*each > max(most, tasks*leastMerge) {
				t.Errorf("%d tasks, room %d: %d bytes each", tasks, room, each)
			}
		}
	}
}
