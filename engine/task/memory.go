package task

import (
	"math"

	"github.com/tallystick/tallystick/engine/wire"
)

// What a process takes whatever the corpus is, bytes: the program and its tokenizers,
// and for each task at once the buffers of its files. Those of scan have blocks of
// keys of every partition beside them. See Job.Memory.
const (
	processMemory = 64 << 20
	matchMemory   = 8 << 20
	tallyMemory   = 32 << 20
	scanMemory    = 24 << 20
	packMemory    = 18 << 20
	tiniestRoom   = 1 << 10
)

// PackMemory is what a file that a sweepable run keeps takes while it is written, bytes:
// its compression looks back far. 0 for other runs.
func (j *Job) PackMemory() int64 {
	if !j.Plan.NearDup.Sweepable() {
		return 0
	}
	return packMemory
}

// fixed is what a task of a stage takes whatever the corpus is, bytes.
func (j *Job) fixed(n Stage) int64 {
	switch n {
	case Scan:
		return scanMemory + 2*int64(j.Plan.Partitions)*(wire.KeyBlock+wire.KeyBlock/4)
	case Match:
		return matchMemory
	case Tally:
		return tallyMemory + j.PackMemory()
	}
	return tallyMemory
}

// AtOnce is how many tasks of a stage this process does at once: no more than it has
// workers or the stage tasks, nor than the bound on memory has room for. A task of
// decide is parallel inside.
func (j *Job) AtOnce(n Stage) int {
	tasks, err := j.Tasks(n)
	if err != nil || n == Decide {
		return 1
	}
	most := max(1, min(tasks, j.Workers))
	if j.Memory == 0 {
		return most
	}
	return max(1, min(most, int((j.Memory-processMemory)/2/j.fixed(n))))
}

// RoomFor is what each of the tasks of a stage that run at once may hold in tables
// that grow with the corpus, in bytes. It is half of what is left for them: until the
// garbage collector has been there, what they held before is still around.
func (j *Job) RoomFor(n Stage) int64 {
	if j.Memory == 0 {
		return math.MaxInt64
	}
	tasks := int64(j.AtOnce(n))
	free := j.Memory - j.Memory/16 - processMemory - tasks*j.fixed(n)
	return max(max(free, j.Memory/4)/2/tasks, tiniestRoom)
}

// Room is what may be held in tables that grow with the corpus when a run is described,
// in bytes; 0: no limit.
func (j *Job) Room() int64 {
	if j.Memory == 0 {
		return 0
	}
	return j.RoomFor(Seal)
}

// tallySums are those that a task of tally holds: of contributors, of what they lost, and
// of who duplicates whom.
const tallySums = 3

// TallyRoom is the room of each of the sums of a task of tally, 0 for no limit.
func (j *Job) TallyRoom() int64 {
	if j.Memory == 0 {
		return 0
	}
	return j.RoomFor(Tally) / tallySums
}
