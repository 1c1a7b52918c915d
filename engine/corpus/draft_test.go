package corpus

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// A draft is what a plan says, but for what a plan must read everything for.
func TestDraftIsThePlan(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 300 {
		var paths []string
		for f := range 1 + r.IntN(3) {
			var b bytes.Buffer
			for range r.IntN(40) {
				b.Write(bytes.Repeat([]byte{'x'}, r.IntN(1+r.IntN(60))))
				if r.IntN(20) > 0 {
					b.WriteByte('\n')
				}
			}
			paths = append(paths, writeFile(t, fmt.Sprintf("%d-%d", i, f), b.Bytes()))
		}
		size := int64(1 + r.IntN(100))
		wantFiles, wantShards, err := Plan(t.Context(), paths, PlanOptions{ShardSize: size})
		if err != nil {
			t.Fatal(err)
		}
		for i := range wantFiles {
			wantFiles[i].SHA256 = ""
		}
		for i := range wantShards {
			wantShards[i].XXH64, wantShards[i].FirstLine = "", 0
		}
		files, shards, ok := Draft(t.Context(), paths, size)
		if !ok {
			t.Fatalf("input %d, shards of %d bytes: no draft", i, size)
		}
		if diff := cmp.Diff(wantFiles, files); diff != "" {
			t.Errorf("input %d: files -plan +draft: %s", i, diff)
		}
		if diff := cmp.Diff(wantShards, shards); diff != "" {
			t.Errorf("input %d, shards of %d bytes: -plan +draft: %s", i, size, diff)
		}
	}
}

func TestNoDraft(t *testing.T) {
	long := bytes.Repeat([]byte{'x'}, draftWindow+100)
	for name, content := range map[string][]byte{
		"a line too long at the cut": append(append([]byte("{}\n"), long...), '\n'),
		"gzip":                       []byte("\x1f\x8b and more"),
		"xz":                         []byte("\xfd7zXZ\x00"),
	} {
		if _, _, ok := Draft(t.Context(), []string{writeFile(t, "f", content)}, 10); ok {
			t.Errorf("%s: a draft", name)
		}
	}
	if _, _, ok := Draft(t.Context(), []string{filepath.Join(t.TempDir(), "none")}, 10); ok {
		t.Error("missing file: a draft")
	}
	// The last line may be as long as it likes.
	whole := append([]byte("{}\n{}\n{}\n{}\n"), long[:draftWindow-20]...)
	if _, shards, ok := Draft(t.Context(), []string{writeFile(t, "f", whole)}, 10); !ok || len(shards) != 2 {
		t.Errorf("long last line: %v, %d shards", ok, len(shards))
	}
}

// The checksum that a reader makes of a shard is the plan's.
func TestEachSummedLine(t *testing.T) {
	path := writeFile(t, "f", []byte("one\n\ntwo\r\nthree"))
	files, shards, err := Plan(t.Context(), []string{path}, PlanOptions{ShardSize: 4})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range shards {
		var want, got []string
		gather := func(to *[]string) func(*Line) error {
			return func(l *Line) error {
				*to = append(*to, fmt.Sprintf("%d %d %q", l.Ordinal, l.Offset, l.Data))
				return nil
			}
		}
		if err := EachPlannedLine(t.Context(), files[0], s, 1<<20, nil, gather(&want)); err != nil {
			t.Fatal(err)
		}
		drafted := plan.Shard{File: s.File, Offset: s.Offset, Length: s.Length}
		sum, err := EachSummedLine(t.Context(), files[0], drafted, 1<<20, gather(&got))
		if err != nil {
			t.Fatal(err)
		}
		if sum != s.XXH64 {
			t.Errorf("shard at %d: sum %s, plan %s", s.Offset, sum, s.XXH64)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("shard at %d: lines -planned +summed: %s", s.Offset, diff)
		}
	}
	failed := fmt.Errorf("failed: %w", doc.ErrInput)
	if _, err := EachSummedLine(t.Context(), files[0], shards[0], 1<<20, func(*Line) error { return failed }); err == nil {
		t.Error("an error of the function was lost")
	}
}

// A reader of a draft counts the lines that a plan numbers, of plain and compressed files.
func TestEachDraftedLine(t *testing.T) {
	content := []byte("one\n\ntwo\r\n \n\nthree\nfour")
	for name, content := range map[string][]byte{"plain": content, "gzip": gzipped(t, content, 2)} {
		files, shards, err := Plan(t.Context(), []string{writeFile(t, name, content)}, PlanOptions{ShardSize: 4})
		if err != nil {
			t.Fatal(err)
		}
		next, failed := int64(1), errors.New("failed")
		for _, s := range shards {
			if s.FirstLine != next {
				t.Errorf("%s: shard at %d begins with line %d, counted %d", name, s.Offset, s.FirstLine, next)
			}
			s.FirstLine = 0
			var last int64
			lines, err := EachDraftedLine(t.Context(), files[0], s, 1<<20, nil, func(l *Line) error {
				last = l.Offset
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			next += lines
			_, err = EachDraftedLine(t.Context(), files[0], s, 1<<20, nil, func(l *Line) error {
				if l.Offset == last {
					return failed
				}
				return nil
			})
			if want := fmt.Sprintf("%s: byte %d: failed", files[0].Path, last); last > 0 && (!errors.Is(err, failed) || err.Error() != want) {
				t.Errorf("%s: error %q, want %q", name, err, want)
			}
		}
		if next != 8 {
			t.Errorf("%s: %d lines", name, next-1)
		}
	}
}
