package corpus

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

const testMaxLine = 1 << 20

func writeFile(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// gzipped compresses data as so many members of about equal size.
func gzipped(t testing.TB, data []byte, members int) []byte {
	t.Helper()
	var out bytes.Buffer
	for i := range members {
		w := gzip.NewWriter(&out)
		w.Name = "a name in the header"
		if _, err := w.Write(data[len(data)*i/members : len(data)*(i+1)/members]); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// zstded compresses data as so many frames, with a skippable frame after each.
func zstded(t testing.TB, data []byte, frames int, o ...zstd.EOption) []byte {
	t.Helper()
	var out bytes.Buffer
	for i := range frames {
		w, err := zstd.NewWriter(&out, o...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data[len(data)*i/frames : len(data)*(i+1)/frames]); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if i+1 < frames {
			out.WriteString("\x53\x2a\x4d\x18\x03\x00\x00\x00any")
		}
	}
	return out.Bytes()
}

func planFiles(t testing.TB, shardSize int64, paths ...string) ([]plan.File, []plan.Shard) {
	t.Helper()
	files, shards, err := Plan(t.Context(), paths, PlanOptions{ShardSize: shardSize})
	if err != nil {
		t.Fatal(err)
	}
	return files, shards
}

// readShard returns the lines of a shard, their Data copied.
func readShard(t testing.TB, f plan.File, s plan.Shard, maxLine int64) []Line {
	t.Helper()
	r, err := Open(t.Context(), f, s, maxLine)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	var lines []Line
	for {
		var line Line
		err := r.Next(&line)
		if err == io.EOF {
			if err := r.Next(&line); err != io.EOF {
				t.Errorf("Next after the end: %v, want EOF", err)
			}
			if r.BytesRead() != s.Length {
				t.Errorf("%d bytes read of a shard of %d", r.BytesRead(), s.Length)
			}
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		line.Data = bytes.Clone(line.Data)
		lines = append(lines, line)
	}
}

// physicalLines cuts data the obvious way, terminators included.
func physicalLines(data []byte) []string {
	lines := strings.SplitAfter(string(data), "\n")
	return lines[:len(lines)-btoi(lines[len(lines)-1] == "")]
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// referenceLines is the obvious version of a Reader over a whole shard that
// begins at offset.
func referenceLines(data []byte, offset, maxLine int64) []Line {
	var lines []Line
	for i, physical := range physicalLines(data) {
		text := strings.TrimSuffix(strings.TrimSuffix(physical, "\n"), "\r")
		line := Line{Data: []byte(text), Ordinal: uint32(i), Offset: offset}
		if int64(len(text)) > maxLine {
			line.Data, line.Reason = nil, doc.LineTooLong
		}
		if line.Reason != doc.OK || strings.Trim(text, " \t\r\n") != "" {
			lines = append(lines, line)
		}
		offset += int64(len(physical))
	}
	return lines
}

// referenceShards is the definition of the cuts of a plain file, taken at its
// word.
func referenceShards(data []byte, shardSize int64) []plan.Shard {
	starts := []int64{0}
	offset := int64(0)
	for _, line := range physicalLines(data) {
		offset += int64(len(line))
		starts = append(starts, offset)
	}
	// starts ends with the end of the file, which no shard begins at.
	var shards []plan.Shard
	from := 0
	for cut := shardSize; from < len(starts)-1; cut += shardSize {
		to := from
		for to < len(starts)-1 && starts[to] < cut {
			to++
		}
		if to > from {
			shards = append(shards, summed(plan.Shard{Offset: starts[from], Length: starts[to] - starts[from], FirstLine: int64(from) + 1}, data))
		}
		from = to
	}
	return shards
}

// summed returns s with the XXH64 of its bytes in data, its file.
func summed(s plan.Shard, data []byte) plan.Shard {
	s.XXH64 = fmt.Sprintf("%016x", xxhash.Sum64(data[s.Offset:s.Offset+s.Length]))
	return s
}

func hexDigest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// randomText is lines of mixed lengths and terminators, blank ones among them.
func randomText(r *rand.Rand, size int) []byte {
	var out []byte
	for len(out) < size {
		switch r.IntN(8) {
		case 0:
		case 1:
			out = append(out, " \t \r"[:r.IntN(5)]...)
		case 2:
			out = append(out, bytes.Repeat([]byte{'x'}, r.IntN(size/4+1))...)
		default:
			for range r.IntN(120) {
				out = append(out, byte(' '+r.IntN(90)))
			}
		}
		out = append(out, [...]string{"\n", "\r\n"}[r.IntN(2)]...)
	}
	return out[:size]
}
