package folder

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tallystick/tallystick/engine/decision"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// EachDecision calls fn for every dropped document of a finished run, by shard
// and line. row is reused.
func EachDecision(dir string, p plan.Plan, fn func(row *decision.Row) error) error {
	for shard := range p.Delivery() {
		if err := eachDecisionOf(dir, p, shard, fn); err != nil {
			return err
		}
	}
	return nil
}

func eachDecisionOf(dir string, p plan.Plan, shard int, fn func(row *decision.Row) error) error {
	f, err := os.Open(filepath.Join(dir, decision.Path(shard)))
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	r, err := decision.NewReader(f, st.Size(), shard, p.Further...)
	if err != nil {
		return err
	}
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if int(row.WitnessShard) >= len(p.Shards) {
			return fmt.Errorf("%w: %s: line %d: witness in shard %d of %d", doc.ErrCorrupt, decision.Path(shard), row.Line, row.WitnessShard, len(p.Shards))
		}
		if err := fn(row); err != nil {
			return err
		}
	}
}
