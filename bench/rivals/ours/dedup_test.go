package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/klauspost/compress/zstd"

	"github.com/tallystick/tallystick/engine/bitmap"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// TestHead wants whole lines, as they are, until there is enough text.
func TestHead(t *testing.T) {
	folder := t.TempDir()
	var file []byte
	for i := range 100 {
		file = fmt.Appendf(file, `{"id": "%d", "text": "12345\u00e4789"}`+"\n", i) // 9 characters, 10 bytes
	}
	zw, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	path, out := filepath.Join(folder, "x.zst"), filepath.Join(folder, "x")
	if err := os.WriteFile(path, zw.EncodeAll(file, nil), 0o666); err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(file, []byte("\n"))
	for limit, want := range map[int64]int{0: 100, 1: 1, 10: 1, 11: 2, 255: 26, 5000: 100} {
		if err := head(path, limit, out); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, bytes.Join(lines[:want], nil)) {
			t.Errorf("limit %d: %d bytes, want %d lines; %v", limit, len(got), want, err)
		}
	}
}

// TestKept wants the lines of all shards, one of which has none.
func TestKept(t *testing.T) {
	run := t.TempDir()
	file := []byte("zero\none\ntwo\nthree\nfour\nfive")
	p := plan.Plan{Shards: []plan.Shard{
		{Offset: 0, Length: 9, FirstLine: 1},
		{Offset: 9, Length: 10, FirstLine: 3},
		{Offset: 19, Length: 9, FirstLine: 5},
	}}
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, content []byte) {
		path := filepath.Join(run, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("plan.json", b)
	write("file", file)
	for shard, lines := range map[int][]uint32{0: {1}, 2: {0, 1}} {
		var w bytes.Buffer
		if err := bitmap.Write(&w, roaring.BitmapOf(lines...)); err != nil {
			t.Fatal(err)
		}
		write(bitmap.Path(shard, doc.Kept), w.Bytes())
	}
	var stdout bytes.Buffer
	if err := kept(run, filepath.Join(run, "file"), filepath.Join(run, "out"), &stdout); err != nil {
		t.Fatal(err)
	}
	var dropped []int
	if err := json.Unmarshal(stdout.Bytes(), &dropped); err != nil || !slices.Equal(dropped, []int{0, 2, 3}) {
		t.Errorf("dropped %v, %v", dropped, err)
	}
	if got, err := os.ReadFile(filepath.Join(run, "out")); err != nil || string(got) != "one\nfour\nfive" {
		t.Errorf("kept %q, %v", got, err)
	}
}

// TestPython runs the tests of what judges the tools and spells records out.
func TestPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil || exec.Command(python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))").Run() != nil {
		t.Skip("no python3 (3.11 or later)")
	}
	command := exec.Command(python, "-B", "-m", "unittest", "-q", "dedup_test", "record_test")
	command.Dir = ".."
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
