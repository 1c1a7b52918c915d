// Package verify checks a finished run from its files alone. It re-derives
// every digest, sum and decision, and shares no code with what wrote them: it
// has readers of its own and imports only the plan, the words of package doc
// and, to read the inputs again, the packages that turn them into lines,
// documents, tokens and shingles.
//
// Without Options.Inputs it proves that the files are those that were sealed
// and agree with each other to the last line. With it, every line is parsed
// and counted again, the tally is rebuilt from nothing, and every dropped
// document is compared with its witness: an exact duplicate by its bytes, a
// near duplicate by the shingle sets themselves.
//
// What the files cannot show is not claimed: that no further near duplicate
// was missed (a matter of the plan's recall), and how many buckets a pair
// shares.
package verify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/verify/wary"
)

// Options choose how much is checked.
type Options struct {
	// Inputs reads the corpus again.
	Inputs bool
	// Digests compares files with their digests and does no more: that finds damage,
	// but no file that somebody forged and sealed again.
	Digests bool
	// Engine that counts: "auto", "native" or "hf"; empty is auto.
	Engine string
	// Tokenizers say where the plan's tokenizers are, if not where the plan
	// says (plan.TokenizerFiles). Their digests must be the plan's.
	Tokenizers []string
	// Workers is the number of goroutines; 0 is one per CPU.
	Workers int
	// Progress is told how far a check has come, in bytes or files. Calls do
	// not overlap.
	Progress func(stage string, done, total int64)
}

// Report lists what was checked, in order.
type Report struct {
	Checks []Check
}

// OK reports whether every check passed.
func (r *Report) OK() bool {
	for i := range r.Checks {
		if !r.Checks[i].OK {
			return false
		}
	}
	return true
}

// Check is one thing that must hold.
type Check struct {
	Name     string
	OK       bool
	Detail   string   // what was compared, with figures
	Failures []string // the first ones, each naming file and line or row
	More     int64    // failures beyond those listed
}

// maxFailures is how many failures a check lists.
const maxFailures = 20

// Run verifies the run in folder dir. What is wrong with the run is in the
// report; an error means that it could not be checked to the end: ctx is done,
// the folder or an input cannot be read, or no engine counts the tokenizer.
func Run(ctx context.Context, dir string, o Options) (Report, error) {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return Report{}, fmt.Errorf("%w: %s is not a folder that can be read", doc.ErrInput, dir)
	}
	c := &checker{dir: dir, o: o, damaged: make(map[string]bool)}
	steps := []struct {
		name string
		fn   func(context.Context, *findings) (string, error)
	}{
		{"manifest", c.checkManifest},
		{"files", c.checkFiles},
		{"plan", c.checkPlan},
		{"layout", c.checkLayout},
		{"tally", c.checkTally},
		{"bitmaps", c.checkBitmaps},
		{"decisions", c.checkDecisions},
		{"credit", c.checkGroups},
		{"alarms", c.checkAlarms},
		{"rejects", c.checkRejects},
	}
	switch {
	case o.Digests:
		steps = steps[:2]
	case o.Inputs:
		steps = append(steps, []struct {
			name string
			fn   func(context.Context, *findings) (string, error)
		}{
			{"inputs", c.checkInputs},
			{"recount", c.checkRecount},
			{"kept texts", c.checkKeptTexts},
			{"proofs", c.checkProofs},
		}...)
	}
	defer c.cleanUp()
	for _, s := range steps {
		if err := ctx.Err(); err != nil {
			return c.report, err
		}
		if s.name == "credit" && (c.plan == nil || !c.plan.SharesCredit()) {
			continue
		}
		var f findings
		detail, err := s.fn(ctx, &f)
		if err != nil {
			return c.report, fmt.Errorf("verify %s: %w", s.name, err)
		}
		c.report.Checks = append(c.report.Checks, Check{
			Name: s.name, OK: f.count == 0, Detail: detail,
			Failures: f.first, More: f.count - int64(len(f.first)),
		})
	}
	return c.report, nil
}

