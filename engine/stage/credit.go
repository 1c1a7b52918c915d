package stage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/tally"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// Credit is shared among the distinct contributors of a group: a kept document
// and those that it is the witness of. resolve, which knows them, writes who
// they are for every kept document with more than one (owners); tally, which
// knows the tokens, adds the parts up (credits); seal merges.
const (
	magicOwners  = "tallystick owners 1\n"
	magicCredits = "tallystick credits 1\n"
)

// ownership is one contributor of the group of a kept document other than the
// document's own.
type ownership struct {
	kept        int32 // node
	contributor string
}

// own notes that dropped, a node, is in the group of kept. What stands has been
// paid for, or never is: its tokens are not split again.
func (r *resolver) own(dropped, kept int32) {
	if !r.Plan.SharesCredit() || r.isStanding(kept) {
		return
	}
	if name := r.nodes[dropped].contributor; name != r.nodes[kept].contributor {
		r.owners = append(r.owners, ownership{kept, name})
	}
}

// writeOwners writes the contributors of the groups that have several, by the
// place of the kept document.
func (r *resolver) writeOwners(ctx context.Context) error {
	if !r.Plan.SharesCredit() {
		return nil
	}
	slices.SortFunc(r.owners, func(a, b ownership) int {
		return cmp.Or(cmp.Compare(a.kept, b.kept), cmp.Compare(a.contributor, b.contributor))
	})
	r.owners = slices.Compact(r.owners)
	rest := r.owners
	for shard := range r.delivery {
		e, err := r.Encode(ctx, task.WorkPath(task.Resolve, shard, "owners"), magicOwners)
		if err != nil {
			return err
		}
		// Nodes, and so owners, are in order of place.
		for len(rest) > 0 && r.nodes[rest[0].kept].place.Shard == uint32(shard) {
			kept := rest[0].kept
			n := 1
			for n < len(rest) && rest[n].kept == kept {
				n++
			}
			e.Uint(uint64(r.nodes[kept].place.Ordinal))
			e.Uint(uint64(n))
			for _, o := range rest[:n] {
				e.Str(o.contributor)
			}
			rest = rest[n:]
		}
		if err := e.Flush(); err != nil {
			return err
		}
	}
	return nil
}

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
	d, closeFile, err := t.Decode(ctx, resolved, task.WorkPath(task.Resolve, t.Record.Task, "owners"), magicOwners)
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
		c.d.Err = fmt.Errorf("%w: a group of line %d of shard %d, which is not kept", doc.ErrCorrupt, c.next, t.Record.Task)
	}
	if c.d.Err != nil {
		return c.d.Err
	}
	e, err := t.Encode(ctx, task.WorkPath(task.Tally, t.Record.Task, "credits"), magicCredits)
	if err != nil {
		return err
	}
	err = c.sums.EachShare(func(contributor string, of uint64, tokens []uint64) {
		e.Str(contributor)
		e.Uint(of)
		for _, n := range tokens {
			e.Uint(n)
		}
	})
	return errors.Join(err, e.Flush())
}
