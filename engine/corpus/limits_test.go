package corpus

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/tallystick/tallystick/engine/doc"
)

// A line of 1 GB between two good ones costs neither of them, nor memory.
func TestGigabyteLine(t *testing.T) {
	const giant = 1 << 30
	first, last := []byte("{\"first\":1}\n"), []byte("\n{\"last\":1}\n")
	want := []Line{
		{Data: first[:len(first)-1]},
		{Ordinal: 1, Offset: int64(len(first)), Reason: doc.LineTooLong},
		{Data: last[1 : len(last)-1], Ordinal: 2, Offset: int64(len(first)) + giant + 1},
	}
	part := bytes.Repeat([]byte{'x'}, 16<<20)

	// The disk is spared: the part is compressed once, as a member of its own.
	compressed := func(compress func(data []byte) []byte) []byte {
		content := bytes.Repeat(compress(part), giant/len(part))
		return bytes.Join([][]byte{compress(first), content, compress(last)}, nil)
	}
	sparse := writeFile(t, "sparse", first)
	f, err := os.OpenFile(sparse, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(last, int64(len(first))+giant); err != nil {
		t.Fatal(err)
	}

	files, shards := planFiles(t, 64<<20,
		writeFile(t, "gz", compressed(func(data []byte) []byte { return gzipped(t, data, 1) })),
		writeFile(t, "zst", compressed(func(data []byte) []byte { return zstded(t, data, 1, zstd.WithWindowSize(8<<20)) })),
		sparse)
	if len(shards) != 4 || shards[2].Length != int64(len(first))+giant+1 || shards[3].FirstLine != 3 {
		t.Fatalf("shards %+v", shards)
	}
	for i, name := range []string{"gzip", "zstd", "sparse"} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			got := readShard(t, files[i], shards[i], testMaxLine)
			if name == "sparse" {
				rest := readShard(t, files[i], shards[3], testMaxLine)
				rest[0].Ordinal += 2
				got = append(got, rest...)
			}
			runtime.ReadMemStats(&after)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; mb > 64 {
				t.Errorf("%d MB were allocated", mb)
			}
		})
	}
}

func TestFetchErrors(t *testing.T) {
	data := []byte("line 0\n\nline 2\n" + strings.Repeat("x", 100) + "\nline 4\nline 5")
	dir := t.TempDir()
	var paths []string
	for name, content := range map[string][]byte{"plain": data, "gzip": gzipped(t, data, 2)} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	files, shards := planFiles(t, 1000, paths...)
	for i, f := range files {
		for _, tc := range []struct {
			name  string
			wants []Want
			want  error
		}{
			{"none", nil, nil},
			{"two", []Want{{2, 8}, {4, 116}}, nil},
			{"the last", []Want{{5, 123}}, nil},
			{"inside a line", []Want{{2, 9}}, doc.ErrInputChanged},
			{"blank", []Want{{1, 7}}, doc.ErrInputChanged},
			{"too long", []Want{{3, 15}}, doc.ErrInputChanged},
			{"beyond the end", []Want{{6, 129}}, doc.ErrInputChanged},
			{"before the shard", []Want{{6, -1}}, doc.ErrInputChanged},
			{"first line elsewhere", []Want{{0, 8}}, doc.ErrInputChanged},
			{"next line elsewhere", []Want{{4, 116}, {5, 124}}, doc.ErrInputChanged},
			{"descending", []Want{{4, 116}, {2, 8}}, doc.ErrCorrupt},
			{"one ordinal at two offsets", []Want{{2, 8}, {2, 116}}, doc.ErrCorrupt},
			{"no room for the lines between", []Want{{0, 0}, {9, 8}}, doc.ErrCorrupt},
		} {
			var got []int
			err := Fetch(t.Context(), f, shards[i], 20, tc.wants, func(i int, line []byte) error {
				if want := "line " + string('0'+rune(tc.wants[i].Ordinal)); string(line) != want {
					t.Errorf("%s, %s: line %q, want %q", f.Compression, tc.name, line, want)
				}
				got = append(got, i)
				return nil
			})
			if !errors.Is(err, tc.want) || tc.want != nil && !strings.Contains(err.Error(), f.Path) {
				t.Errorf("%s, %s: %v, want %v", f.Compression, tc.name, err, tc.want)
			}
			if tc.want == nil && len(got) != len(tc.wants) {
				t.Errorf("%s, %s: %d lines, want %d", f.Compression, tc.name, len(got), len(tc.wants))
			}
		}
		stop := errors.New("stop")
		calls := 0
		err := Fetch(t.Context(), f, shards[i], 20, []Want{{0, 0}, {2, 8}}, func(int, []byte) error { calls++; return stop })
		if err != stop || calls != 1 {
			t.Errorf("%s: an error of fn gave %v after %d calls", f.Compression, err, calls)
		}
	}
}

func TestSpool(t *testing.T) {
	dir := t.TempDir()
	data := gzipped(t, []byte("a\nb\n"), 1)
	path, err := Spool(t.Context(), iotest.OneByteReader(bytes.NewReader(data)), dir)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
	again, err := Spool(t.Context(), bytes.NewReader(data), dir)
	if err != nil || again != path {
		t.Errorf("the same content went to %s and %s (%v)", path, again, err)
	}
	files, shards := planFiles(t, 100, path)
	if files[0].Compression != compressionGzip || len(readShard(t, files[0], shards[0], 10)) != 2 {
		t.Errorf("%+v is not the two lines spooled", files[0])
	}

	ctx, cancel := context.WithCancel(t.Context())
	broken := io.MultiReader(bytes.NewReader(data), iotest.ErrReader(io.ErrNoProgress))
	if _, err := Spool(t.Context(), broken, dir); !errors.Is(err, doc.ErrInput) || !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("failing input: %v", err)
	}
	cancel()
	if _, err := Spool(ctx, bytes.NewReader(data), dir); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := Spool(t.Context(), bytes.NewReader(data), dir+"/absent"); err == nil {
		t.Error("spooled into a folder that does not exist")
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// Lines of a stream that nobody wants are passed over, not held.
func TestFetchHoldsWantedLinesOnly(t *testing.T) {
	const long = 32 << 20
	data := append(bytes.Repeat([]byte("x"), long), "\nwanted\n"...)
	path := writeFile(t, "gzip", gzipped(t, data, 1))
	files, shards := planFiles(t, 1000, path)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	found := ""
	err := Fetch(t.Context(), files[0], shards[0], 2*long, []Want{{1, long + 1}}, func(_ int, line []byte) error {
		found = string(line)
		return nil
	})
	runtime.ReadMemStats(&after)
	if err != nil || found != "wanted" {
		t.Errorf("found %q, %v", found, err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > long/4 {
		t.Errorf("allocated %d bytes for a line of 6 behind one of %d", took, long)
	}
}
