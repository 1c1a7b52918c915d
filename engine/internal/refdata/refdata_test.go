package refdata

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func TestRead(t *testing.T) {
	text := "one\n\nthree"
	dir := t.TempDir()
	plain, compressed := filepath.Join(dir, "plain"), filepath.Join(dir, "text.zst")
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{plain: []byte(text), compressed: encoder.EncodeAll([]byte(text), nil)} {
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		if got := ReadAll(t, path); string(got) != text {
			t.Errorf("ReadAll: %q", got)
		}
		if got, err := io.ReadAll(Open(t, path)); string(got) != text || err != nil {
			t.Errorf("Open: %q, %v", got, err)
		}
		for stop, want := range map[int][]string{2: {"one", ""}, 9: {"one", "", "three"}} {
			var got []string
			Lines(t, path, func(line []byte) bool {
				got = append(got, string(line))
				return len(got) < stop
			})
			if !slices.Equal(got, want) {
				t.Errorf("Lines, stopped after %d: %q", stop, got)
			}
		}
	}
}

// A repository that is not found would skip the tests that need the data, for
// ever.
func TestRepository(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(repository(), "go.mod"))
	if err != nil || !strings.HasPrefix(string(b), "module github.com/tallystick/tallystick\n") {
		t.Errorf("%s is not the repository: %v", repository(), err)
	}
}

// A test is skipped, and only where the data is absent; a missing file fails.
func TestAbsence(t *testing.T) {
	here := folder
	t.Cleanup(func() { folder = here })
	for _, c := range []struct {
		name, folder    string
		skipped, failed bool
	}{
		{"no data", filepath.Join(t.TempDir(), "none"), true, false},
		{"no file", t.TempDir(), false, true},
	} {
		folder = c.folder
		for call, read := range map[string]func(t testing.TB){
			"Open":    func(t testing.TB) { Open(t, Path("x.zst")) },
			"ReadAll": func(t testing.TB) { ReadAll(t, Path("x")) },
			"Lines":   func(t testing.TB) { Lines(t, Path("x"), nil) },
			"Glob":    func(t testing.TB) { Glob(t, "*") },
		} {
			if ended := end(t, read); ended.skipped != c.skipped || ended.failed != c.failed {
				t.Errorf("%s, %s: %+v", c.name, call, ended)
			}
		}
	}
}

// recorder is a test of which only the end is of interest.
type recorder struct {
	testing.TB
	skipped, failed bool
}

type ended struct{}

func (r *recorder) Skip(...any)           { r.skipped = true; panic(ended{}) }
func (r *recorder) Fatal(...any)          { r.failed = true; panic(ended{}) }
func (r *recorder) Fatalf(string, ...any) { r.failed = true; panic(ended{}) }

func end(t *testing.T, run func(t testing.TB)) (r *recorder) {
	r = &recorder{TB: t}
	defer func() {
		if e := recover(); e != nil && e != (ended{}) {
			panic(e)
		}
	}()
	run(r)
	return r
}
