// Package stage runs the stages of a job one task at a time: scan (a task per
// shard), match (a task per partition), resolve (one), tally (a task per
// shard), seal (one). A task reads named files and writes named files, whole
// or not at all, then a task record with their digests; a job that was killed
// resumes from the records it finds. The same task gives the same bytes
// whoever runs it.
package stage

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
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/report"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/tally"
	"github.com/tallystick/tallystick/engine/wire"
)

// WorkDir is the folder inside the output folder that holds the files passed
// between stages. It is removed when a job is sealed.
const WorkDir = ".work"

// Name is a stage.
type Name string

const (
	Scan    Name = "scan"
	Match   Name = "match"
	Resolve Name = "resolve"
	Tally   Name = "tally"
	Seal    Name = "seal"
)

// Order is the order in which the stages run; each reads what the ones before
// it wrote.
var Order = []Name{Scan, Match, Resolve, Tally, Seal}

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
	Flows    *report.Flows // takes in what tally decides of each shard; may be nil

	// ParquetKeys makes scan write keys for the engines of other people, and
	// Candidates are the files that such an engine wrote, for match to read
	// instead of keys.
	ParquetKeys bool
	Candidates  []string

	sealed      *tally.Summary
	resolveRoom int64 // for tests: what resolve may hold, instead of a part of Memory
}

// LargestRows is how many rows Sealed has.
const LargestRows = 25

// Sealed sums up the tally that this process has sealed, with its largest rows; nil if another one did.
func (j *Job) Sealed() *tally.Summary { return j.sealed }

// Record is what a finished task leaves behind.
type Record struct {
	Stage   Name             `json:"stage"`
	Task    int              `json:"task"`
	RunID   string           `json:"run_id"`
	Files   []FileSum        `json:"files"`             // of the run
	Work    []WorkSum        `json:"work,omitempty"`    // in WorkDir
	Numbers map[string]int64 `json:"numbers,omitempty"` // what later stages and the report need
	Seconds float64          `json:"seconds"`
	Steps   []Step           `json:"steps,omitempty"`   // of a task that has several, in their order
	Bytes   int64            `json:"bytes"`             // of input read
	Engines []string         `json:"engines,omitempty"` // that counted, each once; scan only
}

// Step is a part of a task.
type Step struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
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
func (j *Job) Tasks(n Name) (int, error) {
	switch n {
	case Scan:
		return len(j.Plan.Shards), nil
	case Tally:
		return j.Plan.TallyTasks(), nil
	case Match:
		return j.Plan.Partitions, nil
	case Resolve, Seal:
		return 1, nil
	}
	return 0, fmt.Errorf("%w: no stage %q; the stages are scan, match, resolve, tally, seal", doc.ErrUsage, n)
}

func recordPath(n Name, task int) string {
	return fmt.Sprintf("%s/%s/%05d.done.json", WorkDir, n, task)
}

func workPath(n Name, task int, kind string) string {
	return fmt.Sprintf("%s/%s/%05d.%s", WorkDir, n, task, kind)
}

// Do runs one task unless its record shows that it is done, and returns the
// record. fresh is false for a task that an earlier run had finished.
func (j *Job) Do(ctx context.Context, n Name, task int) (rec Record, fresh bool, err error) {
	total, err := j.Tasks(n)
	if err != nil {
		return Record{}, false, err
	}
	if task < 0 || task >= total {
		return Record{}, false, fmt.Errorf("%w: stage %s has tasks 0 to %d, not %d", doc.ErrUsage, n, total-1, task)
	}
	if rec, err := j.done(ctx, n, task); err == nil && j.wroteKeys(&rec) {
		return rec, false, nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, doc.ErrCorrupt) {
		return Record{}, false, err
	}
	start := time.Now()
	t := j.newTask(n, task)
	defer t.abort()
	run := map[Name]func(context.Context, *taskRun) error{
		Scan: scan, Match: match, Resolve: resolve, Tally: tallyShard, Seal: seal,
	}[n]
	if err := run(ctx, t); err != nil {
		return Record{}, false, fmt.Errorf("%s task %d: %w", n, task, err)
	}
	t.rec.Seconds = time.Since(start).Seconds()
	if err := t.commit(ctx); err != nil {
		return Record{}, false, fmt.Errorf("%s task %d: %w", n, task, err)
	}
	return t.rec, true, nil
}

