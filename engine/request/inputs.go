package request

import (
	"cmp"
	"context"
	"slices"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/progress"
)

// Inputs are the files of a request and their shards.
type Inputs struct {
	Files     []plan.File
	Shards    []plan.Shard
	Longest   []corpus.LongLine // of plain files, the longest first
	opened    []string          // paths to read the files by: that of the copy for standard input
	shardSize int64             // bytes, nominal
	timing    progress.Timing
}

// Open returns file i as it can be opened here.
func (in *Inputs) Open(i int) plan.File {
	f := in.Files[i]
	f.Path = in.opened[i]
	return f
}

// readInputs lists, shards and, if digests is set, digests the inputs. draft, if not
// nil, is told before they are read what will be found (corpus.Draft), if that is
// known and there are workers who would wait for it.
func readInputs(ctx context.Context, r Rules, m Means, dir string, digests bool, draft func(*Inputs)) (*Inputs, error) {
	paths, err := corpus.Expand(ctx, r.Inputs)
	if err != nil {
		return nil, err
	}
	if paths, err = folder.LeaveOutRuns(ctx, paths, r.Inputs, m.Progress); err != nil {
		return nil, err
	}
	in := &Inputs{opened: make([]string, len(paths))}
	for i, p := range paths {
		in.opened[i] = p
		if p == "-" {
			if in.opened[i], err = folder.Spool(ctx, dir); err != nil {
				return nil, err
			}
		}
	}
	total := corpus.TotalSize(ctx, in.opened)
	track := progress.Start(m.Progress, "plan", total, "bytes")
	if in.shardSize = r.ShardSize; in.shardSize == 0 {
		in.shardSize = shardSizeOf(total)
	}
	if draft != nil && len(paths) < m.Workers && !slices.Contains(paths, "-") {
		var known bool
		if in.Files, in.Shards, known = corpus.Draft(ctx, in.opened, in.shardSize); known {
			draft(in)
		}
	}
	in.Files, in.Shards, err = corpus.Plan(ctx, in.opened, corpus.PlanOptions{
		ShardSize: in.shardSize, Workers: m.Workers, SkipDigest: !digests, Progress: track.Add, Long: in.addLong,
	})
	if err != nil {
		return nil, err
	}
	in.keepLongest()
	for i, p := range paths {
		in.Files[i].Path = p
	}
	in.timing = track.End(1, total)
	return in, nil
}

// longKept is of how many of the longest lines a plan knows.
const longKept = 256

func (in *Inputs) addLong(l corpus.LongLine) {
	if in.Longest = append(in.Longest, l); len(in.Longest) == 2*longKept {
		in.keepLongest()
	}
}

func (in *Inputs) keepLongest() {
	slices.SortFunc(in.Longest, func(a, b corpus.LongLine) int {
		return cmp.Or(cmp.Compare(b.Length, a.Length), cmp.Compare(a.File, b.File), cmp.Compare(a.Offset, b.Offset))
	})
	in.Longest = in.Longest[:min(len(in.Longest), longKept)]
}

// Shards of a corpus, where nobody says how large: small ones keep all workers
// busy to the end, large ones cost fewer files. To be even in number they may be down to
// half as large as the smallest.
const (
	shardsWanted  = 16
	smallestShard = 8 << 20
	largestShard  = 64 << 20
)

// shardSizeOf is the nominal size of the shards of inputs of total bytes. One file has an
// even number of them, of one size, so that two processes get the same of each stage.
func shardSizeOf(total int64) int64 {
	size := min(max((total+shardsWanted-1)/shardsWanted, smallestShard), largestShard)
	if total <= size {
		return size
	}
	shards := (total + size - 1) / size
	shards += shards % 2
	return (total + shards - 1) / shards
}

// FindInputs lists and shards the inputs, those of a reference corpus after the
// others, without digests. dir is where standard input is copied to.
func FindInputs(ctx context.Context, r Rules, m Means, dir string) (*Inputs, error) {
	in, err := readInputs(ctx, r, m, dir, false, nil)
	if err != nil || len(r.Policy.Reference) == 0 {
		return in, err
	}
	reference, err := readReference(ctx, r, m, dir, in.Files, false)
	if err != nil {
		return nil, err
	}
	in.add(reference)
	return in, nil
}
