package task

import (
	"math"
	"testing"

	"github.com/tallystick/tallystick/engine/plan"
)

// Whatever the bound on memory, the tasks that run at once and their rooms, twice over,
// stay below it from a gigabyte up; a larger bound never means
// less of either; and without one there is no limit.
func TestRoomsStayBelowTheBound(t *testing.T) {
	j := Job{Plan: plan.Plan{Files: make([]plan.File, 1), Shards: make([]plan.Shard, 40), Partitions: 40, DecideTasks: 40}, Workers: 16}
	for _, n := range Order {
		j.Memory = 0
		tasks, err := j.Tasks(n)
		if err != nil {
			t.Fatal(err)
		}
		most := min(tasks, j.Workers)
		if n == Decide { // parallel inside
			most = 1
		}
		if at := j.AtOnce(n); at != most || j.RoomFor(n) != math.MaxInt64 {
			t.Errorf("%s: %d at once in %d bytes without a bound", n, at, j.RoomFor(n))
		}
		atOnce, all := 0, int64(0)
		for j.Memory = 64 << 20; j.Memory <= 64<<30; j.Memory += j.Memory / 8 {
			at, room := j.AtOnce(n), j.RoomFor(n)
			if at < atOnce || at > most || at < 1 || room < tiniestRoom {
				t.Errorf("%s, %d bytes: %d at once, in %d bytes each; before %d", n, j.Memory, at, room, atOnce)
			}
			if at == atOnce && room*int64(at) < all {
				t.Errorf("%s, %d bytes: rooms of %d bytes, of %d before", n, j.Memory, room*int64(at), all)
			}
			if held := processMemory + int64(at)*(j.fixed(n)+2*room); j.Memory >= 1<<30 && held > j.Memory {
				t.Errorf("%s: %d bytes of %d", n, held, j.Memory)
			}
			if sums := 3 * j.TallyRoom(); n == Tally && sums > room { // contributors, losses and flows
				t.Errorf("%d bytes: the sums of a task of tally take %d of %d", j.Memory, sums, room)
			}
			atOnce, all = at, room*int64(at)
		}
	}
}
