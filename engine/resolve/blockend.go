package resolve

import (
	"cmp"
	"fmt"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/docset"
	"github.com/tallystick/tallystick/engine/fate"
	"github.com/tallystick/tallystick/engine/internal/extsort"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/sweep"
	"github.com/tallystick/tallystick/engine/wire"
)

// noteCopied notes what became of a document that has copies.
func (b *blocks) noteCopied(d *ranksDoc, f *found) error {
	witness, at := f.witness, f.at
	if witness == nil {
		witness, at = &d.Node, d.at
	}
	b.p.key = extsort.AppendNumbers(b.p.key[:0], d.number)
	return b.copied.Add(b.p.key, b.p.value.Value(func(e *wire.Encoder) {
		putFate(e, &f.fate)
		d.nodeRecord.put(e)
		e.Uint(uint64(at))
		(&nodeRecord{Node: *witness}).put(e)
	}))
}

// noteSize adds documents to the group of a witness.
func (b *blocks) noteSize(at uint32, witness *fate.Node, dropped uint64) error {
	b.p.key = extsort.AppendNumbers(b.p.key[:0], at)
	return b.sizes.Add(b.p.key, b.p.value.Value(func(e *wire.Encoder) {
		e.Uint(dropped)
		(&nodeRecord{Node: *witness}).put(e)
	}))
}

// end decides about copies, and adds up.
func (b *blocks) end() error {
	if err := b.copies(); err != nil {
		return err
	}
	if err := b.groups(); err != nil {
		return err
	}
	component, err := b.connected()
	if err != nil {
		return err
	}
	b.p.out.add(&b.stats, &b.most, component)
	return nil
}

func (b *blocks) copies() error {
	firsts, err := openStream(b.copied)
	if err != nil {
		return err
	}
	defer firsts.close()
	var (
		f              sweep.Fate
		first, witness nodeRecord
		at             uint32
		dropped        uint64
		known          bool
	)
	flush := func() error {
		if dropped == 0 {
			return nil
		}
		err := b.noteSize(at, &witness.Node, dropped)
		dropped = 0
		return err
	}
	err = b.p.copies.until(b.component+1, func(key, value []byte) error {
		number := extsort.NumberOf(key, 1)
		if !known || first.number != number {
			if err := flush(); err != nil {
				return err
			}
			known = false
			err := firsts.until(number+1, func(_, value []byte) error {
				d := wire.ValueOf(value)
				getFate(d, &f)
				first.get(d)
				at = d.Uint32()
				witness.get(d)
				known = first.number == number
				return d.Ended()
			})
			if err == nil && !known {
				err = fmt.Errorf("%w: a copy of document %d, which has none", doc.ErrCorrupt, number)
			}
			if err != nil {
				return err
			}
		}
		counts, err := b.p.dropCopy(value, &f, &first.Node, &witness.Node, first.carried)
		if counts {
			dropped++
		}
		return err
	})
	return cmp.Or(err, flush())
}

// groups adds up the sizes of groups.
func (b *blocks) groups() error {
	sizes, err := openStream(b.sizes)
	if err != nil {
		return err
	}
	defer sizes.close()
	var witness, last nodeRecord
	var total uint64
	group := uint32(0)
	err = sizes.until(1<<32-1, func(key, value []byte) error {
		d := wire.ValueOf(value)
		n := d.Uint()
		witness.get(d)
		if at := extsort.NumberOf(key, 0); at != group && total > 0 {
			b.p.out.group(&last.Node, total)
			total = 0
		}
		group, last = extsort.NumberOf(key, 0), witness
		total += n
		return d.Ended()
	})
	if total > 0 {
		b.p.out.group(&last.Node, total)
	}
	return err
}

// connected looks at the kept documents of each bucket: how many there are, and how
// many hang together.
func (b *blocks) connected() (uint64, error) {
	kept, err := openStream(b.inTouch)
	if err != nil {
		return 0, err
	}
	defer kept.close()
	parent := docset.Forest(b.ranks) // which are not needed any more
	parent.Reset()
	isKept := docset.NewBits(b.docs)
	bucket, first, witnesses := uint32(0), uint32(0), uint32(0)
	end := func() {
		b.stats.LargestBucketKept = max(b.stats.LargestBucketKept, witnesses)
		if witnesses > neardup.HotBucket {
			b.stats.HotBuckets++
		}
	}
	started := false
	err = kept.until(1<<32-1, func(key, value []byte) error {
		rank := extsort.NumberOf(key, 1)
		isKept.Add(rank)
		if of := extsort.NumberOf(key, 0); !started || of != bucket {
			end()
			started, bucket, first, witnesses = true, of, rank, 0
		}
		parent.Unite(first, rank)
		witnesses += uint32(value[0])
		return nil
	})
	end()
	return uint64(parent.Largest(isKept)), err
}
