// Package estimate says beforehand what a run takes: tasks, memory, files,
// bytes moved and time of every stage, on so many machines. It does all stages
// with a sample of the corpus, measures them, and scales that up. What grows
// otherwise than the corpus, above all the share of documents that have a
// duplicate, is extrapolated and given as a range.
//
// docs/scale.md has the model in figures, and how far it was from real runs.
package estimate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/display"
	"github.com/tallystick/tallystick/engine/internal/jsonfile"
	"github.com/tallystick/tallystick/engine/internal/selfsum"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/task"
)

// Name of the file beside a plan that holds its estimate, and its version.
const (
	Name    = "estimate.json"
	Version = 1
)

// File is the content of estimate.json.
type File struct {
	Version int     `json:"version"`
	RunID   string  `json:"run_id"` // of the plan
	CPU     string  `json:"cpu"`    // that was measured
	Fleet   Fleet   `json:"fleet"`
	Corpus  Corpus  `json:"corpus"`
	Stages  []Stage `json:"stages"`
	// WorkBytes is what the work folder is expected to hold at the end of the last
	// stage but seal, with all scratch files; Seconds is all stages.
	WorkBytes   int64    `json:"work_folder_bytes"`
	Seconds     Range    `json:"seconds"`
	Assumptions []string `json:"assumptions"`
	Sample      Sample   `json:"sample"`
	SHA256      string   `json:"sha256"` // of this file without these digits
}

// New estimates a plan from a sample of its corpus.
func New(p plan.Plan, s Sample, f Fleet, cpu string) File {
	e := File{Version: Version, RunID: p.RunID, CPU: cpu, Fleet: f, Sample: s}
	e.Corpus, e.Stages = s.Of(p, f)
	for i := range e.Stages {
		st := &e.Stages[i]
		e.Seconds = e.Seconds.plus(st.Seconds)
		if st.Name != task.Seal {
			e.WorkBytes += st.Writes + st.Scratch
		}
	}
	e.Assumptions = assumptions(&p, &e)
	return e
}

// UselessError is of an estimate.json that cannot be used: damaged, edited, or of
// another version. No run needs the file.
type UselessError struct{ error }

// Unwrap returns the cause.
func (e UselessError) Unwrap() error { return e.error }

// Parse reads estimate.json. Its errors are UselessErrors.
func Parse(data []byte) (File, error) {
	var e File
	if err := jsonfile.Parse(data, Name, Version, &e); err != nil {
		return e, UselessError{err}
	}
	if !selfsum.Whole(data, selfsum.JSONEnd) {
		return e, UselessError{fmt.Errorf("%w: %s: it does not have the digest that it ends in", doc.ErrCorrupt, Name)}
	}
	if err := e.check(data); err != nil {
		return e, UselessError{fmt.Errorf("%w: %s: %w", doc.ErrCorrupt, Name, err)}
	}
	return e, nil
}

// check refuses figures that no rehearsal measures: jobs are made of them, and
// anybody can compute a digest.
func (e *File) check(data []byte) error {
	var all any
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	if !sensible(all) {
		return fmt.Errorf("a figure is negative or above %g", mostFigure)
	}
	if s := &e.Sample; s.Bytes == 0 || s.Expansion == 0 {
		return errors.New("a sample of nothing")
	}
	return nil
}

// mostFigure is above any: an exabyte.
const mostFigure = 1e18

// sensible reports whether all numbers in a JSON value are.
func sensible(v any) bool {
	switch v := v.(type) {
	case float64:
		return v >= 0 && v <= mostFigure
	case map[string]any:
		for _, in := range v {
			if !sensible(in) {
				return false
			}
		}
	case []any:
		for _, in := range v {
			if !sensible(in) {
				return false
			}
		}
	}
	return true
}

// Write writes estimate.json.
func (e File) Write(w io.Writer) error {
	e.SHA256 = ""
	b, err := jsonfile.Marshal(e)
	if err == nil {
		b, err = selfsum.Fill(b, selfsum.JSONEnd)
	}
	if err == nil {
		_, err = w.Write(b)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", Name, err)
	}
	return nil
}

// Job returns what a job may use that does so many tasks of a stage on so many
// cores: what is expected at most, and a margin. A job that asks for too much
// waits, one that asks for too little dies.
func (e *File) Job(p plan.Plan, name task.Stage, tasks, cores int) (memory int64, limit time.Duration) {
	f := e.Fleet
	f.Machines, f.Cores = 1, cores
	_, stages := e.Sample.Of(p, f)
	for _, s := range stages {
		if s.Name != name {
			continue
		}
		seconds := float64((tasks+cores-1)/cores) * s.Longest
		if s.Name == task.Decide || s.Name == task.Resolve || s.Name == task.Seal {
			seconds = s.Seconds.High * float64(tasks) / float64(s.Tasks)
		}
		if f.Network > 0 && s.Tasks > 0 {
			seconds = math.Max(seconds, float64(s.Moved())/float64(s.Tasks)*float64(tasks)/f.Network)
		}
		memory = (s.Memory+s.Mapped)*memoryMargin/2 + leastMargin
		memory = min(max(memory, leastMargin), mostMemory)
		limit = leastTime + time.Duration(timeMargin*min(max(seconds, 0), mostSeconds)*float64(time.Second))
	}
	return memory, limit
}

// Margins of a job.
const (
	memoryMargin = 3 // halves
	leastMargin  = 128 << 20
	timeMargin   = 3
	leastTime    = 10 * time.Minute
	mostMemory   = 1 << 50 // what an estimate that was forged may ask for
	mostSeconds  = 1e8     // likewise
)

