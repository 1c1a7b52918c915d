package stage

import "math"

// What a process takes whatever it does: the program, tokenizers, buffers of
// files. See Job.Memory.
const (
	processMemory = 64 << 20
	workerMemory  = 16 << 20
	leastRoom     = 1 << 10
)

// room is what each of the tasks that run at once may hold in tables that grow with
// the corpus, in bytes. It is half of what is left for them: until the garbage
// collector has been there, what they held before is still around.
func (j *Job) room(atOnce int) int64 {
	if j.Memory == 0 {
		return math.MaxInt64
	}
	n := int64(max(1, atOnce))
	return max(max(j.Memory-j.Memory/16-processMemory-n*workerMemory, j.Memory/4)/2/n, leastRoom)
}

// tasksAtOnce is how many tasks of a stage this process may do at once.
func (j *Job) tasksAtOnce(n Name) int {
	tasks, err := j.Tasks(n)
	if err != nil {
		return 1
	}
	return max(1, min(tasks, j.Workers))
}
