// Package task is what every task of a stage has: the job that it is of, the
// files that it reads and writes, the record that it leaves, the memory that it
// may take, and the texts that it reads again. Nothing of a task is visible
// before it is done: its files appear whole, then its record with their digests,
// and a job that was killed resumes from the records it finds. What the tasks of
// each stage do is in package stage.
package task

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/report"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/tally"
	"github.com/tallystick/tallystick/engine/wire"
)

// PlanFile is the name of the plan in the output folder.
const PlanFile = "plan.json"

// WorkDir is the folder inside the output folder that holds the files passed
// between stages. It is removed when a job is sealed.
const WorkDir = ".work"

// Stage is a stage.
type Stage string

const (
	Scan    Stage = "scan"
	Match   Stage = "match"
	Decide  Stage = "decide"
	Resolve Stage = "resolve"
	Tally   Stage = "tally"
	Seal    Stage = "seal"
)

// Order is the order in which the stages run; each reads what the ones before
// it wrote. Most plans have no decide: see Job.Stages.
var Order = []Stage{Scan, Match, Decide, Resolve, Tally, Seal}

// Counter is what scan needs of a tokenizer; a *tokenize.Counter is one.
type Counter interface {
	// TryCount returns the number of tokens of text, which it does not keep.
	TryCount(text []byte) (int, error)
	// Engine names the engine that counts.
	Engine() string
}

// Job is a plan bound to an output folder and to the means of this process.
// Nothing but Plan decides a byte of the outputs of Law 4.
type Job struct {
	Plan     plan.Plan
	Out      store.Store   // the output folder
	Dir      string        // its path or URL, for messages
	Scratch  string        // local folder for private files; "": the work folder in Dir
	Counters []Counter     // by the plan's tokenizers, in their order; needed by Scan only
	Parser   string        // "native" or "simdjson"
	Workers  int           // of one task that is parallel inside (resolve); others run so many at once
	Memory   int64         // bound on what this process holds, mapped files apart, bytes; 0: none
	Strict   bool          // seal fails, before it writes a tally, if there is an alarm
	Advance  func(n int64) // progress in bytes or documents of the running stage; may be nil
	Fence    func() error  // asked before a task's files become visible; may be nil
	Unsynced bool          // Out leaves it to the system when what tasks have done is on disk
	Gather   *Gather       // of tasks that are committed together; may be nil
	Known    *sync.Map     // records that tasks needed, by path, so that each is read once; may be nil

	// ParquetKeys makes scan write keys for the engines of other people, and
	// Candidates are the files that such an engine wrote, for match to read
	// instead of keys.
	ParquetKeys bool
	Candidates  []string

	// Sealed sums up the tally that this process has sealed, with its largest rows, and
	// Flows who duplicates whom in it; nil if another one did.
	Sealed *tally.Summary
	Flows  *report.Flows
}

// Record is what a finished task leaves behind.
type Record struct {
	Stage   Stage            `json:"stage"`
	Task    int              `json:"task"`
	RunID   string           `json:"run_id"`
	Files   []FileSum        `json:"files"`             // of the run
	Work    []WorkSum        `json:"work,omitempty"`    // in WorkDir
	Numbers map[string]int64 `json:"numbers,omitempty"` // what later stages and the report need
	Seconds float64          `json:"seconds"`
	Steps   []Step           `json:"steps,omitempty"`   // of a task that has several, in their order
	Bytes   int64            `json:"bytes"`             // of input read
	Engines []string         `json:"engines,omitempty"` // that counted, each once; scan only

	// Unsynced says that a crash of the machine may have damaged the files since.
	Unsynced bool `json:"unsynced,omitempty"`
}

// Step is a part of a task.
type Step struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// plainRecord is a Record without its sum.
type plainRecord Record

// summedRecord is the JSON of a Record. With its sum it shows damage to itself, not only to
// the files that it names.
type summedRecord struct {
	plainRecord
	XXH64 string `json:"xxh64"` // of the JSON of all else
}

// sum computes what XXH64 must be.
func (r *summedRecord) sum() (string, error) {
	b, err := json.Marshal(r.plainRecord)
	return fmt.Sprintf("%016x", xxhash.Sum64(b)), err
}

// MarshalJSON implements json.Marshaler.
func (r Record) MarshalJSON() (_ []byte, err error) {
	s := summedRecord{plainRecord: plainRecord(r)}
	if s.XXH64, err = s.sum(); err != nil {
		return nil, err
	}
	return json.Marshal(s)
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *Record) UnmarshalJSON(b []byte) error {
	var s summedRecord
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	if sum, err := s.sum(); err != nil || sum != s.XXH64 {
		return errors.New("its content does not have its xxh64")
	}
	*r = Record(s.plainRecord)
	return nil
}