// assumptions names what the figures rest on.
func assumptions(p *plan.Plan, e *File) []string {
	s := &e.Sample
	out := []string{
		likeSample(s.Bytes+s.Longest.Bytes, e.Corpus.Sampled),
		"a core of every machine is as fast as one here while nothing else ran, and cores do not slow each other",
	}
	if e.Corpus.Sampled < littleSampled {
		out = append(out, "so small a part says little about how many documents share keys: what resolve takes lies between what is shown for the sample and for all; a larger --sample tells more")
	}
	if sharing := e.Corpus.Sharing; sharing.High > 1.02*sharing.Low {
		out = append(out, fmt.Sprintf("documents that share a key with another one: %s in the sample; in all of it expected %s, at most %s: larger corpora have more", percent(sharing.Low), percent(sharing.Expected), percent(sharing.High)))
	}
	if e.Fleet.Network > 0 {
		out = append(out, fmt.Sprintf("every machine moves %s a second, and the store keeps up with all of them", display.Bytes(uint64(e.Fleet.Network))))
	} else {
		out = append(out, "disks and network keep up")
	}
	if e.Fleet.Memory > 0 {
		out = append(out, "the bound on memory costs no time and no disk: what it makes go through files is not in these figures")
	}
	if s.Expansion != 1 {
		out = append(out, fmt.Sprintf("compressed files hold %.1f times their size, as the beginnings that were read do", s.Expansion))
	}
	if p.AuditPPM > 0 && p.AuditMost == 0 {
		out = append(out, "the audit samples a share without a limit: it takes more than what is shown for large corpora")
	}
	return out
}

func likeSample(bytes int64, share float64) string {
	if share >= 1 {
		return "the sample is the whole corpus, " + display.Bytes(uint64(bytes)) + " of lines"
	}
	return fmt.Sprintf("the rest of the corpus is like the sample: %s of lines, %s of all", display.Bytes(uint64(bytes)), percent(share))
}

// littleSampled is the share below which how sharing grows is a guess.
const littleSampled = 0.01

func percent(share float64) string {
	return display.Percent(uint64(math.Round(share*1e6)), 1e6)
}

// WriteTable shows an estimate to people.
func (e *File) WriteTable(w io.Writer) error {
	c := &e.Corpus
	machines, cores := number(uint64(e.Fleet.Machines), "machine"), number(uint64(e.Fleet.Cores), "core")
	if e.Fleet.Cores > 1 && e.Fleet.Machines > 1 {
		cores += " each"
	}
	if e.Fleet.Network > 0 {
		cores += ", " + display.Bytes(uint64(e.Fleet.Network)) + " a second"
		if e.Fleet.Machines > 1 {
			cores += " each"
		}
	}
	fmt.Fprintf(w, "estimate for %s, %s\n\n", machines, cores)
	fmt.Fprintf(w, "  corpus        %s of lines, about %s, %s\n", display.Bytes(uint64(c.Bytes)), number(uint64(c.Documents), "document"), number(uint64(c.Contributors), "contributor"))
	fmt.Fprintf(w, "  sharing       %s of the documents share a key with another one (in the sample %s, at most %s)\n", percent(c.Sharing.Expected), percent(c.Sharing.Low), percent(c.Sharing.High))
	fmt.Fprintf(w, "  work folder   %s, until the run is sealed\n", display.Bytes(uint64(e.WorkBytes)))
	fmt.Fprintf(w, "  time          %s\n\n", between(e.Seconds))
	t := display.Table{
		Head:  []string{"stage", "tasks", "at once", "memory", "mapped", "reads", "from stages", "writes", "scratch", "files", "CPU", "time", "bound by"},
		Right: []bool{false, true, true, true, true, true, true, true, true, true, true, true},
	}
	bytes := func(n int64) string {
		if n == 0 {
			return "–"
		}
		return display.Bytes(uint64(n))
	}
	for _, s := range e.Stages {
		t.Add(string(s.Name), display.Count(uint64(s.Tasks)), display.Count(uint64(s.AtOnce)), bytes(s.Memory), bytes(s.Mapped), bytes(s.Reads), bytes(s.Work),
			bytes(s.Writes), bytes(s.Scratch), display.Count(uint64(s.Files)), Duration(s.CPU.Expected), between(s.Seconds), s.Bound)
	}
	if err := t.Write(w, 2); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n  Memory is of one machine with all cores busy; mapped files are given back when\n  memory is short. CPU is of all cores together.\n\nassumed\n")
	for _, a := range e.Assumptions {
		if _, err := fmt.Fprintf(w, "  - %s\n", a); err != nil {
			return err
		}
	}
	return nil
}

// number says how many things of a kind there are.
func number(n uint64, kind string) string {
	if n != 1 {
		kind += "s"
	}
	return display.Count(n) + " " + kind
}

// between writes a time, and the longest where that is much more.
func between(r Range) string {
	if r.High > 1.1*r.Expected {
		return Duration(r.Expected) + " to " + Duration(r.High)
	}
	return Duration(r.Expected)
}

// Duration writes seconds as people say them: 0.25 s, 42 s, 7 min, 3.5 h, 12 d.
func Duration(seconds float64) string {
	switch d := time.Duration(seconds * float64(time.Second)); {
	case seconds < 10:
		return strconv.FormatFloat(seconds, 'f', 2, 64) + " s"
	case d < 2*time.Minute:
		return strconv.FormatFloat(seconds, 'f', 0, 64) + " s"
	case d < 2*time.Hour:
		return strconv.FormatFloat(seconds/60, 'f', 0, 64) + " min"
	case seconds < 72*3600:
		return strconv.FormatFloat(seconds/3600, 'f', 1, 64) + " h"
	}
	return strconv.FormatFloat(seconds/86400, 'f', 1, 64) + " d"
}
