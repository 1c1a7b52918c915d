package estimate

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/plan"
)

// planOf plans files of the given contents.
func planOf(t *testing.T, shard int64, contents ...[]byte) plan.Plan {
	t.Helper()
	var paths []string
	dir := t.TempDir()
	for i, c := range contents {
		paths = append(paths, filepath.Join(dir, fmt.Sprint(i)))
		if err := os.WriteFile(paths[i], c, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	p := plan.Plan{MaxLine: 1 << 20, Partitions: 4}
	var err error
	if p.Files, p.Shards, err = corpus.Plan(context.Background(), paths, corpus.PlanOptions{ShardSize: shard, Workers: 1}); err != nil {
		t.Fatal(err)
	}
	return p
}

func sampleOf(t *testing.T, p *plan.Plan, size int64, blocks int) (*sampler, []string) {
	t.Helper()
	s, names, err := copySample(context.Background(), p, func(i int) plan.File { return p.Files[i] }, size, blocks, nil, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for i, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(b, []byte("\n")); n != int(s.lines[i]) {
			t.Errorf("file %d has %d lines, not %d", i, n, s.lines[i])
		}
		lines = append(lines, strings.SplitAfter(string(b), "\n")...)
	}
	lines = slices.DeleteFunc(lines, func(l string) bool { return l == "" })
	return s, lines
}

func corpusOf(n, width int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "{\"n\":%d,\"pad\":%q}\n", i, strings.Repeat("x", i*7919%width))
	}
	return b.Bytes()
}

// TestSampleOfAll copies every line once where the sample is as large as the
// corpus, whatever shards and blocks there are.
func TestSampleOfAll(t *testing.T) {
	all := corpusOf(500, 90)
	want := strings.SplitAfter(strings.TrimSuffix(string(all), "\n")+"\n", "\n")
	want = want[:len(want)-1]
	slices.Sort(want)
	for _, shard := range []int64{100, 1000, 1 << 20} {
		for _, blocks := range []int{1, 4, 32, 64} {
			p := planOf(t, shard, all[:len(all)/2+bytes.IndexByte(all[len(all)/2:], '\n')+1], all[len(all)/2+bytes.IndexByte(all[len(all)/2:], '\n')+1:])
			s, got := sampleOf(t, &p, 1<<30, blocks)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("shards of %d, %d blocks: %d lines of %d", shard, blocks, len(got), len(want))
			}
			if s.bytes != int64(len(all)) {
				t.Errorf("%d bytes of %d", s.bytes, len(all))
			}
		}
	}
}

// TestSampleOfPart takes whole lines, none twice, and about as many bytes as
// asked for.
func TestSampleOfPart(t *testing.T) {
	all := corpusOf(20000, 200)
	p := planOf(t, 64<<10, all)
	s, got := sampleOf(t, &p, int64(len(all)/10), 32)
	if part := float64(s.bytes) / float64(len(all)); part < 0.08 || part > 0.12 {
		t.Errorf("%v of the corpus", part)
	}
	seen := map[string]bool{}
	for _, l := range got {
		if seen[l] || !bytes.Contains(all, []byte(l)) || !strings.HasPrefix(l, `{"n":`) {
			t.Fatalf("line %q", l)
		}
		seen[l] = true
	}
	if len(s.starts[0]) != 16 || len(s.starts[1]) != 16 {
		t.Errorf("%d and %d blocks", len(s.starts[0]), len(s.starts[1]))
	}
}

// TestSampleOfCompressed reads the beginnings of files, and how far they expand.
func TestSampleOfCompressed(t *testing.T) {
	all := corpusOf(5000, 300)
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(all)
	w.Close()
	p := planOf(t, 1<<20, b.Bytes())
	s, got := sampleOf(t, &p, 1<<30, 8)
	if want := strings.Join(got, ""); !strings.HasPrefix(string(all), got[0]) || len(want) > len(all) {
		t.Errorf("%d bytes of %d", len(want), len(all))
	}
	if s.bytes < int64(b.Len()) {
		t.Errorf("%d bytes of a file of %d", s.bytes, b.Len())
	}
	factor, _, _, err := expand(context.Background(), &p, func(i int) plan.File { return p.Files[i] })
	if real := float64(len(all)) / float64(b.Len()); err != nil || factor > 1.01*real || factor < 0.99*real {
		t.Errorf("expansion %v, really %v; %v", factor, real, err)
	}
}

