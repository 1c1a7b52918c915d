package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// forgery is a run in which files are replaced and sealed again, so that their
// readers get to see them.
type forgery struct {
	dir      string
	manifest manifestFile
	names    []string
}

func newForgery(t testing.TB) *forgery {
	t.Helper()
	f := &forgery{dir: build(t).write(t)}
	data, err := os.ReadFile(filepath.Join(f.dir, manifestName))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &f.manifest); err != nil {
		t.Fatal(err)
	}
	for _, l := range f.manifest.Files {
		f.names = append(f.names, l.Path)
	}
	return f
}

func (f *forgery) content(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// check has the run verified with other content of a file, which must end, and
// without an error: what is wrong is in the report.
func (f *forgery) check(t testing.TB, name string, content []byte) Report {
	t.Helper()
	path := filepath.Join(f.dir, name)
	good := f.content(t, name)
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
	m := f.manifest
	m.Files = slices.Clone(m.Files)
	for i := range m.Files {
		if l := &m.Files[i]; l.Path == name {
			l.Size, l.SHA256 = int64(len(content)), fmt.Sprintf("%x", sha256.Sum256(content))
		}
	}
	writeManifest(t, f.dir, m)
	r, err := Run(t.Context(), f.dir, Options{Workers: 1})
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if err := os.WriteFile(path, good, 0o666); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestSealedDamage: no file is too damaged to be read, where its digest does not
// tell.
func TestSealedDamage(t *testing.T) {
	f := newForgery(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for _, name := range f.names {
		good := f.content(t, name)
		if r := f.check(t, name, good); !r.OK() {
			t.Fatalf("sealed again as it was:\n%s", text(r))
		}
		for range 12 {
			bad := slices.Clone(good)
			for range 1 + rng.IntN(3) {
				switch at := rng.IntN(len(bad)); rng.IntN(4) {
				case 0:
					bad = bad[:at+1]
				case 1:
					bad[at] ^= 1 << rng.IntN(8)
				case 2:
					bad = slices.Insert(bad, at, bytes.Repeat([]byte{0xff}, 1+rng.IntN(9))...)
				default:
					bad[at] = byte(rng.IntN(256))
				}
			}
			f.check(t, name, bad)
		}
	}
}

// FuzzSealedDamage is TestSealedDamage by what the fuzzer thinks of.
func FuzzSealedDamage(f *testing.F) {
	run := newForgery(f)
	for i, name := range run.names {
		f.Add(uint8(i), run.content(f, name))
	}
	f.Fuzz(func(t *testing.T, which uint8, content []byte) {
		run.check(t, run.names[int(which)%len(run.names)], content)
	})
}
