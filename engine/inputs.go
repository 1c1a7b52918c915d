package engine

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/stage"
)

// inputs are the files of a request and their shards.
type inputs struct {
	files     []plan.File
	shards    []plan.Shard
	opened    []string // paths to read the files by: that of the copy for standard input
	shardSize int64    // bytes, nominal
	timing    Timing
}

// open returns file i as it can be opened here.
func (in *inputs) open(i int) plan.File {
	f := in.files[i]
	f.Path = in.opened[i]
	return f
}

// readInputs lists, shards and, if digests is set, digests the inputs.
func readInputs(ctx context.Context, r Rules, m Means, dir string, digests bool) (*inputs, error) {
	paths, err := corpus.Expand(ctx, r.Inputs)
	if err != nil {
		return nil, err
	}
	if paths, err = leaveOutRuns(ctx, paths, r.Inputs, m.Progress); err != nil {
		return nil, err
	}
	in := &inputs{opened: make([]string, len(paths))}
	for i, p := range paths {
		in.opened[i] = p
		if p == "-" {
			if in.opened[i], err = spool(ctx, dir); err != nil {
				return nil, err
			}
		}
	}
	total := totalSize(ctx, in.opened)
	track := start(m.Progress, "plan", total, "bytes")
	if in.shardSize = r.ShardSize; in.shardSize == 0 {
		in.shardSize = shardSizeOf(total)
	}
	in.files, in.shards, err = corpus.Plan(ctx, in.opened, corpus.PlanOptions{
		ShardSize: in.shardSize, Workers: m.Workers, SkipDigest: !digests, Progress: track.add,
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

// Shards of a corpus, where nobody says how large: small ones keep all workers
// busy to the end, large ones cost fewer files.
const (
	shardsWanted  = 16
	smallestShard = 8 << 20
	largestShard  = 64 << 20
)

// shardSizeOf is the nominal size of the shards of inputs of total bytes.
func shardSizeOf(total int64) int64 {
	return min(max(total/shardsWanted, smallestShard), largestShard)
}

// totalSize is the size of all inputs that can be measured, in bytes.
func totalSize(ctx context.Context, paths []string) int64 {
	var total atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(statsAtOnce)
	for _, p := range paths {
		group.Go(func() error {
			if size, err := corpus.Size(ctx, p); err == nil {
				total.Add(size)
			}
			return nil
		})
	}
	_ = group.Wait() // no error is returned above
	return total.Load()
}

// statsAtOnce is how many inputs are measured at once: each object takes a
// request.
const statsAtOnce = 32

// leaveOutRuns takes out what folders and globs found inside the output folder
// of a run, which may well lie inside an input folder: its plan and its tally
// are no corpus. Files that are named themselves stay.
func leaveOutRuns(ctx context.Context, paths, args []string, p Progress) ([]string, error) {
	named := map[string]bool{}
	for _, a := range args {
		named[cleanInput(a)] = true
	}
	runs := map[string]bool{} // folder → whether it is one
	for _, path := range paths {
		// The plan of a run is found like any other file below a folder.
		if dir, name := filepath.Split(path); name == stage.PlanFile && object.IsName(path) && !named[path] {
			b, err := corpus.ReadText(ctx, path, maxPlan)
			if err == nil {
				_, err = parsePlan(b, path)
			}
			runs[dir] = err == nil
		}
	}
	inRun := func(path string) (string, bool) {
		if object.IsName(path) {
			for dir := path; ; {
				dir = dir[:strings.LastIndexByte(strings.TrimSuffix(dir, "/"), '/')+1]
				if is := runs[dir]; is || named[strings.TrimSuffix(dir, "/")] || strings.HasSuffix(dir, "://") {
					return dir, is
				}
			}
		}
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
		if !named[cleanInput(path)] {
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

// cleanInput is one way to write an input.
func cleanInput(path string) string {
	if object.IsName(path) {
		return strings.TrimSuffix(path, "/")
	}
	return filepath.Clean(path)
}

// maxPlan is the size of a plan beyond which a file is not looked at, in bytes.
const maxPlan = 1 << 30

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