// checker is what earlier checks leave for later ones. A field stays nil if
// its check could not fill it.
type checker struct {
	dir    string
	o      Options
	report Report

	manifest *manifestFile
	damaged  map[string]bool // files that are not what the manifest lists: not read further
	plan     *plan.Plan
	tally    []tallyRow // of tally.jsonl
	lines    []shardLines
	witness  []roaring.Bitmap // per shard of the plan, the ordinals that are witnesses
	rejects  []rejectSpan     // per shard

	// The contributors of the groups with several, where credit is shared, by
	// the place of the kept document.
	groups map[doc.Place][]string

	inputsMatch bool // every input is the one that was planned
	recount     *recount
	linesMatch  bool // every line is as decisions and rejects say

	progress sync.Mutex
}

// shardLines are the bitmaps of a shard; nil where there is no file.
type shardLines struct {
	class [doc.NumClasses]*roaring.Bitmap
}

// is reports whether the line is in the class.
func (s *shardLines) is(class doc.Class, ordinal uint32) bool {
	return s.class[class] != nil && s.class[class].Contains(ordinal)
}

func (s *shardLines) count(class doc.Class) uint64 {
	if s.class[class] == nil {
		return 0
	}
	return s.class[class].GetCardinality()
}

// skipped is the detail of a check that lacks what an earlier one should have
// left, and fails it.
func skipped(f *findings, missing string) (string, error) {
	f.add("not checked, for want of a sound %s", missing)
	return "", nil
}

// number is how many there are of something, in words that end in s where there are
// several.
func number[N int | int64 | uint64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// findings collects failures. It is for one goroutine.
type findings struct {
	first []string
	count int64
}

func (f *findings) add(format string, args ...any) {
	if len(f.first) < maxFailures {
		f.first = append(f.first, fmt.Sprintf(format, args...))
	}
	f.count++
}

func (f *findings) merge(o *findings) {
	f.count += o.count
	f.first = append(f.first, o.first[:min(len(o.first), maxFailures-len(f.first))]...)
}

// parallel runs fn for 0 … n-1 on all workers, and appends what they find to f
// in the order of the numbers.
func (c *checker) parallel(ctx context.Context, n int, f *findings, fn func(ctx context.Context, i int, f *findings) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	found := make([]findings, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(c.o.Workers, n) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n || ctx.Err() != nil {
					return
				}
				if err := fn(ctx, i, &found[i]); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for i := range found {
		f.merge(&found[i])
	}
	return nil
}

// progressOf returns a function that adds to the progress of a stage.
func (c *checker) progressOf(stage string, total int64) func(int64) {
	if c.o.Progress == nil {
		return func(int64) {}
	}
	var done int64
	c.o.Progress(stage, 0, total)
	return func(n int64) {
		c.progress.Lock()
		defer c.progress.Unlock()
		done += n
		c.o.Progress(stage, done, total)
	}
}

// path returns where a file of the run lies.
func (c *checker) path(name string) string { return filepath.Join(c.dir, filepath.FromSlash(name)) }

// open opens a file of the run, unless it is known to be damaged: its failure
// is reported already, and a reader of damaged bytes may want any amount of
// memory. It returns nil where there is nothing to read.
func (c *checker) open(name string) *os.File {
	if c.damaged[name] {
		return nil
	}
	f, err := os.Open(c.path(name))
	if err != nil {
		return nil
	}
	return f
}

// read returns the content of a file of the run; nil without an error where open
// returns nil.
func (c *checker) read(name string) ([]byte, error) {
	if c.damaged[name] {
		return nil, nil
	}
	data, err := wary.File(c.path(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%w: %w", doc.ErrInput, err)
	}
	return data, nil
}

// skippedOr is skipped, unless there is an error.
func skippedOr(f *findings, missing string, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return skipped(f, missing)
}

// firstLine is the one-based number, in its file, of a shard's first line.
func (c *checker) firstLine(shard int) int64 { return c.plan.Shards[shard].FirstLine }

// inputPath is the path of the file that a shard is part of.
func (c *checker) inputPath(shard int) string { return c.plan.Files[c.plan.Shards[shard].File].Path }
