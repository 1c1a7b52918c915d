package corpus

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

func shard(offset, length, firstLine int64) plan.Shard {
	return plan.Shard{Offset: offset, Length: length, FirstLine: firstLine}
}

func TestPlanCuts(t *testing.T) {
	for _, tc := range []struct {
		name, data string
		shardSize  int64
		want       []plan.Shard
	}{
		{"empty file", "", 4, nil},
		{"one line", "abc\n", 100, []plan.Shard{shard(0, 4, 1)}},
		{"no newline at the end", "abc\nde", 4, []plan.Shard{shard(0, 4, 1), shard(4, 2, 2)}},
		{"a line begins at the cut", "abc\ndef\n", 4, []plan.Shard{shard(0, 4, 1), shard(4, 4, 2)}},
		{"cut just after a start", "abc\ndef\n", 5, []plan.Shard{shard(0, 8, 1)}},
		{"giant line", strings.Repeat("x", 1000), 4, []plan.Shard{shard(0, 1000, 1)}},
		{"giant line swallows cuts", "a\n" + strings.Repeat("x", 20) + "\nb\nc\n", 4,
			[]plan.Shard{shard(0, 23, 1), shard(23, 2, 3), shard(25, 2, 4)}},
		{"newlines only", "\n\n\n", 1, []plan.Shard{shard(0, 1, 1), shard(1, 1, 2), shard(2, 1, 3)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for i, s := range tc.want {
				tc.want[i] = summed(s, []byte(tc.data))
			}
			files, shards := planFiles(t, tc.shardSize, writeFile(t, "f", []byte(tc.data)))
			if diff := cmp.Diff(tc.want, shards); diff != "" {
				t.Errorf("shards (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.want, referenceShards([]byte(tc.data), tc.shardSize)); diff != "" {
				t.Errorf("reference (-want +got):\n%s", diff)
			}
			if files[0].Size != int64(len(tc.data)) || files[0].SHA256 != hexDigest([]byte(tc.data)) || files[0].Compression != "none" {
				t.Errorf("file: %+v", files[0])
			}
		})
	}
}

// However a file arrives in blocks, its cuts are those of the definition.
func TestCutterEqualsReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := []byte(rapid.StringOfN(rapid.SampledFrom([]rune("ab\n")), 0, 200, -1).Draw(t, "data"))
		shardSize := rapid.Int64Range(1, 40).Draw(t, "shard size")
		c := cutter{shardSize: shardSize, nextCut: shardSize, sum: xxhash.New()}
		for rest := data; len(rest) > 0; {
			n := rapid.IntRange(0, len(rest)).Draw(t, "block")
			c.feed(rest[:n])
			rest = rest[n:]
		}
		if diff := cmp.Diff(referenceShards(data, shardSize), c.finish()); diff != "" {
			t.Errorf("shards (-want +got):\n%s", diff)
		}
	})
}

func TestPlanManyFiles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	var paths []string
	var wantFiles []plan.File
	var wantShards []plan.Shard
	var total int64
	for i, size := range []int{0, 1, 5000, blockSize - 1, blockSize, blockSize + 1, 3*blockSize + 17, 0, 300_000} {
		plain := randomText(r, size)
		for compression, data := range map[string][]byte{
			"none": plain, "gzip": gzipped(t, plain, 3), "zstd": zstded(t, plain, 2),
		} {
			// The name lies about the compression.
			path := filepath.Join(dir, string(rune('a'+i))+"-"+compression+".json.zst")
			if err := os.WriteFile(path, data, 0o666); err != nil {
				t.Fatal(err)
			}
			shards := []plan.Shard{summed(plan.Shard{Length: int64(len(data)), FirstLine: 1}, data)}
			if compression == "none" {
				shards = referenceShards(data, 100_000)
			}
			for _, s := range shards {
				s.File = len(paths)
				wantShards = append(wantShards, s)
			}
			paths = append(paths, path)
			wantFiles = append(wantFiles, plan.File{Path: path, Size: int64(len(data)), SHA256: hexDigest(data), Compression: compression})
			total += int64(len(data))
		}
	}
	for _, workers := range []int{0, 1, 2, 7} {
		var progress int64
		files, shards, err := Plan(t.Context(), paths, PlanOptions{
			ShardSize: 100_000, Workers: workers, Progress: func(n int64) { progress += n },
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wantFiles, files); diff != "" {
			t.Errorf("%d workers: files (-want +got):\n%s", workers, diff)
		}
		if diff := cmp.Diff(wantShards, shards); diff != "" {
			t.Errorf("%d workers: shards (-want +got):\n%s", workers, diff)
		}
		if progress != total {
			t.Errorf("%d workers: progress of %d bytes, want %d", workers, progress, total)
		}
	}
}

