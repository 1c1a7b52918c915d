// Package refdata is the real data beside the repository (the folder
// shared/data next to it), for tests: corpora, ground truth, tokenizers and
// reference counts. Tests skip with a notice where there is no such folder, and
// fail where a file of it is missing. Only tests may import this package.
package refdata

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// Notice is why a test that needs the data is skipped.
const Notice = "NOTICE: skipped: the reference data is not here (want the folder shared/data beside the repository)"

const (
	maxWindow = 128 << 20 // of a zstd frame: zstd --long=27
	maxLine   = 256 << 20 // bytes
)

var folder = filepath.Join(repository(), "..", "shared", "data")

// repository is the nearest folder with a go.mod, upwards from this file.
func repository() string {
	_, file, _, _ := runtime.Caller(0)
	start := filepath.Dir(file)
	if !filepath.IsAbs(start) {
		// -trimpath hides where the file is, but go test runs a test in the
		// folder of its package.
		var err error
		if start, err = os.Getwd(); err != nil {
			panic(err)
		}
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			panic("refdata: no go.mod in " + start + " or above")
		}
	}
}

// Path is where a file of the data is, or would be.
func Path(elem ...string) string {
	return filepath.Join(folder, filepath.Join(elem...))
}

// Need skips the test where the data is not here.
func Need(t testing.TB) {
	t.Helper()
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		t.Skip(Notice)
	}
}

// Glob returns the files of the data that match a pattern of [filepath.Glob];
// that there are none is an error.
func Glob(t testing.TB, elem ...string) []string {
	t.Helper()
	Need(t)
	paths, err := filepath.Glob(Path(elem...))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files %s: %v", Path(elem...), err)
	}
	return paths
}

// Open opens a file, of the data or not, until the test ends. One whose name
// ends in .zst is decompressed.
func Open(t testing.TB, path string) io.Reader {
	t.Helper()
	r, closeFile := open(t, path)
	t.Cleanup(closeFile)
	return r
}

// ReadAll returns what Open reads.
func ReadAll(t testing.TB, path string) []byte {
	t.Helper()
	r, closeFile := open(t, path)
	defer closeFile()
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return content
}

// Lines calls fn for every line of what Open reads, without its line feed,
// until fn returns false. A line is valid until fn returns.
func Lines(t testing.TB, path string, fn func(line []byte) bool) {
	t.Helper()
	r, closeFile := open(t, path)
	defer closeFile()
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 1<<20), maxLine)
	for lines.Scan() {
		if !fn(lines.Bytes()) {
			return
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func open(t testing.TB, path string) (r io.Reader, closeFile func()) {
	t.Helper()
	if strings.HasPrefix(path, folder) {
		Need(t)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Ext(path) != ".zst" {
		return f, func() { f.Close() }
	}
	// Without concurrency: tests read many files at once.
	z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		f.Close()
		t.Fatalf("%s: %v", path, err)
	}
	return z, func() {
		z.Close()
		f.Close()
	}
}
