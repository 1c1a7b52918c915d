package request

import (
	"os"
	"path/filepath"
	"testing"
)

func TestShardSizeOf(t *testing.T) {
	for _, c := range []struct{ total, shards int64 }{
		{0, 1},
		{1, 1},
		{smallestShard, 1},
		{smallestShard + 1, 2},
		{2*smallestShard + 1, 4},
		{14*smallestShard + 1, 16},
		{shardsWanted * smallestShard, 16},
		{shardsWanted*smallestShard + 5, 16},
		{shardsWanted * largestShard, 16},
		{shardsWanted*largestShard + 1, 18},
		{1 << 50, 1 << 24},
	} {
		size := shardSizeOf(c.total)
		if got := max(1, (c.total+size-1)/size); got != c.shards || size > largestShard || size < smallestShard/2 {
			t.Errorf("%d bytes: %d shards of %d, want %d", c.total, got, size, c.shards)
		}
		if last := c.total - (c.shards-1)*size; c.shards > 1 && last < size-c.shards {
			t.Errorf("%d bytes: the last shard has %d, the others %d", c.total, last, size)
		}
	}
}

// A draft, which opens every file, is made only where a worker is left for what comes of
// it: making the plan takes one for each file.
func TestDraftOnlyForIdleWorkers(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.jsonl", "b.jsonl"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("{}\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for workers, want := range map[int]bool{1: false, 2: false, 3: true} {
		told := false
		_, err := readInputs(t.Context(), Rules{Inputs: []string{dir}}, Means{Workers: workers}, "", true, func(in *Inputs) {
			told = len(in.Files) == 2 && len(in.Shards) == 2
		})
		if err != nil || told != want {
			t.Errorf("%d workers: told %v, %v", workers, told, err)
		}
	}
}
