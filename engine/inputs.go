package engine

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/stage"
)

// inputs are the files of a request and their shards.
type inputs struct {
	files  []plan.File
	shards []plan.Shard
	opened []string // paths to read the files by: that of the copy for standard input
	timing Timing
}

// open returns file i as it can be opened here.
func (in *inputs) open(i int) plan.File {
	f := in.files[i]
	f.Path = in.opened[i]
	return f
}

// readInputs lists, shards and, if digests is set, digests the inputs.
func readInputs(ctx context.Context, r Rules, m Means, dir string, digests bool) (*inputs, error) {
	paths, err := corpus.Expand(r.Inputs)
	if err != nil {
		return nil, err
	}
	if paths, err = leaveOutRuns(paths, r.Inputs, m.Progress); err != nil {
		return nil, err
	}
	in := &inputs{opened: make([]string, len(paths))}
	var total int64
	for i, p := range paths {
		in.opened[i] = p
		if p == "-" {
			if in.opened[i], err = spool(ctx, dir); err != nil {
				return nil, err
			}
		}
		if st, err := os.Stat(in.opened[i]); err == nil {
			total += st.Size()
		}
	}
	track := start(m.Progress, "plan", total, "bytes")
	in.files, in.shards, err = corpus.Plan(ctx, in.opened, corpus.PlanOptions{
		ShardSize: r.ShardSize, Workers: m.Workers, SkipDigest: !digests, Progress: track.add,
	})
	if err != nil {
		return nil, err
	}
	for i, p := range paths {
		in.files[i].Path = p
	}
	in.timing = track.end(1, total)
	return in, nil
}

// leaveOutRuns takes out what folders and globs found inside the output folder
// of a run, which may well lie inside an input folder: its plan and its tally
// are no corpus. Files that are named themselves stay.
func leaveOutRuns(paths, args []string, p Progress) ([]string, error) {
	named := map[string]bool{}
	for _, a := range args {
		named[filepath.Clean(a)] = true
	}
	runs := map[string]bool{} // folder → whether it is one
	inRun := func(path string) (string, bool) {
		for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
			is, known := runs[dir]
			if !known {
				_, err := LoadPlan(filepath.Join(dir, stage.PlanFile))
				is = err == nil
				runs[dir] = is
			}
			if is || named[dir] || dir == filepath.Dir(dir) || filepath.Base(dir) == ".." {
				return dir, is
			}
		}
	}
	var kept []string
	left := map[string]int{}
	for _, path := range paths {
		if !named[filepath.Clean(path)] {
			if dir, is := inRun(path); is {
				left[dir]++
				continue
			}
		}
		kept = append(kept, path)
	}
	for _, dir := range slices.Sorted(maps.Keys(left)) {
		if len(kept) == 0 {
			return nil, fmt.Errorf("%w: %s holds the outputs of a run, not a corpus; name its files one by one to read them all the same", doc.ErrUsage, dir)
		}
		if p != nil {
			p.Notice(fmt.Sprintf("left out %d files in %s: they are the outputs of a run", left[dir], dir))
		}
	}
	return kept, nil
}

func spoolPath(dir string) string { return filepath.Join(dir, stage.WorkDir, stage.StdinSpool) }

// spool copies standard input into the work folder of dir, because a job reads
// its input more than once. A run that goes on finds its copy there.
func spool(ctx context.Context, dir string) (string, error) {
	if dir == "" {
		return "", fmt.Errorf("%w: standard input needs an output folder to be kept in", doc.ErrUsage)
	}
	final := spoolPath(dir)
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	return spoolFrom(ctx, &interruptible{ctx: ctx, r: os.Stdin}, dir)
}

// spoolFrom copies in, which is standard input, into the work folder of dir.
func spoolFrom(ctx context.Context, in io.Reader, dir string) (string, error) {
	final := spoolPath(dir)
	work := filepath.Dir(final)
	if err := os.MkdirAll(work, 0o777); err != nil {
		return "", fmt.Errorf("work folder: %w", err)
	}
	path, err := corpus.Spool(ctx, in, work)
	if err != nil {
		return "", err
	}
	return final, os.Rename(path, final)
}

// interruptible is a reader whose Read ends with ctx, even if the one below
// it waits for a terminal or a pipe; that one is then abandoned.
type interruptible struct {
	ctx context.Context
	r   io.Reader
	buf []byte // of the Read below, which may go on after ours
}

func (i *interruptible) Read(p []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	if len(i.buf) < len(p) {
		i.buf = make([]byte, len(p))
	}
	own := i.buf[:len(p)]
	go func() {
		n, err := i.r.Read(own)
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		return copy(p, own[:r.n]), r.err
	case <-i.ctx.Done():
		return 0, i.ctx.Err()
	}
}
