package count

import (
	"context"
	"sync"
)

// order delivers what workers count, in the order of the units. The worker whose
// unit's turn it is delivers its batches itself; those of later units wait.
type order struct {
	ctx   context.Context
	units int
	ahead int // units that may be begun before the one whose turn it is has ended
	room  int // batches that may wait for their turn, of all units together
	fn    func([]Counted) error
	spare sync.Pool // of *batch

	before int64 // lines of the file before the unit whose turn it is
	failed error // of fn

	mu      sync.Mutex
	begun   int             // units
	turn    int             // the unit that is being delivered
	ended   map[int]*result // that wait for their turn
	waiting int             // batches
	moved   sync.Cond       // turn has, or there is room again
}

// result is what comes of a unit.
type result struct {
	number  int   // of the unit
	first   bool  // it begins a file
	lines   int64 // blank ones included; 0 for a text
	waiting []*batch
}

// batch are documents in a row. Lines are numbered from the beginning of their unit.
type batch []Counted

const countBatch = 512 // documents

// What may be ahead of the unit whose turn it is, for each worker: units, for the sake
// of long ids; batches, for that of short documents, 10 MB of them.
const (
	unitsAhead   = 4
	batchesAhead = 128
)

func newOrder(ctx context.Context, units, ahead, room int, fn func([]Counted) error) *order {
	o := &order{ctx: ctx, units: units, ahead: ahead, room: room, fn: fn, ended: map[int]*result{}}
	o.moved.L = &o.mu
	context.AfterFunc(ctx, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.moved.Broadcast()
	})
	return o
}

// newBatch returns an empty batch.
func (o *order) newBatch() *batch {
	b, ok := o.spare.Get().(*batch)
	if !ok {
		made := make(batch, 0, countBatch)
		b = &made
	}
	*b = (*b)[:0]
	return b
}

// begin returns the number of the next unit, and waits while it is too far ahead. ok is
// false when there is none.
func (o *order) begin() (number int, ok bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.begun == o.units {
		return 0, false, nil
	}
	number = o.begun
	o.begun++
	return number, true, o.waitWhile(func() bool { return number > o.turn+o.ahead })
}

// waitWhile waits for as long as something holds; o is locked.
func (o *order) waitWhile(holds func() bool) error {
	for holds() {
		if err := o.ctx.Err(); err != nil {
			return err
		}
		o.moved.Wait()
	}
	return o.ctx.Err()
}

// put takes the next batch of a unit, which is order's from then on.
func (o *order) put(r *result, b *batch) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	err := o.waitWhile(func() bool { return r.number > o.turn && o.waiting >= o.room })
	r.waiting = append(r.waiting, b)
	o.waiting++
	if err != nil || r.number > o.turn {
		return err
	}
	return o.deliver(r)
}

// end takes the whole of a unit. If it is its turn, that passes on.
func (o *order) end(r *result) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended[r.number] = r
	for r.number == o.turn {
		if err := o.deliver(r); err != nil {
			return err
		}
		delete(o.ended, o.turn)
		o.before += r.lines
		o.turn++
		o.moved.Broadcast()
		if r = o.ended[o.turn]; r == nil {
			break
		}
	}
	return nil
}

// deliver passes on what waits of the unit whose turn it is. o is locked, but not
// meanwhile.
func (o *order) deliver(r *result) error {
	o.mu.Unlock()
	defer func() {
		o.mu.Lock()
		if o.waiting -= len(r.waiting); len(r.waiting) > 1 { // others may wait for the room
			o.moved.Broadcast()
		}
		r.waiting = r.waiting[:0]
	}()
	if r.first {
		o.before = 0
	}
	for _, b := range r.waiting {
		for i := range *b {
			if d := &(*b)[i]; d.Line > 0 {
				d.Line += o.before
			}
		}
		if o.failed = o.fn(*b); o.failed != nil {
			return o.failed
		}
		o.spare.Put(b)
	}
	return nil
}
