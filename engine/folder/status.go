package folder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/engine/internal/display"
	"github.com/tallystick/tallystick/engine/lease"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/task"
)

// Status is how far the run in a folder is.
type Status struct {
	Dir      string
	RunID    string
	Finished bool          // there is a manifest of this plan
	Alone    *lease.Holder // the command that works alone in the folder, if one does
	Stages   []StageStatus // in their order
}

// StageStatus is how far a stage is. Every task is done, running or missing.
type StageStatus struct {
	Stage     task.Stage
	Tasks     int
	Done      int
	Running   []RunningTask // sorted by task; of several that do one task, each
	Missing   []int         // tasks, ascending
	Lost      []RunningTask // whose processes died; their tasks are missing, unless others did them
	Bytes     int64         // of input that the stage reads, where the plan says so: scan
	BytesDone int64         // of these, what tasks have read that are done
	Seconds   float64       // that the tasks took that are done, one after the other
}

// RunningTask is a task that a process said to do.
type RunningTask struct {
	Stage  task.Stage
	Task   int
	Living bool
	Holder lease.Holder
}

// ReadStatus tells how far the run in dir is, from its plan, the records of
// tasks, and the leases of those that run.
func ReadStatus(ctx context.Context, dir string) (Status, error) {
	s := Status{Dir: dir}
	p, err := LoadPlan(object.Join(dir, task.PlanFile))
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return s, err
	}
	out, running, askErr := s.ask(ctx)
	switch {
	case missing && s.Alone != nil:
		return s, fmt.Errorf("%s has no plan yet, and %s is at work in it", dir, s.Alone)
	case missing:
		return s, err
	case askErr != nil:
		return s, askErr
	}
	s.RunID = p.RunID
	err = s.read(ctx, &task.Job{Plan: p, Out: out, Dir: dir}, running)
	return s, err
}