// WorkSum names a file in WorkDir. Nobody but the run that wrote it believes it, so
// it needs to show damage, not forgery: XXH64 is several times as fast as SHA-256.
type WorkSum struct {
	Path  string `json:"path"` // below the output folder
	Size  int64  `json:"size"`
	XXH64 string `json:"xxh64"`
}

// FileSum names a file below the output folder.
type FileSum struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Tasks returns the number of tasks of stage n.
func (j *Job) Tasks(n Stage) (int, error) {
	switch n {
	case Scan:
		return len(j.Plan.Shards), nil
	case Tally:
		return j.Plan.TallyTasks(), nil
	case Match:
		return j.Plan.Partitions, nil
	case Decide:
		return j.Plan.DecideTasks, nil
	case Resolve, Seal:
		return 1, nil
	}
	return 0, fmt.Errorf("%w: no stage %q; the stages are scan, match, decide, resolve, tally, seal", doc.ErrUsage, n)
}

// Stages are those that the plan has, in their order: decide only where it shares
// out what resolve would do alone.
func (j *Job) Stages() []Stage {
	return slices.DeleteFunc(slices.Clone(Order), func(n Stage) bool { return n == Decide && j.Plan.DecideTasks == 0 })
}

// RecordPath is where the record of a task is.
func RecordPath(n Stage, task int) string {
	return fmt.Sprintf("%s/%s/%05d.done.json", WorkDir, n, task)
}

// WorkPath is where a task leaves a kind of file for later stages.
func WorkPath(n Stage, task int, kind string) string {
	return fmt.Sprintf("%s/%s/%05d.%s", WorkDir, n, task, kind)
}

// Checked returns the record of a finished task after checking that its files
// are still what it wrote.
func (j *Job) Checked(ctx context.Context, n Stage, task int) (Record, error) {
	rec, err := j.record(ctx, n, task)
	if err != nil {
		return rec, err
	}
	for _, f := range rec.Files {
		sum, err := Digest(ctx, j.Out, f.Path)
		if err != nil {
			return rec, err
		}
		if sum != f {
			return rec, fmt.Errorf("%w: %s is not what task %d of %s wrote", doc.ErrCorrupt, f.Path, task, n)
		}
	}
	for _, f := range rec.Work {
		sum, err := digestWork(ctx, j.Out, f.Path)
		if err != nil {
			return rec, err
		}
		if sum != f {
			return rec, fmt.Errorf("%w: %s is not what task %d of %s wrote", doc.ErrCorrupt, f.Path, task, n)
		}
	}
	return rec, nil
}

// record reads a task record without checking the files it names.
func (j *Job) record(ctx context.Context, n Stage, task int) (Record, error) {
	var rec Record
	b, err := ReadAll(ctx, j.Out, RecordPath(n, task))
	if err != nil {
		return rec, err
	}
	if err := json.Unmarshal(b, &rec); err != nil {
		return rec, fmt.Errorf("%w: %s: %v", doc.ErrCorrupt, RecordPath(n, task), err)
	}
	if rec.RunID != j.Plan.RunID || rec.Stage != n || rec.Task != task {
		return rec, fmt.Errorf("%w: %s belongs to another plan", doc.ErrCorrupt, RecordPath(n, task))
	}
	return rec, nil
}

