package corpus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/plan"
)

// memObjects is a store of objects, test://bucket/key, in memory.
type memObjects struct {
	mu    sync.Mutex
	data  map[string][]byte
	fail  func(name string, offset int64) error // of ReadAt; may be nil
	reads []object.Range
}

var testObjects = &memObjects{data: map[string][]byte{}}

func init() {
	object.Register("test", func() (object.Source, error) { return testObjects, nil })
}

// putObject stores an object until the test ends, and returns its name.
func putObject(t testing.TB, name string, data []byte) string {
	name = "test://" + name
	m := testObjects
	m.mu.Lock()
	defer m.mu.Unlock()
	m.data[name] = data
	t.Cleanup(func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.data, name)
	})
	return name
}

// failReads makes reads of objects fail until the test ends.
func (m *memObjects) failReads(t testing.TB, fail func(name string, offset int64) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = fail
	t.Cleanup(func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.fail = nil
	})
}

func (m *memObjects) info(name string) object.Info {
	return object.Info{Name: name, Size: int64(len(m.data[name])), ETag: fmt.Sprintf("etag-%x", m.data[name][:min(8, len(m.data[name]))])}
}

func (m *memObjects) List(_ context.Context, prefix string) (found []object.Info, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.data {
		if strings.HasPrefix(name, prefix) {
			found = append(found, m.info(name))
		}
	}
	slices.SortFunc(found, func(a, b object.Info) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

func (m *memObjects) Stat(_ context.Context, name string) (object.Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.data[name]; !ok {
		return object.Info{}, fs.ErrNotExist
	}
	return m.info(name), nil
}

func (m *memObjects) ReadAt(ctx context.Context, o object.Info, p []byte, offset int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads = append(m.reads, object.Range{Offset: offset, Length: int64(len(p))})
	data, ok := m.data[o.Name]
	switch {
	case !ok:
		return fs.ErrNotExist
	case m.info(o.Name) != o:
		return object.ErrChanged
	case offset < 0 || offset+int64(len(p)) > int64(len(data)):
		return fmt.Errorf("[%d, +%d) of %d bytes asked for", offset, len(p), len(data))
	}
	if m.fail != nil {
		if err := m.fail(o.Name, offset); err != nil {
			return err
		}
	}
	copy(p, data[offset:])
	return nil
}

func TestExpandObjects(t *testing.T) {
	for _, key := range []string{
		"d/b.jsonl", "d/a/x.jsonl", "d/a.jsonl.gz", "d/.hidden.jsonl", "d/.git/x.jsonl", "d/readme.md", "d/", "d/e/",
		"dd/c.jsonl", "weird[1].txt", "texts/1.txt", "texts/2.md", "texts/sub/3.txt",
	} {
		putObject(t, "bucket/"+key, []byte(key))
	}
	in := func(keys ...string) (names []string) {
		for _, k := range keys {
			names = append(names, "test://bucket/"+k)
		}
		return names
	}
	folder := in("d/a.jsonl.gz", "d/a/x.jsonl", "d/b.jsonl")
	for _, tc := range []struct {
		name string
		args []string
		want []string
	}{
		{"an object of any name", in("d/readme.md"), in("d/readme.md")},
		{"a hidden object that is named", in("d/.hidden.jsonl"), in("d/.hidden.jsonl")},
		{"a folder", in("d"), folder},
		{"a folder with a slash", in("d/"), folder},
		{"a bucket", []string{"test://bucket"}, append(slices.Clone(folder), in("dd/c.jsonl")...)},
		{"the literal name goes before the glob", in("weird[1].txt"), in("weird[1].txt")},
		{"a glob", in("d*/*.jsonl"), in("d/b.jsonl", "dd/c.jsonl")},
		{"as given", append(in("dd"), "-"), append(in("dd/c.jsonl"), "-")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Expand(t.Context(), tc.args)
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
	texts, err := ExpandText(t.Context(), in("texts"), false)
	if diff := cmp.Diff(in("texts/1.txt", "texts/2.md", "texts/sub/3.txt"), texts); diff != "" || err != nil {
		t.Errorf("texts: %v (-want +got):\n%s", err, diff)
	}
	for _, tc := range []struct {
		args []string
		want error
		text string
	}{
		{in("absent"), doc.ErrInput, "no such object or folder"},
		{in("te"), doc.ErrInput, "the names of 3 objects begin so; test://bucket/te* takes those"},
		{in("texts"), doc.ErrUsage, "*.jsonl"},
		{in("x*"), doc.ErrInput, "no object"},
		{in("d/[a"), doc.ErrUsage, "[a"},
		{in("d", "d/b.jsonl"), doc.ErrUsage, "test://bucket/d/b.jsonl is given twice"},
		{[]string{"test://"}, doc.ErrUsage, "no bucket"},
		{[]string{"test://*/x"}, doc.ErrUsage, "no bucket"},
		{[]string{"nosuch://bucket/x"}, doc.ErrInput, "no driver for nosuch://"},
	} {
		if got, err := Expand(t.Context(), tc.args); !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%q: %q, %v; want %q", tc.args, got, err, tc.text)
		}
	}
}

// What happens to an object after it was planned is found by whoever reads it.
func TestObjectsThatChange(t *testing.T) {
	lines := bytes.Repeat([]byte(`{"text":"a line of some length"}`+"\n"), 300_000) // several windows
	content := map[string][]byte{"plain": lines, "zstd": zstded(t, lines, 2), "gzip": gzipped(t, lines, 2)}
	for compression, data := range content {
		t.Run(compression, func(t *testing.T) {
			name := putObject(t, "changing/"+compression, data)
			files, shards := planFiles(t, 1<<40, name)
			if files[0].ETag == "" {
				t.Fatal("the plan has no ETag")
			}
			each := func(ctx context.Context, f plan.File, s plan.Shard) error {
				return EachLine(ctx, f, s, testMaxLine, nil, func(*Line) error { return nil })
			}
			wants := []Want{{0, 0}}
			fetch := func(f plan.File, s plan.Shard) error {
				return Fetch(t.Context(), f, s, testMaxLine, wants, func(int, []byte) error { return nil })
			}
			if err := errors.Join(each(t.Context(), files[0], shards[0]), fetch(files[0], shards[0])); err != nil {
				t.Fatal(err)
			}
			broken := errors.New("broken")
			testObjects.failReads(t, func(_ string, offset int64) error {
				if offset >= int64(len(data))/2 || len(data) < 1<<20 {
					return broken
				}
				return nil
			})
			if err := each(t.Context(), files[0], shards[0]); !errors.Is(err, broken) || !errors.Is(err, doc.ErrInput) {
				t.Errorf("a store that fails: %v", err)
			}
			testObjects.failReads(t, nil)
			cancelled, cancel := context.WithCancel(t.Context())
			cancel()
			if err := each(cancelled, files[0], shards[0]); !errors.Is(err, context.Canceled) || errors.Is(err, doc.ErrInput) {
				t.Errorf("cancelled: %v", err)
			}

			// A store that gives other bytes for the same ETag, which is made
			// here of the first bytes only.
			other := bytes.Clone(data)
			other[len(other)/2] ^= 1
			putObject(t, "changing/"+compression, other)
			if err := each(t.Context(), files[0], shards[0]); !errors.Is(err, doc.ErrInputChanged) {
				t.Errorf("other bytes in the middle: %v", err)
			}
			other = append(bytes.Clone(data[1:]), '\n')
			putObject(t, "changing/"+compression, other)
			for what, err := range map[string]error{"read": each(t.Context(), files[0], shards[0]), "fetch": fetch(files[0], shards[0])} {
				if !errors.Is(err, doc.ErrInputChanged) || !strings.Contains(err.Error(), name) {
					t.Errorf("another object, %s: %v", what, err)
				}
			}
			testObjects.mu.Lock()
			delete(testObjects.data, name)
			testObjects.mu.Unlock()
			if err := each(t.Context(), files[0], shards[0]); !errors.Is(err, doc.ErrInput) || !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("an object that is gone: %v", err)
			}
		})
	}
}

// Lines far apart are fetched by themselves, neighbours together, and a line
// that is longer than was guessed whole.
func TestFetchAsksForRanges(t *testing.T) {
	var data bytes.Buffer
	var wants []Want
	var texts [][]byte
	for i := range 3000 {
		length := 1000
		if i%500 == 7 {
			length = 50_000
		}
		text := bytes.Repeat([]byte{byte('a' + i%26)}, length)
		if i%1000 < 3 || i%500 == 7 || i == 2999 {
			wants, texts = append(wants, Want{uint32(i), int64(data.Len())}), append(texts, text)
		}
		data.Write(append(text, '\n'))
	}
	name := putObject(t, "far/apart", data.Bytes())
	files, shards := planFiles(t, 1<<40, name)
	testObjects.mu.Lock()
	testObjects.reads = nil
	testObjects.mu.Unlock()
	err := Fetch(t.Context(), files[0], shards[0], testMaxLine, wants, func(i int, line []byte) error {
		if !bytes.Equal(line, texts[i]) {
			return fmt.Errorf("line %d: %d bytes, not those that were wanted", i, len(line))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, r := range testObjects.reads {
		total += r.Length
	}
	if n := len(testObjects.reads); n > 15 || total > int64(data.Len())*2/3 {
		t.Errorf("%d requests for %d of %d bytes", n, total, data.Len())
	}
}

func TestReadTextOfObject(t *testing.T) {
	name := putObject(t, "texts/t.gz", gzipped(t, []byte("\nfirst\nsecond\n"), 1))
	if text, err := ReadText(t.Context(), name, 100); err != nil || string(text) != "\nfirst\nsecond\n" {
		t.Errorf("%q, %v", text, err)
	}
	if line, err := FirstLine(t.Context(), name, 100); err != nil || string(line) != "first" {
		t.Errorf("%q, %v", line, err)
	}
	raw, err := OpenRaw(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if b, err := io.ReadAll(raw); err != nil || !bytes.HasPrefix(b, []byte("\x1f\x8b")) {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := Size(t.Context(), "test://texts/absent"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("size of nothing: %v", err)
	}
}