// ask is what the leases tell, and where the files are.
func (s *Status) ask(ctx context.Context) (out store.Store, running []RunningTask, err error) {
	if object.IsName(s.Dir) {
		leases, err := leasesAt(s.Dir)
		if err != nil {
			return nil, nil, err
		}
		running, err = s.askStore(ctx, leases)
		return leases, running, err
	}
	if h, living, err := lease.Look(lockPath(s.Dir)); err == nil && living {
		s.Alone = &h
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	running, err = announced(s.Dir)
	return store.NewLocal(s.Dir), running, err
}

// read adds what the files of a job tell.
func (s *Status) read(ctx context.Context, job *task.Job, running []RunningTask) error {
	for _, name := range job.Stages() {
		st, err := stageStatus(ctx, job, name, running)
		if err != nil {
			return err
		}
		s.Stages = append(s.Stages, st)
	}
	m, err := ReadManifest(job.Dir)
	if s.Finished = err == nil && m.RunID == job.Plan.RunID; s.Finished { // the records may be gone
		for i, st := range s.Stages {
			s.Stages[i].Done, s.Stages[i].BytesDone = st.Tasks, st.Bytes
			s.Stages[i].Running, s.Stages[i].Missing = nil, nil
		}
	}
	return nil
}

func stageStatus(ctx context.Context, job *task.Job, name task.Stage, running []RunningTask) (StageStatus, error) {
	st := StageStatus{Stage: name}
	done, err := job.Done(ctx, name)
	if err != nil {
		return st, err
	}
	st.Tasks = len(done)
	runs := map[int]bool{}
	for _, r := range running {
		switch {
		case r.Stage != name || r.Task >= len(done):
		case !r.Living:
			st.Lost = append(st.Lost, r)
		case done[r.Task] == nil: // else it only looks whether it must be done
			st.Running = append(st.Running, r)
			runs[r.Task] = true
		}
	}
	for i, rec := range done {
		size := scanBytes(&job.Plan, name, i)
		st.Bytes += size
		switch {
		case rec != nil:
			st.Done++
			st.BytesDone += size
			st.Seconds += rec.Seconds
		case !runs[i]:
			st.Missing = append(st.Missing, i)
		}
	}
	return st, nil
}

// scanBytes is what a task of scan parses; other stages' input is not known
// from the plan.
func scanBytes(p *plan.Plan, name task.Stage, number int) int64 {
	if name != task.Scan || p.Shards[number].Index != "" {
		return 0
	}
	return p.Shards[number].Length
}

// ppm is how much of the stage is done, in millionths: of the bytes where they
// are known, else of the tasks.
func (s *StageStatus) ppm() int64 {
	of, all := int64(s.Done), int64(s.Tasks)
	if s.Bytes > 0 {
		of, all = s.BytesDone, s.Bytes
	}
	if all == 0 {
		return 1_000_000
	}
	return int64(float64(of) / float64(all) * 1_000_000)
}

// ranges spells ascending numbers as sbatch --array takes them: 0-3,7,9-11.
func ranges(tasks []int) string {
	var b strings.Builder
	for i := 0; i < len(tasks); {
		end := i
		for end+1 < len(tasks) && tasks[end+1] == tasks[end]+1 {
			end++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(tasks[i]))
		if end > i {
			b.WriteString("-" + strconv.Itoa(tasks[end]))
		}
		i = end + 1
	}
	return b.String()
}

// most numbers of tasks and running tasks that a table shows.
const mostShown = 20

// WriteTable writes the status for people.
func (s *Status) WriteTable(w io.Writer, now time.Time) error {
	t := display.Table{Head: []string{"stage", "tasks", "done", "running", "missing", "progress"}, Right: []bool{false, true, true, true, true, true}}
	for _, st := range s.Stages {
		t.Add(string(st.Stage), display.Count(uint64(st.Tasks)), display.Count(uint64(st.Done)), display.Count(uint64(st.Tasks-st.Done-len(st.Missing))),
			display.Count(uint64(len(st.Missing))), fmt.Sprintf("%.1f %%", float64(st.ppm())/1e4))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "run         %s\n", s.RunID)
	switch {
	case s.Alone != nil:
		fmt.Fprintf(&b, "in use by   %s\n", s.Alone)
	case s.Finished:
		fmt.Fprintf(&b, "finished    %s\n", object.Join(s.Dir, "tally.parquet"))
	default:
		b.WriteString("unfinished\n")
	}
	b.WriteByte('\n')
	if err := t.Write(&b, 0); err != nil {
		return err
	}
	b.WriteByte('\n')
	for _, st := range s.Stages {
		for i, r := range st.Running {
			if i == mostShown {
				fmt.Fprintf(&b, "running     %d more\n", len(st.Running)-i)
				break
			}
			fmt.Fprintf(&b, "running     %s, for %s\n", r.Holder, now.Sub(r.Holder.Started).Truncate(time.Second))
		}
		for i, r := range st.Lost {
			if i == mostShown {
				fmt.Fprintf(&b, "died        %d more\n", len(st.Lost)-i)
				break
			}
			fmt.Fprintf(&b, "died        %s\n", r.Holder)
		}
	}
	for _, st := range s.Stages { // only of the first that lacks some: others wait for it
		if len(st.Missing) > 0 {
			missing := st.Missing[:min(len(st.Missing), 10*mostShown)]
			more := ""
			if len(missing) < len(st.Missing) {
				more = " and more"
			}
			fmt.Fprintf(&b, "missing     %s %s%s\n", st.Stage, ranges(missing), more)
			break
		}
	}
	_, err := io.WriteString(w, strings.TrimRight(b.String(), "\n")+"\n")
	return err
}

type statusLine struct {
	RunID       string        `json:"run_id"`
	Finished    bool          `json:"finished"`
	Stage       string        `json:"stage"`
	Tasks       int           `json:"tasks"`
	Done        int           `json:"done"`
	Running     int           `json:"running"`
	Missing     int           `json:"missing"`
	ProgressPPM int64         `json:"progress_ppm"`
	Bytes       int64         `json:"bytes"`
	BytesDone   int64         `json:"bytes_done"`
	Seconds     float64       `json:"seconds"`
	MissingIDs  string        `json:"missing_tasks"`
	RunningIDs  []runningLine `json:"running_tasks"`
	LostIDs     []runningLine `json:"lost_tasks"`
}

type runningLine struct {
	Task    int       `json:"task"`
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Job     string    `json:"job"` // of Slurm; empty if it is none
	Started time.Time `json:"started"`
}

func lineOf(r RunningTask) runningLine {
	return runningLine{r.Task, r.Holder.Host, r.Holder.PID, r.Holder.Job, r.Holder.Started}
}

// WriteJSONL writes a line for each stage.
func (s *Status) WriteJSONL(w io.Writer) error {
	e := json.NewEncoder(w)
	for _, st := range s.Stages {
		line := statusLine{
			RunID: s.RunID, Finished: s.Finished, Stage: string(st.Stage), Tasks: st.Tasks, Done: st.Done,
			Running: st.Tasks - st.Done - len(st.Missing), Missing: len(st.Missing), ProgressPPM: st.ppm(),
			Bytes: st.Bytes, BytesDone: st.BytesDone, Seconds: st.Seconds, MissingIDs: ranges(st.Missing),
			RunningIDs: []runningLine{}, LostIDs: []runningLine{},
		}
		for _, r := range st.Running {
			line.RunningIDs = append(line.RunningIDs, lineOf(r))
		}
		for _, r := range st.Lost {
			line.LostIDs = append(line.LostIDs, lineOf(r))
		}
		if err := e.Encode(line); err != nil {
			return err
		}
	}
	return nil
}