// TestSampleWithoutTheLongest: a line that is rehearsed by itself is not in the sample, and
// all others are as before.
func TestSampleWithoutTheLongest(t *testing.T) {
	all := corpusOf(2000, 200)
	lines := strings.SplitAfter(string(all), "\n")
	p := planOf(t, 64<<10, all)
	_, before := sampleOf(t, &p, int64(len(all)/2), 8)
	var apart []corpus.LongLine
	var want []string
	for at, i := 0, 0; i < len(lines)-1; i++ {
		if i%7 == 0 {
			apart = append(apart, corpus.LongLine{Offset: int64(at), Length: int64(len(lines[i]))})
			want = append(want, lines[i])
		}
		at += len(lines[i])
	}
	file := func(i int) plan.File { return p.Files[i] }
	dir := t.TempDir()
	s, names, err := copyLong(t.Context(), &p, file, apart, dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(names[0]); string(got) != strings.Join(want, "") || s.bytes != lengthOf(apart) {
		t.Errorf("%d bytes of the %d longest lines, want %d", len(got), len(apart), lengthOf(apart))
	}
	if _, names, err = copySample(t.Context(), &p, file, int64(len(all)/2), 8, apart, dir); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.SplitAfter(string(b), "\n")...)
	}
	rest := slices.DeleteFunc(before, func(l string) bool { return slices.Contains(want, l) })
	got = slices.DeleteFunc(got, func(l string) bool { return l == "" })
	if !slices.Equal(got, rest) {
		t.Errorf("%d lines, want %d", len(got), len(rest))
	}
}

func TestTakeLongest(t *testing.T) {
	long := []corpus.LongLine{{Length: 50}, {Length: 40}, {Length: 30}}
	for _, c := range []struct {
		size, total, maxLine int64
		want                 string
	}{
		{240, 1000, 50, "50 40 30"}, {239, 1000, 50, "50 40"}, {100, 1000, 50, "50"},
		{99, 1000, 50, "40"}, // what has no place keeps nobody out
		{240, 1000, 49, "40 30"},
		{59, 1000, 50, ""}, {1000, 1000, 50, ""},
	} {
		o := Options{Size: c.size, Longest: long}
		o.takeLongest(c.total, c.maxLine)
		var got []string
		for _, l := range o.Longest {
			got = append(got, strconv.FormatInt(l.Length, 10))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("sample of %d of %d, up to %d each: %s, want %s", c.size, c.total, c.maxLine, s, c.want)
		}
	}
}

// memory is a store of objects, mem://name.
type memory map[string][]byte

func (m memory) info(name string) object.Info {
	return object.Info{Name: name, Size: int64(len(m[name])), ETag: "e"}
}

func (m memory) Stat(_ context.Context, name string) (object.Info, error) { return m.info(name), nil }

func (m memory) List(context.Context, string) ([]object.Info, error) { return nil, nil }

func (m memory) ReadAt(_ context.Context, o object.Info, p []byte, offset int64) error {
	copy(p, m[o.Name][offset:])
	return nil
}

// TestSampleOfObjects: parts of a shard are read, which do not have its checksum.
func TestSampleOfObjects(t *testing.T) {
	all := corpusOf(2000, 200)
	object.Register("mem", func() (object.Source, error) { return memory{"mem://a": all}, nil })
	p := plan.Plan{MaxLine: 1 << 20}
	var err error
	if p.Files, p.Shards, err = corpus.Plan(t.Context(), []string{"mem://a"}, corpus.PlanOptions{ShardSize: 64 << 10}); err != nil {
		t.Fatal(err)
	}
	same := planOf(t, 64<<10, all)
	if len(p.Shards) < 3 {
		t.Fatalf("%d shards", len(p.Shards))
	}
	_, want := sampleOf(t, &same, int64(len(all)/2), 8)
	if _, got := sampleOf(t, &p, int64(len(all)/2), 8); !slices.Equal(got, want) {
		t.Errorf("%d lines, want %d", len(got), len(want))
	}
	last := bytes.LastIndexByte(all[:p.Shards[1].Offset-1], '\n') + 1
	long := corpus.LongLine{Offset: int64(last), Length: p.Shards[1].Offset - int64(last)}
	_, names, err := copyLong(t.Context(), &p, func(i int) plan.File { return p.Files[i] }, []corpus.LongLine{long}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(names[0]); !bytes.Equal(got, all[last:p.Shards[1].Offset]) {
		t.Errorf("%d bytes of the last line of a shard", len(got))
	}
}
