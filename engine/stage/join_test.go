package stage

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/task/tasktest"
	"github.com/tallystick/tallystick/engine/wire"
)

// joined returns the groups that a partition's keys make in a room of so many bytes.
func joined(t *testing.T, blocks []wire.PackedKeys, kind wire.KeyKind, partition, partitions int, room int64) []byte {
	t.Helper()
	keys := &partitionKeys{blocks: blocks, most: map[wire.KeyKind]int64{}}
	for _, b := range blocks {
		keys.most[b.Kind] += int64(b.Size)/leastKey + 1
	}
	var file bytes.Buffer
	out := &groupFile{e: wire.NewEncoder(&file, wire.MagicGroups)}
	j := &join{keys: keys, kind: kind, out: out, room: room}
	if err := j.run(context.Background(), wire.KeysOf(partition, partitions)); err != nil {
		t.Fatal(err)
	}
	out.e.Flush()
	return file.Bytes()
}

// Whatever the room, the same groups in the same order: keys of one document, of
// few and of very many, the ends of the range and neighbours, documents that have a
// key twice, exact keys of several lengths.
func TestJoinInAnyRoom(t *testing.T) {
	for _, partitions := range []int{1, 7} {
		rnd := rand.New(rand.NewPCG(uint64(partitions), 8))
		whole := wire.KeysOf(partitions-1, partitions)
		var blocks []wire.PackedKeys
		for shard := range uint32(3) {
			var file bytes.Buffer
			w := wire.NewKeyWriter(wire.NewEncoder(&file, wire.MagicKeys), shard, partitions)
			for ordinal := range uint32(2000) {
				key := whole.First + rnd.Uint64N(whole.Last-whole.First)
				switch rnd.IntN(8) {
				case 0:
					key = whole.First + uint64(rnd.IntN(3))
				case 1:
					key = whole.Last - uint64(rnd.IntN(3))
				case 2:
					key = whole.First + 5
					w.Band(key, ordinal)
				case 3, 4:
					key = whole.First + rnd.Uint64N(500)*0x1357_9bdf_2468
				}
				w.Band(key, ordinal)
				w.Exact(key, ordinal, rnd.Uint64N(3))
			}
			w.Flush()
			var err error
			if blocks, err = wire.ReadPacked(bytes.NewReader(file.Bytes()), shard, partitions-1, math.MaxInt64, blocks); err != nil {
				t.Fatal(err)
			}
		}
		for _, kind := range []wire.KeyKind{wire.BandKey, wire.ExactKey} {
			want := joined(t, blocks, kind, partitions-1, partitions, math.MaxInt64)
			groups := 0
			if err := wire.EachGroup(bytes.NewReader(want), func([]doc.Place) error { groups++; return nil }); err != nil || groups < 200 {
				t.Fatalf("%d groups, %v", groups, err)
			}
			for _, room := range []int64{1 << 10, 5000, 1 << 16, 1 << 20, 1 << 30} {
				if !bytes.Equal(joined(t, blocks, kind, partitions-1, partitions, room), want) {
					t.Errorf("%d partitions, %c keys: a room of %d bytes has other groups", partitions, kind, room)
				}
			}
		}
	}
}

// A bound on memory changes no byte, not even of the files between stages.
func TestMemoryBound(t *testing.T) {
	free := newJob(t, 1)
	runAll(t, free)
	bound := tasktest.Job(t, free.Plan, t.TempDir())
	bound.Memory = 1
	runAll(t, bound)
	want, got := tasktest.Contents(t, free), tasktest.Contents(t, bound)
	if len(want) < 20 || len(got) != len(want) {
		t.Errorf("%d files with a bound, %d without", len(got), len(want))
	}
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s differs", name)
		}
	}
}