// Records reads the records of every task of a stage; a missing one is an
// error that names the task to run first.
func (j *Job) Records(ctx context.Context, n Stage) ([]Record, error) {
	total, err := j.Tasks(n)
	if err != nil {
		return nil, err
	}
	out := make([]Record, total)
	for i := range out {
		if out[i], err = j.Needs(ctx, n, i); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Needs reads the record of a task that must have been done. Only a job whose own work
// files are not synced has looked at those of others that are not, when it began.
func (j *Job) Needs(ctx context.Context, n Stage, task int) (Record, error) {
	path := RecordPath(n, task)
	if j.Known != nil {
		if rec, ok := j.Known.Load(path); ok {
			return rec.(Record), nil
		}
	}
	rec, err := j.record(ctx, n, task)
	if err == nil && rec.Unsynced && !j.Unsynced {
		rec, err = j.Checked(ctx, n, task)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return rec, fmt.Errorf("%s task %d has not been run: %w", n, task, err)
	}
	if err == nil && j.Known != nil {
		j.Known.Store(path, rec)
	}
	return rec, err
}

// OpenFile opens a file that the task of rec wrote. It is compared with what the record says of
// it, its size now and its sum when it has been read from the front to the end: a byte that
// was damaged since could be another number that is as good.
func (j *Job) OpenFile(ctx context.Context, rec *Record, path string) (store.File, error) {
	f, err := j.Out.Open(ctx, path)
	return ofRecord(f, err, rec, path)
}

// OpenPart is OpenFile for who reads little of the file, or several files by turns.
func (j *Job) OpenPart(ctx context.Context, rec *Record, path string) (store.File, error) {
	f, err := store.OpenPart(ctx, j.Out, path)
	return ofRecord(f, err, rec, path)
}

func ofRecord(f store.File, err error, rec *Record, path string) (store.File, error) {
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notWritten(err, rec, path)
	}
	if err != nil { // a store that does not answer
		return nil, err
	}
	i := slices.IndexFunc(rec.Work, func(s WorkSum) bool { return s.Path == path && s.Size == f.Size() })
	if i < 0 {
		f.Close()
		return nil, notWritten(doc.ErrCorrupt, rec, path)
	}
	return &wholeFile{File: f, sum: rec.Work[i].XXH64, damaged: notWritten(doc.ErrCorrupt, rec, path), hash: xxhash.New()}, nil
}

func notWritten(err error, rec *Record, path string) error {
	return fmt.Errorf("%w: %s is not what %s task %d wrote; run that task again", err, path, rec.Stage, rec.Task)
}

// Wrote reports whether a file is one that the task wrote.
func (r *Record) Wrote(path string) bool {
	return slices.ContainsFunc(r.Work, func(f WorkSum) bool { return f.Path == path })
}

// Task is one under way: what it writes, of which nothing is visible before Commit.
type Task struct {
	*Job
	Record  Record
	open    []*output
	fetched atomic.Int64 // bytes of texts read again
}

type output struct {
	w    *store.HashedWriter
	path string
	file store.Writer // once all is written
}

// Begin starts a task, whatever was done of it before.
func (j *Job) Begin(n Stage, task int) *Task {
	return &Task{Job: j, Record: Record{Stage: n, Task: task, RunID: j.Plan.RunID, Numbers: map[string]int64{}, Unsynced: j.Unsynced}}
}

// Step does a part of the task and notes how long it took; one without a name
// notes its own parts.
func (t *Task) Step(ctx context.Context, name string, do func(context.Context) error) error {
	begun := time.Now()
	err := do(ctx)
	if name != "" {
		t.Record.Steps = append(t.Record.Steps, Step{name, time.Since(begun).Seconds()})
	}
	return err
}

// Create starts an output file of the task.
func (t *Task) Create(ctx context.Context, path string) (io.Writer, error) {
	var by hash.Hash = xxhash.New()
	if !inWork(path) {
		by = sha256.New()
	}
	w, err := store.CreateHashedBy(ctx, t.Out, path, by)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	t.open = append(t.open, &output{w: w, path: path})
	return w, nil
}

// Encode creates a file of the private format that magic begins. Who writes it
// ends with Flush.
func (t *Task) Encode(ctx context.Context, path, magic string) (*wire.Encoder, error) {
	w, err := t.Create(ctx, path)
	if err != nil {
		return nil, err
	}
	e := wire.NewEncoder(w, magic)
	e.Sources = t.Plan.UsesSource()
	return e, nil
}

// Commit makes the task's files visible, then its record, or has the job gather it.
func (t *Task) Commit(ctx context.Context) error {
	if err := t.end(); err != nil {
		return err
	}
	if t.Gather != nil {
		return t.Gather.add(ctx, t)
	}
	return commit(ctx, t.Job, []*Task{t})
}

// Publish makes the files created so far visible.
func (t *Task) Publish() error {
	if err := t.end(); err != nil {
		return err
	}
	return publish(t.Job, []*Task{t}, nil)
}

// end writes the rest of the files created so far, and notes them in the record.
func (t *Task) end() error {
	for _, o := range t.open {
		if o.file != nil {
			continue
		}
		file, d, err := o.w.End()
		if err != nil {
			return fmt.Errorf("write %s: %w", o.path, err)
		}
		o.file = file
		if inWork(o.path) {
			t.Record.Work = append(t.Record.Work, WorkSum{o.path, d.Size, d.Sum})
		} else {
			t.Record.Files = append(t.Record.Files, FileSum{o.path, d.Size, d.Sum})
		}
	}
	return nil
}

// Abort throws away the files that are not visible.
func (t *Task) Abort() {
	for _, o := range t.open {
		o.w.Abort()
	}
}

// TextBytes returns how many bytes of text Fetch has read.
func (t *Task) TextBytes() int64 { return t.fetched.Load() }

// Progress tells of n more bytes or documents that are done.
func (t *Task) Progress(n int64) {
	if t.Advance != nil {
		t.Advance(n)
	}
}

// Read adds to the input that the task has read, in bytes.
func (t *Task) Read(n int64) {
	t.Record.Bytes += n
	t.Progress(n)
}
