package sweepable

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/fate"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// sweepFile is the content of a file of Dir by its numbers.
func sweepFile(magic string, write func(e *wire.Encoder)) []byte {
	var b bytes.Buffer
	e := wire.NewEncoder(&b, magic)
	write(e)
	e.Flush()
	return b.Bytes()
}

// graphFile has three nodes, two of which share one of two buckets.
func graphFile() []byte {
	return sweepFile(magicGraph, func(e *wire.Encoder) {
		e.Uint(3)
		for i := range uint32(3) {
			e.Place(doc.Place{Ordinal: 5 * i})
			e.Int(0)
			e.Uint(uint64(3 - i))
		}
		for _, n := range []uint64{3, 2, 1, 0, 2, 0, 1, 1, 1} {
			e.Uint(n)
		}
	})
}

func setsFile() []byte {
	return sweepFile(magicSets, func(e *wire.Encoder) {
		for rank := range uint64(3) {
			e.Uint(rank)
			e.Uint(rank)
			for i := range rank {
				e.Fixed64(i << 40)
			}
		}
	})
}

// loadSweep reads a graph or sets as those of a run of one shard.
func loadSweep(t *testing.T, name string, content []byte) error {
	t.Helper()
	var packed bytes.Buffer
	z, err := zstd.NewWriter(&packed, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	z.Write(content)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	job := &task.Job{Plan: plan.Plan{Files: []plan.File{{Path: "a"}}, Shards: []plan.Shard{{}}}, Out: store.NewMem()}
	if err := task.WriteBytes(t.Context(), job.Out, name, packed.Bytes()); err != nil {
		t.Fatal(err)
	}
	if name == sweepSets {
		sets, err := LoadSets(t.Context(), job, t.TempDir(), 3, func(rank uint32) (uint32, bool) { return rank, rank < 3 })
		if err == nil {
			sets.Close()
		}
		return err
	}
	g := fate.New(&job.Plan)
	if err := LoadGraph(t.Context(), job, g); err != nil {
		return err
	}
	g.Graph.Members() // as whoever asks does
	return nil
}

func TestHostileSweepFiles(t *testing.T) {
	if err := loadSweep(t, sweepGraph, graphFile()); err != nil {
		t.Error(err)
	}
	if err := loadSweep(t, sweepSets, setsFile()); err != nil {
		t.Error(err)
	}
	const huge = 1 << 60
	for name, numbers := range map[string][]uint64{
		"2⁶⁰ nodes":                {huge},
		"node of no shard":         {1, 7, 0, 0, 1, 0, 0},
		"node of a negative first": {1, 0, 0, 1, 0, 0, 0},
		"rank of 2³³":              {1, 0, 0, 0, 1 << 33, 0, 0},
		"rank twice":               {2, 0, 0, 0, 1, 0, 1, 0, 1, 1, 0, 0},
		"rank of nobody":           {1, 0, 0, 0, 0, 1, 0, 0},
		"2⁶⁰ documents":            {1, 0, 0, 0, 0, huge, 0},
		"2³² buckets of nobody":    {1, 0, 0, 0, 0, 0, 1<<32 - 1},
		"2⁶⁰ buckets of one":       {1, 0, 0, 0, 1, 1, 4, huge},
		"bucket that there is not": {1, 0, 0, 0, 1, 1, 4, 1, 4},
	} {
		err := loadSweep(t, sweepGraph, sweepFile(magicGraph, func(e *wire.Encoder) {
			for _, n := range numbers {
				e.Uint(n)
			}
		}))
		if !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, content := range map[string][]byte{
		"set of 2⁶⁰": sweepFile(magicSets, func(e *wire.Encoder) { e.Uint(0); e.Uint(huge) }),
		"descending": sweepFile(magicSets, func(e *wire.Encoder) { e.Uint(0); e.Uint(2); e.Fixed64(2); e.Fixed64(1) }),
		"a shingle twice": sweepFile(magicSets, func(e *wire.Encoder) {
			for rank := range uint64(3) {
				e.Uint(rank)
				e.Uint(2)
				e.Fixed64(1)
				e.Fixed64(1)
			}
		}),
		"a set twice": sweepFile(magicSets, func(e *wire.Encoder) {
			for _, rank := range []uint64{0, 1, 1} {
				e.Uint(rank)
				e.Uint(0)
			}
		}),
		"missing sets": []byte(magicSets),
	} {
		if err := loadSweep(t, sweepSets, content); !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzSweepFiles: whatever a sweepable run is said to have kept is refused, or can be
// asked.
func FuzzSweepFiles(f *testing.F) {
	f.Add(graphFile(), false)
	f.Add(setsFile(), true)
	f.Fuzz(func(t *testing.T, content []byte, sets bool) {
		name := sweepGraph
		if sets {
			name = sweepSets
		}
		err := loadSweep(t, name, content)
		if err != nil && !errors.Is(err, doc.ErrCorrupt) && !strings.Contains(err.Error(), "store shingle set") {
			t.Errorf("%v: does not wrap %v", err, doc.ErrCorrupt)
		}
	})
}
