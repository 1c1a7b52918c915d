package stage

import (
	"context"
	"errors"
	"fmt"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/tally"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// Credit is shared among the distinct contributors of a group: a kept document
// and those that it is the witness of. resolve, which knows them, writes who
// they are for every kept document with more than one (owners); tally, which
// knows the tokens, adds the parts up (credits); seal merges.
const magicCredits = "tallystick credits 2\n"

// crediting shares the tokens of one shard's kept documents. The nil crediting,
// of a plan that does not share credit, does nothing.
type crediting struct {
	sums   *tally.Tally
	d      *wire.Decoder
	close  func()
	next   uint32   // ordinal of the kept document that others is about
	others []string // contributors beside its own
	tokens []uint64
}

func (t *taskRun) newCrediting(ctx context.Context, resolved *task.Record, sums *tally.Tally) (*crediting, error) {
	if !t.Plan.SharesCredit() {
		return nil, nil
	}
	d, closeFile, err := t.Decode(ctx, resolved, task.WorkPath(task.Resolve, t.Record.Task, "owners"), wire.MagicOwners)
	if err != nil {
		return nil, err
	}
	c := &crediting{sums: sums, d: d, close: closeFile}
	c.read()
	return c, nil
}

func (c *crediting) read() {
	c.others = c.others[:0]
	if !c.d.More() {
		return
	}
	c.next = c.d.Uint32()
	for n := c.d.Uint(); n > 0 && c.d.Err == nil; n-- {
		c.others = append(c.others, c.d.Str())
	}
}

// kept credits the document of rec, which is kept.
func (c *crediting) kept(rec *wire.Document) {
	if c == nil {
		return
	}
	c.tokens = append(append(c.tokens[:0], rec.Tokens), rec.Further...)
	if len(c.others) == 0 || c.next != rec.Ordinal {
		c.sums.Share(string(rec.Contributor), 1, c.tokens)
		return
	}
	parts := uint64(1 + len(c.others))
	c.sums.Share(string(rec.Contributor), parts, c.tokens)
	for _, name := range c.others {
		c.sums.Share(name, parts, c.tokens)
	}
	c.read()
}

func (c *crediting) stop() {
	if c != nil {
		c.close()
	}
}

// write writes the credits of the shard.
func (c *crediting) write(ctx context.Context, t *taskRun) error {
	if c == nil {
		return nil
	}
	if c.d.Err == nil && len(c.others) > 0 {
		c.d.Fail(fmt.Errorf("%w: a group of line %d of shard %d, which is not kept", doc.ErrCorrupt, c.next, t.Record.Task))
	}
	if err := c.d.Ended(); err != nil {
		return err
	}
	e, err := t.Encode(ctx, task.WorkPath(task.Tally, t.Record.Task, "credits"), magicCredits)
	if err != nil {
		return err
	}
	err = c.sums.EachShare(func(contributor string, of uint64, tokens []uint64) {
		e.Str(contributor)
		e.Uint(of)
		putFew(e, tokens)
	})
	return errors.Join(err, e.Flush())
}