// A file that was changed in place keeps its size: only its bytes tell.
func TestCheckShard(t *testing.T) {
	for _, check := range []func(plan.File, plan.Shard) error{func(f plan.File, s plan.Shard) error {
		return checkShard(t.Context(), f, s)
	}, func(f plan.File, s plan.Shard) error {
		return EachPlannedLine(t.Context(), f, s, 100, nil, func(*Line) error { return nil })
	}} {
		testCheckShard(t, check)
	}
}

func testCheckShard(t *testing.T, check func(plan.File, plan.Shard) error) {
	data := bytes.Repeat([]byte("a line of text\n"), 20_000)
	for name, bytes := range map[string][]byte{"plain": data, "gzip": gzipped(t, data, 2)} {
		path := writeFile(t, name, bytes)
		files, shards := planFiles(t, 100_000, path)
		for _, s := range shards {
			if err := check(files[0], s); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		last := shards[len(shards)-1]
		bytes[last.Offset+last.Length-1] ^= 1
		if err := os.WriteFile(path, bytes, 0o666); err != nil {
			t.Fatal(err)
		}
		for i, s := range shards {
			err := check(files[0], s)
			if changed := i == len(shards)-1; errors.Is(err, doc.ErrInputChanged) != changed {
				t.Errorf("%s: shard %d: %v", name, i, err)
			}
		}
	}
}

func TestPlanSkipsDigests(t *testing.T) {
	path := writeFile(t, "f", []byte("a\nb\n"))
	files, shards, err := Plan(t.Context(), []string{path}, PlanOptions{ShardSize: 2, SkipDigest: true})
	if err != nil || len(shards) != 2 || files[0].Size != 4 || files[0].SHA256 != "" {
		t.Errorf("files %+v, shards %+v, %v", files, shards, err)
	}
}

func TestPlanErrors(t *testing.T) {
	good := writeFile(t, "good", bytes.Repeat([]byte("x\n"), blockSize))
	for _, tc := range []struct {
		name string
		path string
		want error
		text string
	}{
		{"absent", t.TempDir() + "/absent", doc.ErrInput, "/absent: unreadable input: no such file"},
		{"folder", t.TempDir(), doc.ErrInput, "not a regular file"},
		{"xz", writeFile(t, "f.xz", []byte("\xfd7zXZ\x00...")), doc.ErrInput, "f.xz: unreadable input: xz data; convert"},
		{"parquet", writeFile(t, "f", []byte("PAR1")), doc.ErrInput, "parquet"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := Plan(t.Context(), []string{good, tc.path, good}, PlanOptions{ShardSize: 10, Workers: 3})
			if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("got %v, want %q", err, tc.text)
			}
		})
	}
	if _, _, err := Plan(t.Context(), []string{good}, PlanOptions{}); !errors.Is(err, doc.ErrUsage) {
		t.Errorf("without a shard size: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, _, err := Plan(ctx, []string{good}, PlanOptions{ShardSize: 10, Progress: func(int64) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestPlanFileChangesMeanwhile(t *testing.T) {
	for name, change := range map[string]func(*os.File) error{
		"grows":   func(f *os.File) error { _, err := f.WriteAt([]byte("more\n"), 8*blockSize); return err },
		"shrinks": func(f *os.File) error { return f.Truncate(7 * blockSize) },
	} {
		t.Run(name, func(t *testing.T) {
			f, err := os.Create(filepath.Join(t.TempDir(), "f"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := f.Truncate(8 * blockSize); err != nil {
				t.Fatal(err)
			}
			var changeErr error
			_, _, err = Plan(t.Context(), []string{f.Name()}, PlanOptions{ShardSize: 10, Progress: func(int64) {
				if change != nil {
					changeErr, change = change(f), nil
				}
			}})
			if changeErr != nil || !errors.Is(err, doc.ErrInputChanged) || !strings.Contains(err.Error(), f.Name()) {
				t.Errorf("got %v (%v), want doc.ErrInputChanged", err, changeErr)
			}
		})
	}
}

// TestPlanTellsOfLongLines: of every long line, wherever blocks end, and of no other.
func TestPlanTellsOfLongLines(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	var paths []string
	want := map[LongLine]bool{}
	for file := range 4 {
		var b []byte
		for range 60 {
			n := r.IntN(100)
			switch r.IntN(6) {
			case 0:
				n = r.IntN(3 * blockSize)
			case 1:
				n = MostShort - 3 + r.IntN(5)
			}
			if n+1 > MostShort {
				want[LongLine{file, int64(len(b)), int64(n) + 1}] = true
			}
			b = append(append(b, bytes.Repeat([]byte{'x'}, n)...), '\n')
		}
		if file%2 == 1 { // the last line has no end
			want[LongLine{file, int64(len(b)), MostShort + 1}] = true
			b = append(b, bytes.Repeat([]byte{'x'}, MostShort+1)...)
		}
		paths = append(paths, writeFile(t, "f", b))
	}
	got := map[LongLine]bool{}
	_, _, err := Plan(t.Context(), paths, PlanOptions{ShardSize: 1 << 20, Long: func(l LongLine) { got[l] = true }})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
