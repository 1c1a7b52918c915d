package loadcache

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
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

// A key that was spoilt is replaced.
func TestNewKey(t *testing.T) {
	t.Setenv(Env, t.TempDir())
	if err := os.WriteFile(keyPath(os.Getenv(Env)), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	Put("test 1", reader("source"), []byte("content"))
	if got := Get("test 1", reader("source")); string(got) != "content" {
		t.Errorf("got %q", got)
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
