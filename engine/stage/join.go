package stage

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/tallystick/tallystick/engine/bands"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// partitionKeys are the keys of one partition: in memory, as far as they fit, else
// read from the files of the shards as often as they are asked for.
type partitionKeys struct {
	*taskRun
	scanned []task.Record
	blocks  []wire.PackedKeys // by shard
	most    map[wire.KeyKind]int64
	held    int64 // bytes of keys in memory

	of   uint32     // shard of the key that each calls with
	file store.File // of that shard, if one was read
	buf  []byte
}

// leastKey is the size of a packed key, bytes; few take less.
const leastKey = 10

// openKeys finds the keys of the task's partition and holds at most hold bytes of
// them in memory.
func (t *taskRun) openKeys(ctx context.Context, scanned []task.Record, hold int64) (*partitionKeys, error) {
	k := &partitionKeys{taskRun: t, scanned: scanned, most: map[wire.KeyKind]int64{}}
	for shard := range t.Plan.Shards {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f, err := k.open(ctx, uint32(shard))
		if err != nil {
			return nil, err
		}
		known := len(k.blocks)
		k.blocks, err = wire.ReadPacked(f, uint32(shard), t.Record.Task, hold-k.held, k.blocks)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", task.WorkPath(task.Scan, shard, "keys"), err)
		}
		for _, b := range k.blocks[known:] {
			k.held += int64(len(b.Packed))
			k.most[b.Kind] += int64(b.Size)
		}
	}
	for kind, size := range k.most {
		k.most[kind] = size/leastKey + 1
	}
	return k, nil
}

func (k *partitionKeys) open(ctx context.Context, shard uint32) (store.File, error) {
	rec, path := &k.scanned[shard], task.WorkPath(task.Scan, int(shard), "keys")
	if rec.Wrote(tablePath("bands", int(shard))) && !rec.Wrote(path) {
		return nil, fmt.Errorf("%w: scan task %d wrote its keys as Parquet: match needs the --candidates that an engine made of them (docs/match.sql), or scan again without --band-format", doc.ErrUsage, shard)
	}
	return k.OpenPart(ctx, rec, path)
}

func (k *partitionKeys) close() {
	if k.file != nil {
		k.file.Close()
		k.file = nil
	}
}

