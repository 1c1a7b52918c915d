package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/verify/wary"
)

// TestReadIndex reads an index written by hand, whole and cut everywhere.
func TestReadIndex(t *testing.T) {
	text := func(b []byte, s string) []byte { return append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	document := func(b []byte, ordinal uint64, dated bool) []byte {
		b = binary.AppendUvarint(append(b, 'd'), ordinal)
		b = text(text(binary.AppendUvarint(b, 700), ""), "Ann")
		b = binary.AppendUvarint(binary.AppendUvarint(b, 300), 0)
		b = append(b, "8 bytes."...)
		if b = append(b, 0); dated {
			b[len(b)-1] = 1
			b = binary.AppendUvarint(binary.AppendVarint(b, -5), 1e8)
		}
		return text(text(b, "id"), "wiki")
	}
	file := []byte("tallystick index 1\n")
	var starts []int // of records
	for _, r := range [][]byte{
		document(nil, 3, true), document(nil, 1<<20, false), document(nil, 9, true),
		append(text(text([]byte{'v', 9, 2, 0, 200, 1, 201, 1}, "w"), "Bob"), 90, 100, 16),
		text([]byte{'b', 0}, "a block of keys"), text([]byte{'x', 0}, "another"),
	} {
		starts = append(starts, len(file))
		file = append(file, r...)
	}
	read := func(data []byte) ([]uint32, error) {
		kept, _, err := wary.Index(bytes.NewReader(data), true)
		if err != nil {
			return nil, err
		}
		return kept.ToArray(), nil
	}
	if got, err := read(file); err != nil || !slices.Equal(got, []uint32{3, 1 << 20}) {
		t.Errorf("kept: %v, %v", got, err)
	}

	// A witness must be among the kept ones, of the index that was planned with.
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, "index"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, indexName(0)), file, 0o666); err != nil {
		t.Fatal(err)
	}
	digest := fmt.Sprintf("%x", sha256.Sum256(file))
	for _, try := range []struct {
		planned string
		witness []uint32
		faults  int64
	}{{digest, []uint32{3, 1 << 20}, 0}, {digest, []uint32{3, 9, 10}, 2}, {digest[1:] + "0", []uint32{3}, 1}} {
		c := &checker{plan: &plan.Plan{
			Fields: plan.Fields{Source: "source"}, Files: []plan.File{{Path: "a.jsonl", Run: "earlier"}},
			Shards: []plan.Shard{{FirstLine: 1, Index: try.planned}}, Earlier: []plan.Earlier{{Folder: folder, Shards: 1}},
		}, witness: []roaring.Bitmap{*roaring.BitmapOf(try.witness...)}}
		c.o.Workers = 1
		var f findings
		if n, err := c.checkEarlier(t.Context(), &f); err != nil || n != uint64(len(try.witness)) || f.count != try.faults {
			t.Errorf("%+v: %d witnesses, faults %q, %v", try, n, f.first, err)
		}
	}

	for n := range file {
		if _, err := read(file[:n]); err == nil && !slices.Contains(starts, n) {
			t.Errorf("the first %d bytes are no index, but were read", n)
		}
	}
}
