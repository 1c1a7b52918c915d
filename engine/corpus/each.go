package corpus

import (
	"context"
	"errors"
	"fmt"
	"io"

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
	defer r.Close()
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
				return nil
			} else if err != nil {
				return err
			}
			if err := fn(&line); err != nil {
				return fmt.Errorf("%s: line %d, byte %d: %w", f.Path, s.FirstLine+int64(line.Ordinal), line.Offset, err)
			}
		}
	}
	err = Guard(each)
	if errors.Is(err, errFault) {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	return err
}
