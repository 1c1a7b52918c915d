package resolve

import (
	"testing"

	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/task"
)

// Of what a sweepable run keeps, tasks of decide compress nothing: they may hold what resolve
// leaves free for that.
func TestRoomOfTasksOfDecide(t *testing.T) {
	job := &task.Job{Memory: 1 << 30, Plan: plan.Plan{NearDup: plan.NearDup{FloorNum: 1, FloorDen: 2}}}
	room := func(stage task.Stage) int64 {
		return newResolver(&task.Task{Job: job, Record: task.Record{Stage: stage}}).roomLeft()
	}
	more := room(task.Decide) - room(task.Resolve)
	if want := job.PackMemory() / 2; more < want/2 || more > 2*want { // other tests leave garbage
		t.Errorf("a task of decide may hold %d bytes more than resolve, not %d", more, want)
	}
}
