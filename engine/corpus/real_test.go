package corpus

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// realCorpus is a corpus of the shared data folder, compressed and plain.
func realCorpus(t testing.TB, name string) (compressed string, plain []byte) {
	t.Helper()
	compressed = filepath.Join("..", "..", "..", "shared", "data", "corpora", name+".jsonl.zst")
	content, err := os.ReadFile(compressed)
	if err != nil {
		t.Skipf("needs the shared data beside the repository: %v", err)
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	plain, err = decoder.DecodeAll(content, nil)
	if err != nil {
		t.Fatal(err)
	}
	return compressed, plain
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
