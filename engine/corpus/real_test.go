package corpus

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/internal/refdata"
)

// realCorpus is a corpus of the real data, compressed and plain.
func realCorpus(t testing.TB, name string) (compressed string, plain []byte) {
	t.Helper()
	compressed = refdata.Path("corpora", name+".jsonl.zst")
	return compressed, refdata.ReadAll(t, compressed)
}

// The lines of a real corpus are the same as zstd, as it is, and plain in
// shards; a plain shard's first line number is where it really is.
func TestRealCorpus(t *testing.T) {
	compressed, plain := realCorpus(t, "zh-phpdoc")
	files, shards := planFiles(t, 1<<20, compressed, writeFile(t, "plain", plain))
	stream := readShard(t, files[0], shards[0], testMaxLine)
	if diff := cmp.Diff(referenceLines(plain, 0, testMaxLine), stream, cmp.Comparer(bytes.Equal)); diff != "" {
		t.Errorf("zstd (-want +got):\n%s", diff)
	}
	var mapped []Line
	for _, s := range shards[1:] {
		for _, line := range readShard(t, files[1], s, testMaxLine) {
			line.Ordinal += uint32(s.FirstLine - 1)
			mapped = append(mapped, line)
		}
	}
	if diff := cmp.Diff(stream, mapped, cmp.Comparer(bytes.Equal)); diff != "" {
		t.Errorf("plain (-zstd +plain):\n%s", diff)
	}
	checkFetch(t, files[0], shards[0], testMaxLine, stream)
}
