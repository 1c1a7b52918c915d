package resolve

import (
	"context"
	"crypto/sha256"

	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// isShare reports whether the task is one of decide, which has a share of the
// documents.
func (r *resolver) isShare() bool { return r.Record.Stage == task.Decide }

// ofShard and ofAll are how files begin with what is said of the documents of one
// shard, and of all.
var (
	ofShard = map[string]string{"decisions": wire.MagicDecisions, "owners": wire.MagicOwners}
	ofAll   = map[string]string{"decisions": wire.MagicDecided, "owners": wire.MagicOwnersOfAll, "sets": wire.MagicSets}
)

// byShard writes what is said of documents of the delivery, in their order: resolve to a
// file for each shard, decide to one file, each record after the number of its
// shard.
type byShard struct {
	r     *resolver
	kind  string
	e     *wire.Encoder
	files int // that there must be
	made  int // of them
}

// begin begins files of a kind.
func (r *resolver) begin(kind string) *byShard {
	if r.isShare() {
		return &byShard{r: r, kind: kind, files: 1}
	}
	return &byShard{r: r, kind: kind, files: r.delivery}
}

// to returns what encodes the next record, which is of a shard.
func (w *byShard) to(ctx context.Context, shard uint32) (*wire.Encoder, error) {
	if w.r.isShare() {
		if err := w.make(ctx, 1); err != nil {
			return nil, err
		}
		w.e.Uint(uint64(shard))
		return w.e, nil
	}
	err := w.make(ctx, int(shard)+1)
	return w.e, err
}

// make makes files until there are so many.
func (w *byShard) make(ctx context.Context, files int) error {
	for ; w.made < files; w.made++ {
		if err := w.flush(); err != nil {
			return err
		}
		path, magic := task.WorkPath(task.Resolve, w.made, w.kind), ofShard[w.kind]
		if w.r.isShare() {
			path, magic = task.WorkPath(task.Decide, w.r.Record.Task, w.kind), ofAll[w.kind]
		}
		var err error
		if w.e, err = w.r.Encode(ctx, path, magic); err != nil {
			return err
		}
	}
	return nil
}

func (w *byShard) flush() error {
	if w.e == nil {
		return nil
	}
	return w.e.Flush()
}

// end makes the files of which nothing was said.
func (w *byShard) end(ctx context.Context) error {
	if err := w.make(ctx, w.files); err != nil {
		return err
	}
	return w.flush()
}

// writeCopies notes in a task of decide who stands for whom, for resolve's audit and for what a
// sweepable run keeps. A document that stands for itself is there if it is of a group whose texts
// collide, with its digest, which then tells who is first.
func (r *resolver) writeCopies(ctx context.Context, first func(number uint32) uint32, sum func(number uint32) [sha256.Size]byte) error {
	if !r.isShare() || r.Plan.AuditPPM == 0 && !r.Plan.NearDup.Sweepable() {
		return nil
	}
	e, err := r.Encode(ctx, task.WorkPath(task.Decide, r.Record.Task, "copies"), wire.MagicCopies)
	if err != nil {
		return err
	}
	number := uint32(0)
	for place := range r.places.All() {
		if f := first(number); f != number {
			e.Place(place)
			e.Place(r.places.At(f))
		} else if sum := sum(number); sum != [sha256.Size]byte{} {
			e.Place(place)
			e.Place(place)
			e.Raw(sum[:])
		}
		number++
	}
	return e.Flush()
}
