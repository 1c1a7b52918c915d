package engine

import (
	"context"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/plan"
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
	total := corpus.TotalSize(ctx, in.opened)
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

// findInputs lists and shards the inputs, those of a reference corpus after the
// others, without digests. dir is where standard input is copied to.
func findInputs(ctx context.Context, r Rules, m Means, dir string) (*inputs, error) {
	in, err := readInputs(ctx, r, m, dir, false)
	if err != nil || len(r.Policy.Reference) == 0 {
		return in, err
	}
	reference, err := readReference(ctx, r, m, dir, in.files, false)
	if err != nil {
		return nil, err
	}
	in.add(reference)
	return in, nil
}
