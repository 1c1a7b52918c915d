package loadcache

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	t.Setenv(Env, filepath.Join(t.TempDir(), "made", "when needed"))
	a, b := KeyOf("test 1", []byte("source")), KeyOf("test 2", []byte("source"))
	if Get(a) != nil {
		t.Error("an entry before any was put")
	}
	for _, content := range [][]byte{[]byte("content"), {}, bytes.Repeat([]byte("x"), 1<<20)} {
		Put(a, content)
		if got := Get(a); !bytes.Equal(got, content) || got == nil {
			t.Errorf("got %.20q, want %.20q", got, content)
		}
	}
	if Get(b) != nil || a == KeyOf("test 1", []byte("other")) {
		t.Error("keys that do not tell apart")
	}
	files, err := os.ReadDir(os.Getenv(Env))
	if err != nil || len(files) != 1 {
		t.Errorf("%d files, %v; want 1", len(files), err)
	}
}

// No entry but the one that was put is ever returned.
func TestDamaged(t *testing.T) {
	t.Setenv(Env, t.TempDir())
	key, other := KeyOf("test 1", []byte("source")), KeyOf("test 1", []byte("other"))
	Put(key, []byte("content"))
	good, err := os.ReadFile(pathOf(key))
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		for _, damaged := range [][]byte{bad, good[:i]} {
			if err := os.WriteFile(pathOf(key), damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			if got := Get(key); got != nil {
				t.Fatalf("%q from a damaged entry, byte %d", got, i)
			}
		}
	}
	if err := os.WriteFile(pathOf(other), good, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := Get(other); got != nil {
		t.Errorf("%q from the entry of another key", got)
	}
}

func TestNoCache(t *testing.T) {
	key := KeyOf("test 1", nil)
	t.Setenv(Env, "off")
	Put(key, []byte("content"))
	if Get(key) != nil {
		t.Error("an entry of a cache that is off")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(Env, filepath.Join(file, "below")) // cannot be made
	Put(key, []byte("content"))
	if Get(key) != nil {
		t.Error("an entry of a cache that has no place")
	}
	t.Setenv(Env, "")
	t.Setenv("HOME", "")
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("LocalAppData", "")
	Put(key, []byte("content"))
	if Get(key) != nil {
		t.Error("an entry of a cache without a home")
	}
}
