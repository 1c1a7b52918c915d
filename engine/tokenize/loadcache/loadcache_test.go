package loadcache

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

func reader(source string) *strings.Reader { return strings.NewReader(source) }

// entryOf returns the path of the only entry.
func entryOf(t *testing.T) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(os.Getenv(Env), "*.bin"))
	if err != nil || len(paths) != 1 {
		t.Fatalf("entries %q, %v; want one", paths, err)
	}
	return paths[0]
}

func TestRoundTrip(t *testing.T) {
	t.Setenv(Env, filepath.Join(t.TempDir(), "made", "when needed"))
	if Get("test 1", reader("source")) != nil {
		t.Error("an entry before any was put")
	}
	for _, content := range [][]byte{[]byte("content"), {}, bytes.Repeat([]byte("x"), 1<<20)} {
		Put("test 1", reader("source"), content)
		if got := Get("test 1", reader("source")); !bytes.Equal(got, content) || got == nil {
			t.Errorf("got %.20q, want %.20q", got, content)
		}
	}
	if Get("test 2", reader("source")) != nil || Get("test 1", reader("other")) != nil || Get("test 1s", reader("ource")) != nil {
		t.Error("the entry of another version or source")
	}
	entryOf(t)
	files, err := os.ReadDir(os.Getenv(Env))
	if err != nil || len(files) != 2 {
		t.Errorf("%d files, %v; want the key and an entry", len(files), err)
	}
}

// No entry but the one that was put is ever returned.
func TestDamaged(t *testing.T) {
	t.Setenv(Env, t.TempDir())
	Put("test 1", reader("source"), []byte("content"))
	path := entryOf(t)
	for _, file := range []string{path, keyPath(os.Getenv(Env))} {
		good, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i := range good {
			bad := bytes.Clone(good)
			bad[i] ^= 1
			for _, damaged := range [][]byte{bad, good[:i]} {
				if err := os.WriteFile(file, damaged, 0o600); err != nil {
					t.Fatal(err)
				}
				if got := Get("test 1", reader("source")); got != nil {
					t.Fatalf("%q from a damaged %s, byte %d", got, filepath.Base(file), i)
				}
			}
		}
		if err := os.WriteFile(file, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	Put("test 1", reader("other"), []byte("other content"))
	if err := os.WriteFile(entryOf(t), good, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := Get("test 1", reader("other")); got != nil {
		t.Errorf("%q from the entry of another source", got)
	}
}

// What is in the place of the key, or can be read by others, is left alone, and
// there is no cache.
func TestForeignKey(t *testing.T) {
	for name, file := range map[string]struct {
		content string
		mode    os.FileMode
	}{
		"short":        {"short", 0o600},
		"of 32 bytes":  {strings.Repeat("k", 32), 0o600},
		"read by all":  {keyMagic + strings.Repeat("k", 32), 0o644},
		"longer":       {keyMagic + strings.Repeat("k", 33), 0o600},
		"not readable": {"", 0},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "not readable" && os.Getuid() == 0 {
				t.Skip("root reads everything")
			}
			t.Setenv(Env, t.TempDir())
			path := keyPath(os.Getenv(Env))
			if err := os.WriteFile(path, []byte(file.content), file.mode); err != nil {
				t.Fatal(err)
			}
			Put("test 1", reader("source"), []byte("content"))
			if got := Get("test 1", reader("source")); got != nil {
				t.Errorf("got %q", got)
			}
			files, err := os.ReadDir(os.Getenv(Env))
			if err != nil || len(files) != 1 {
				t.Errorf("%d files, %v; want that one", len(files), err)
			}
			if after, err := os.ReadFile(path); file.mode != 0 && string(after) != file.content {
				t.Errorf("%q, %v; was %q", after, err, file.content)
			}
		})
	}
}

// Of processes that make the key at once, all get the same.
func TestOneKey(t *testing.T) {
	dir := t.TempDir()
	keys := make([]key, 8)
	var all sync.WaitGroup
	for i := range keys {
		all.Go(func() {
			k, err := ensureKey(dir)
			if err != nil {
				t.Error(err)
			}
			keys[i] = k
		})
	}
	all.Wait()
	for _, k := range keys {
		if k != keys[0] || k == (key{}) {
			t.Error("more than one key")
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("%d files, %v; want the key", len(files), err)
	}
}

// Sources that differ anywhere have different digests.
func TestDigest(t *testing.T) {
	k := key{1}
	source := bytes.Repeat([]byte("source! "), 3*chunk/8)
	seen := map[[32]byte]bool{}
	check := func(k key, label string, source io.Reader) {
		t.Helper()
		d, err := k.digest([]byte(label), source)
		if err != nil {
			t.Fatal(err)
		}
		if seen[d] {
			t.Error("the same digest for another source")
		}
		seen[d] = true
	}
	for _, n := range []int{0, 1, 15, 16, 17, chunk - 1, chunk, chunk + 1, 2 * chunk, 3*chunk - 1, 3 * chunk} {
		check(k, "", bytes.NewReader(source[:n]))
	}
	check(k, "", bytes.NewReader(append(source, 0)))
	check(key{2}, "", bytes.NewReader(source))
	check(k, "label", bytes.NewReader(source))
	check(k, "", bytes.NewReader(append(bytes.Clone(source[chunk/2:]), source[:chunk/2]...)[8:]))
	for _, i := range []int{0, 1, 16, chunk - 1, chunk, 2*chunk + 5, len(source) - 1} {
		source[i] ^= 0x80
		check(k, "", bytes.NewReader(source))
		source[i] ^= 0x80
	}
	one, err1 := k.digest(nil, bytes.NewReader(source))
	slow, err2 := k.digest(nil, iotest.HalfReader(bytes.NewReader(source)))
	if one != slow || err1 != nil || err2 != nil {
		t.Errorf("the digest depends on how the source is read (%v, %v)", err1, err2)
	}
	if _, err := k.digest(nil, iotest.TimeoutReader(bytes.NewReader(source))); err == nil {
		t.Error("the digest of what could not be read")
	}
}

func TestNoCache(t *testing.T) {
	t.Setenv(Env, "off")
	Put("test 1", reader("source"), []byte("content"))
	if Get("test 1", reader("source")) != nil {
		t.Error("an entry of a cache that is off")
	}
	if !Off() {
		t.Error("a cache that is off is not")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(Env, filepath.Join(file, "below")) // cannot be made
	if Off() {
		t.Error("a cache is off before it is tried")
	}
	Put("test 1", reader("source"), []byte("content"))
	if Get("test 1", reader("source")) != nil {
		t.Error("an entry of a cache that has no place")
	}
	t.Setenv(Env, "")
	t.Setenv("HOME", "")
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("LocalAppData", "")
	Put("test 1", reader("source"), []byte("content"))
	if Get("test 1", reader("source")) != nil {
		t.Error("an entry of a cache without a home")
	}
}
