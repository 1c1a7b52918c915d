package corpus

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"

	"github.com/tallystick/tallystick/engine/plan"
)

// tellEvery is how many lines EachLine reads between looks at its context.
const tellEvery = 64

// EachLine calls fn for every line of a shard that is not blank, in order, and
// survives a mapped file that shrinks (Guard). progress, if not nil, is told of
// bytes on disk as they are consumed. An error of fn is returned with the
// line's place in front of it.
func EachLine(ctx context.Context, f plan.File, s plan.Shard, maxLine int64, progress func(bytes int64), fn func(*Line) error) error {
	r, err := Open(ctx, f, s, maxLine)
	if err != nil {
		return err
	}
	return r.each(ctx, progress, fn)
}

// EachPlannedLine is EachLine that ends, after the last line, with an error that
// wraps doc.ErrInputChanged unless the bytes of the shard are the ones that were
// planned. Those of a plain file are compared as they are read.
func EachPlannedLine(ctx context.Context, f plan.File, s plan.Shard, maxLine int64, progress func(bytes int64), fn func(*Line) error) error {
	r, err := Open(ctx, f, s, maxLine)
	if err != nil {
		return err
	}
	r.sum = xxhash.New()
	return r.each(ctx, progress, fn)
}

// EachSummedLine is EachLine that also returns the XXH64 of the shard's bytes, as a
// plan has it, for a plan that does not have it yet. The file is a plain one (Draft).
func EachSummedLine(ctx context.Context, f plan.File, s plan.Shard, maxLine int64, fn func(*Line) error) (sum string, err error) {
	r, err := Open(ctx, f, s, maxLine)
	if err != nil {
		return "", err
	}
	r.sum, r.unplanned = xxhash.New(), true
	if err := r.each(ctx, nil, fn); err != nil {
		return "", err
	}
	return hexSum(r.sum), nil
}

// EachDraftedLine is EachLine of a shard whose first line has no number yet (Draft);
// it also returns how many lines the shard has, blank ones included.
func EachDraftedLine(ctx context.Context, f plan.File, s plan.Shard, maxLine int64, progress func(bytes int64), fn func(*Line) error) (lines int64, err error) {
	r, err := Open(ctx, f, s, maxLine)
	if err != nil {
		return 0, err
	}
	err = r.each(ctx, progress, fn)
	return r.lines(), err
}

// each is EachLine of r, which it closes.
func (r *Reader) each(ctx context.Context, progress func(bytes int64), fn func(*Line) error) error {
	defer r.Close()
	f, s := r.planned, r.shard
	var told int64
	tell := func() {
		if n := r.BytesRead(); progress != nil && n != told {
			progress(n - told)
			told = n
		}
	}
	var line Line
	each := func() error {
		for n := 0; ; n++ {
			if n%tellEvery == 0 {
				if err := ctx.Err(); err != nil {
					return err
				}
				tell()
			}
			if err := r.Next(&line); errors.Is(err, io.EOF) {
				tell()
				if r.sum == nil {
					return nil
				}
				return r.check(ctx)
			} else if err != nil {
				return err
			}
			if err := fn(&line); err != nil {
				if s.FirstLine == 0 { // of a draft
					return fmt.Errorf("%s: byte %d: %w", f.Path, line.Offset, err)
				}
				return fmt.Errorf("%s: line %d, byte %d: %w", f.Path, s.FirstLine+int64(line.Ordinal), line.Offset, err)
			}
		}
	}
	err := Guard(each)
	if errors.Is(err, errFault) {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	return err
}
