package request

import (
	"os"
	"path/filepath"
	"testing"
)

func TestShardSizeOf(t *testing.T) {
	for _, c := range []struct{ total, want int64 }{
		{0, smallestShard},
		{shardsWanted * smallestShard, smallestShard},
		{shardsWanted*smallestShard + shardsWanted, smallestShard + 1},
		{shardsWanted * largestShard, largestShard},
		{1 << 50, largestShard},
	} {
		if got := shardSizeOf(c.total); got != c.want {
			t.Errorf("%d bytes: %d, want %d", c.total, got, c.want)
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