// each calls fn for all keys of a kind, by shard, which k.of tells, and line; length
// is that of an exact key.
func (k *partitionKeys) each(ctx context.Context, kind wire.KeyKind, fn func(key uint64, ordinal uint32, length uint64)) error {
	for _, b := range k.blocks {
		if b.Kind != kind {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if k.of != b.Shard {
			k.close()
		}
		k.of = b.Shard
		err := k.load(ctx, &b)
		if err == nil {
			err = b.Each(fn)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", task.WorkPath(task.Scan, int(b.Shard), "keys"), err)
		}
	}
	return nil
}

func (k *partitionKeys) place(ordinal uint32) doc.Place {
	return doc.Place{Shard: k.of, Ordinal: ordinal}
}

// load reads a block that is not held, until the next one is.
func (k *partitionKeys) load(ctx context.Context, b *wire.PackedKeys) (err error) {
	if b.Packed != nil {
		return nil
	}
	if k.file == nil {
		if k.file, err = k.open(ctx, b.Shard); err != nil {
			return err
		}
	}
	k.buf, err = b.Load(k.file, k.buf)
	return err
}

// join finds the documents that share a key of one kind, in a bounded room: it works
// through ranges of keys, each with as many records as there is room for. In what
// order groups come out, ascending by key, does not depend on the ranges.
type join struct {
	keys *partitionKeys
	kind wire.KeyKind
	out  *groupFile
	room int64 // bytes
	keyN int64 // keys so far
}

// What memory a join takes, in bytes.
const (
	sieveSize  = 4            // of a key, at most
	bandSize   = 2*16 + 8 + 4 // of a record: twice, as it is sorted, and in its group
	exactSize  = 2*24 + 8 + 4 // likewise
	splitWays  = 1 << 10      // ranges that one is divided into
	splitShare = 2            // a sieve may take one part in so many of the room
)

func (j *join) recordSize() int64 {
	if j.kind == wire.BandKey {
		return bandSize
	}
	return exactSize
}

// run joins the keys of a range.
func (j *join) run(ctx context.Context, of bands.Range) error {
	most := j.keys.most[j.kind]
	parts := uint64(1)
	if most > j.room/sieveSize/splitShare {
		parts = uint64(most*sieveSize*splitShare/j.room) + 1
	}
	width := (of.Last-of.First)/parts + 1
	for p := range parts {
		r := bands.Range{First: of.First + p*width, Last: of.Last}
		if p+1 < parts {
			r.Last = r.First + width - 1
		}
		if err := j.sift(ctx, r, most/int64(parts)+1); err != nil {
			return err
		}
	}
	return nil
}

func within(r bands.Range, key uint64) bool { return key >= r.First && key <= r.Last }

// sift joins a range of about n keys.
func (j *join) sift(ctx context.Context, r bands.Range, n int64) error {
	sieve := neardup.NewSieve(int(n))
	err := j.keys.each(ctx, j.kind, func(key uint64, _ uint32, _ uint64) {
		if within(r, key) {
			sieve.Add(key)
			j.keyN++
		}
	})
	if err != nil {
		return err
	}
	if j.room == math.MaxInt64 {
		return j.collect(ctx, r, sieve, 0)
	}
	return j.split(ctx, r, sieve, (j.room-n*sieveSize)/j.recordSize())
}

// split joins the keys of a range that repeat, at most so many records at a time.
func (j *join) split(ctx context.Context, r bands.Range, sieve *neardup.Sieve, most int64) error {
	var counts [splitWays]int64
	width := (r.Last-r.First)/splitWays + 1
	err := j.keys.each(ctx, j.kind, func(key uint64, _ uint32, _ uint64) {
		if within(r, key) && sieve.Repeats(key) {
			counts[(key-r.First)/width]++
		}
	})
	if err != nil {
		return err
	}
	for i := 0; i < splitWays; {
		n, next := counts[i], i+1
		for ; next < splitWays && n+counts[next] <= most; next++ {
			n += counts[next]
		}
		part := bands.Range{First: r.First + uint64(i)*width, Last: r.Last}
		if last := r.First + uint64(next)*width - 1; next < splitWays && last >= part.First && last < r.Last {
			part.Last = last
		}
		switch {
		case n == 0:
		case n <= most:
			err = j.collect(ctx, part, sieve, n)
		case width == 1:
			err = j.stream(ctx, part.First)
		default:
			err = j.split(ctx, part, sieve, most)
		}
		if err != nil {
			return err
		}
		i = next
	}
	return nil
}

// collect joins the keys of a range, n of which seem to repeat (0: not known), by
// sorting them.
func (j *join) collect(ctx context.Context, r bands.Range, sieve *neardup.Sieve, n int64) error {
	var groups neardup.Groups
	if j.kind == wire.BandKey {
		records := make([]neardup.BandRecord, 0, n)
		err := j.keys.each(ctx, j.kind, func(key uint64, ordinal uint32, _ uint64) {
			if sieve.Repeats(key) && within(r, key) {
				records = append(records, neardup.BandRecord{Key: key, Doc: j.keys.place(ordinal)})
			}
		})
		if err != nil {
			return err
		}
		groups = neardup.Buckets(records)
	} else {
		records := make([]neardup.ExactRecord, 0, n)
		err := j.keys.each(ctx, j.kind, func(key uint64, ordinal uint32, length uint64) {
			if sieve.Repeats(key) && within(r, key) {
				records = append(records, neardup.ExactRecord{Hash: key, Length: length, Doc: j.keys.place(ordinal)})
			}
		})
		if err != nil {
			return err
		}
		groups = neardup.ExactGroups(records)
	}
	for i := range groups.Len() {
		j.out.add(groups.Group(i))
	}
	return nil
}

// stream writes the group of one key that has more documents than there is room
// for, as they come: in order of place. Exact keys also differ by length.
func (j *join) stream(ctx context.Context, of uint64) error {
	counts := map[uint64]uint64{}
	var wrong bool
	err := j.distinct(ctx, of, func(length uint64, _ doc.Place, ordered bool) {
		counts[length]++
		wrong = wrong || !ordered
	})
	if err != nil {
		return err
	}
	if wrong {
		return fmt.Errorf("%w: keys of scan are not in order of lines", doc.ErrCorrupt)
	}
	for _, length := range slices.Sorted(maps.Keys(counts)) {
		if counts[length] < 2 {
			continue
		}
		j.out.begin(counts[length])
		err := j.distinct(ctx, of, func(l uint64, at doc.Place, _ bool) {
			if l == length {
				j.out.e.Place(at)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// distinct calls fn for the documents that have a key, each once, and tells whether
// they come in order.
func (j *join) distinct(ctx context.Context, of uint64, fn func(length uint64, at doc.Place, ordered bool)) error {
	last, any := doc.Place{}, false
	return j.keys.each(ctx, j.kind, func(key uint64, ordinal uint32, length uint64) {
		at := j.keys.place(ordinal)
		if key != of || any && at == last {
			return
		}
		fn(length, at, !any || last.Compare(at) < 0)
		last, any = at, true
	})
}