// done returns the record of a finished task after checking that its files
// are still what it wrote.
func (j *Job) done(ctx context.Context, n Name, task int) (Record, error) {
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
func (j *Job) record(ctx context.Context, n Name, task int) (Record, error) {
	var rec Record
	b, err := readAll(ctx, j.Out, recordPath(n, task))
	if err != nil {
		return rec, err
	}
	if err := json.Unmarshal(b, &rec); err != nil {
		return rec, fmt.Errorf("%w: %s: %v", doc.ErrCorrupt, recordPath(n, task), err)
	}
	if rec.RunID != j.Plan.RunID || rec.Stage != n || rec.Task != task {
		return rec, fmt.Errorf("%w: %s belongs to another plan", doc.ErrCorrupt, recordPath(n, task))
	}
	return rec, nil
}

// Records reads the records of every task of a stage; a missing one is an
// error that names the task to run first.
func (j *Job) Records(ctx context.Context, n Name) ([]Record, error) {
	total, err := j.Tasks(n)
	if err != nil {
		return nil, err
	}
	out := make([]Record, total)
	for i := range out {
		if out[i], err = j.needs(ctx, n, i); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// needs reads the record of a task that must have been done.
func (j *Job) needs(ctx context.Context, n Name, task int) (Record, error) {
	rec, err := j.record(ctx, n, task)
	if errors.Is(err, fs.ErrNotExist) {
		return rec, fmt.Errorf("%s task %d has not been run: %w", n, task, err)
	}
	return rec, err
}

// openFile opens a file that the task of rec wrote and checks its size: a file
// that was cut short between two records could not be told from a whole one.
func (j *Job) openFile(ctx context.Context, rec *Record, path string) (store.File, error) {
	f, err := j.Out.Open(ctx, path)
	return ofRecord(f, err, rec, path)
}

// openPart is openFile for who reads little of the file.
func (j *Job) openPart(ctx context.Context, rec *Record, path string) (store.File, error) {
	f, err := store.OpenPart(ctx, j.Out, path)
	return ofRecord(f, err, rec, path)
}

func ofRecord(f store.File, err error, rec *Record, path string) (store.File, error) {
	if err == nil && !slices.ContainsFunc(rec.Work, func(s WorkSum) bool { return s.Path == path && s.Size == f.Size() }) {
		f.Close()
		err = doc.ErrCorrupt
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, doc.ErrCorrupt):
		return nil, fmt.Errorf("%w: %s is not what %s task %d wrote; run that task again", err, path, rec.Stage, rec.Task)
	case err != nil: // a store that does not answer
		return nil, err
	}
	return f, nil
}

// taskRun collects what one task writes; nothing is visible before commit.
type taskRun struct {
	*Job
	rec  Record
	open []*output
}

type output struct {
	w    *store.HashedWriter
	path string
}

func (j *Job) newTask(n Name, task int) *taskRun {
	return &taskRun{Job: j, rec: Record{Stage: n, Task: task, RunID: j.Plan.RunID, Numbers: map[string]int64{}}}
}

// step does a part of the task and notes how long it took; one without a name
// notes its own parts.
func (t *taskRun) step(ctx context.Context, name string, do func(context.Context) error) error {
	begun := time.Now()
	err := do(ctx)
	if name != "" {
		t.rec.Steps = append(t.rec.Steps, Step{name, time.Since(begun).Seconds()})
	}
	return err
}

// create starts an output file of the task.
func (t *taskRun) create(ctx context.Context, path string) (io.Writer, error) {
	var by hash.Hash = xxhash.New()
	if !inWork(path) {
		by = sha256.New()
	}
	w, err := store.CreateHashedBy(ctx, t.Out, path, by)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	t.open = append(t.open, &output{w, path})
	return w, nil
}

// encode creates a file of the private format that magic begins. Who writes it
// ends with flush.
func (t *taskRun) encode(ctx context.Context, path, magic string) (*wire.Encoder, error) {
	w, err := t.create(ctx, path)
	if err != nil {
		return nil, err
	}
	e := wire.NewEncoder(w, magic)
	e.Sources = t.Plan.UsesSource()
	return e, nil
}

// commit makes the task's files visible, then its record.
func (t *taskRun) commit(ctx context.Context) error {
	if err := t.publish(); err != nil {
		return err
	}
	return WriteJSON(ctx, t.Out, recordPath(t.rec.Stage, t.rec.Task), t.rec)
}

// publish makes the files created so far visible.
func (t *taskRun) publish() error {
	if t.Fence != nil {
		if err := t.Fence(); err != nil {
			return err
		}
	}
	for _, o := range t.open {
		d, err := o.w.Commit()
		if err != nil {
			return fmt.Errorf("write %s: %w", o.path, err)
		}
		if inWork(o.path) {
			t.rec.Work = append(t.rec.Work, WorkSum{o.path, d.Size, d.Sum})
		} else {
			t.rec.Files = append(t.rec.Files, FileSum{o.path, d.Size, d.Sum})
		}
	}
	t.open = nil
	return nil
}

func (t *taskRun) abort() {
	for _, o := range t.open {
		o.w.Abort()
	}
}

func (t *taskRun) advance(n int64) {
	if t.Advance != nil {
		t.Advance(n)
	}
}

// read adds to the input that the task has read, in bytes.
func (t *taskRun) read(n int64) {
	t.rec.Bytes += n
	t.advance(n)
}
