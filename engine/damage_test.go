package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/verify"
)

// finishedRuns makes a run of every kind, with all files that a run can have, and
// the same of other documents.
func finishedRuns(t *testing.T, rng *rand.Rand) map[string][2]string {
	t.Helper()
	dir := t.TempDir()
	const second = "second=../testdata/tokenizers/bytes.json"
	kinds := map[string]func(r *request.Rules, reference, earlier string){
		"plain":          func(*request.Rules, string, string) {},
		"shared credit":  func(r *request.Rules, _, _ string) { r.Credit = "shared" },
		"audit":          func(r *request.Rules, _, _ string) { r.AuditPPM = 500_000 },
		"two tokenizers": func(r *request.Rules, _, _ string) { r.Tokenizers = []string{"first=" + r.Tokenizers[0], second} },
		"sweepable":      func(r *request.Rules, _, _ string) { r.Floor = "0.6" },
		"sources":        func(r *request.Rules, _, _ string) { r.Policy.Scope = plan.ScopeSource },
		"reference":      func(r *request.Rules, reference, _ string) { r.Policy.Reference = []string{reference} },
		"against": func(r *request.Rules, _, earlier string) {
			r.Policy.Against, r.Policy.Index = []string{earlier}, true
		},
	}
	input := func(name string, n int) string {
		in := writeDocs(t, filepath.Join(dir, "in-"+name), policyCorpus(rng, n, name), 2, rng)
		if err := os.WriteFile(filepath.Join(in, "2.jsonl"), []byte("not json\n{\"text\":5,\"contributor\":\"c1\"}\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		return in
	}
	runs := map[string][2]string{}
	for version := range 2 {
		own, reference, before := input(fmt.Sprint("d", version), 40), input(fmt.Sprint("r", version), 20), input(fmt.Sprint("e", version), 20)
		earlier := filepath.Join(dir, fmt.Sprint("earlier", version))
		runPolicy(t, policyRules(request.Policy{Index: true}, 7, before), policyMeans(1), earlier)
		for kind, change := range kinds {
			r := policyRules(request.Policy{}, 7, own)
			change(&r, reference, earlier)
			out := filepath.Join(dir, fmt.Sprint(kind, version))
			runPolicy(t, r, policyMeans(1), out)
			both := runs[kind]
			both[version] = out
			runs[kind] = both
		}
	}
	return runs
}

// TestDamageIsFoundAndNamed: whatever happens to a file of a finished run, verify
// finds it and says which file it was: a flipped bit anywhere, a file that is cut,
// longer, gone, swapped with another or from another run, and one that is new.
func TestDamageIsFoundAndNamed(t *testing.T) {
	if testing.Short() {
		t.Skip("verifies thousands of damaged runs")
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 9))
	flips, files := 0, 0
	for kind, dirs := range finishedRuns(t, rng) {
		d := damage{t: t, kind: kind, dir: dirs[0], rng: rng}
		if report := d.verify(true); !report.OK() {
			t.Fatalf("%s: a whole run fails: %+v", kind, report)
		}
		names := filesBelow(t, d.dir)
		for _, name := range names {
			d.flip(name)
			d.replace(name, names, dirs[1])
		}
		for _, name := range []string{"extra.txt", "decisions/99999.parquet", "bitmaps/00000.excluded.roaring", "sweep/x.zst", ".work2/x"} {
			path := filepath.Join(d.dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte("x"), 0o666); err != nil {
				t.Fatal(err)
			}
			d.found(name, "new")
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		if report := d.verify(true); !report.OK() {
			t.Errorf("%s: after all was put back: %+v", kind, report)
		}
		flips, files = flips+d.flips, files+len(names)
	}
	t.Logf("%d flipped bits in %d files", flips, files)
	if flips < 3000 {
		t.Errorf("only %d flipped bits", flips)
	}
}

func filesBelow(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			name, relErr := filepath.Rel(dir, path)
			names, err = append(names, filepath.ToSlash(name)), relErr
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

type damage struct {
	t         *testing.T
	kind, dir string
	rng       *rand.Rand
	flips     int
	looks     int
}

// verify looks at digests, which all damage is found by; each 64th time, and where
// whole is set, it does all that it does without inputs.
func (d *damage) verify(whole bool) verify.Report {
	d.t.Helper()
	d.looks++
	report, err := verify.Run(d.t.Context(), d.dir, verify.Options{Workers: 1, Digests: !whole && d.looks%64 != 0})
	if err != nil {
		d.t.Fatalf("%s: %v", d.kind, err)
	}
	return report
}

// found checks that verify fails and names the file.
func (d *damage) found(name, what string) {
	d.t.Helper()
	report := d.verify(false)
	for _, c := range report.Checks {
		if slices.ContainsFunc(c.Failures, func(s string) bool { return strings.HasPrefix(s, name+":") }) {
			return
		}
	}
	d.t.Errorf("%s: %s: %s: it is not named: %+v", d.kind, name, what, report)
}

// everyByte is up to which size every byte of a file is tried; of a larger one its
// ends and some of what is between.
const (
	everyByte = 200
	ends      = 24
	between   = 30
)

func (d *damage) flip(name string) {
	d.t.Helper()
	path := filepath.Join(d.dir, name)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		d.t.Fatal(err)
	}
	size := info.Size()
	var at []int64
	for i := int64(0); i < size && (size <= everyByte || i < ends); i++ {
		at = append(at, i)
	}
	if size > everyByte {
		for i := range int64(ends) {
			at = append(at, size-1-i)
		}
		for range between * max(1, stress) {
			at = append(at, d.rng.Int64N(size))
		}
	}
	var b [1]byte
	for _, i := range at {
		if _, err := f.ReadAt(b[:], i); err != nil {
			d.t.Fatal(err)
		}
		good := b[0]
		b[0] ^= 1 << d.rng.IntN(8)
		if _, err := f.WriteAt(b[:], i); err != nil {
			d.t.Fatal(err)
		}
		d.found(name, fmt.Sprintf("byte %d: %#02x instead of %#02x", i, b[0], good))
		b[0] = good
		if _, err := f.WriteAt(b[:], i); err != nil {
			d.t.Fatal(err)
		}
		d.flips++
	}
}

// stress multiplies the places that are tried.
var stress = map[bool]int{true: 50}[os.Getenv("TALLYSTICK_STRESS") == "full"]

func (d *damage) replace(name string, names []string, other string) {
	d.t.Helper()
	path := filepath.Join(d.dir, name)
	read := func(path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			d.t.Fatal(err)
		}
		return b
	}
	write := func(path string, b []byte) {
		if err := os.WriteFile(path, b, 0o666); err != nil {
			d.t.Fatal(err)
		}
	}
	good := read(path)
	with := map[string][]byte{"longer": append(slices.Clone(good), '\n')}
	if len(good) > 0 {
		with["empty"], with["cut"], with["cut in half"] = nil, good[:len(good)-1], good[:len(good)/2]
	}
	if b, err := os.ReadFile(filepath.Join(other, name)); err == nil && string(b) != string(good) {
		with["of another run"] = b
	}
	for what, b := range with {
		write(path, b)
		d.found(name, what)
	}
	if err := os.Remove(path); err != nil {
		d.t.Fatal(err)
	}
	if report := d.verify(false); name == timingsFile || name == reportFile {
		if !report.OK() { // a run that was stopped after its manifest has none
			d.t.Errorf("%s: without %s: %+v", d.kind, name, report)
		}
	} else {
		d.found(name, "gone")
	}
	// Swapped with the next file of its kind.
	at := slices.Index(names, name)
	if at+1 < len(names) && filepath.Ext(names[at+1]) == filepath.Ext(name) {
		if next := filepath.Join(d.dir, names[at+1]); string(read(next)) != string(good) {
			others := read(next)
			write(path, others)
			write(next, good)
			d.found(name, "swapped with "+names[at+1])
			write(next, others)
		}
	}
	write(path, good)
}

// TestChangedInputs: an input that is not the one that was planned, by a bit, is found
// by scan and by verify --inputs, which name it. Once it has been scanned nothing that
// happens to it changes a result: decide and resolve, which read some texts again, fail
// or give what they would have given.
func TestChangedInputs(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 10))
	c := newCluster(t, t.TempDir(), seed)
	whole := c.whole()
	scanned := func() error {
		if err := os.RemoveAll(filepath.Join(c.dir, task.WorkDir)); err != nil {
			t.Fatal(err)
		}
		return c.do(task.Scan, 0, 1<<20)
	}
	resolved := func() error {
		for _, name := range []task.Stage{task.Decide, task.Resolve} {
			if err := os.RemoveAll(filepath.Join(c.dir, task.WorkDir, string(name))); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.do(task.Decide, 0, 1<<20); err != nil {
			return err
		}
		return c.do(task.Resolve, 0, 1)
	}
	decisions := func() map[string]string {
		all := map[string]string{}
		for i := range c.plan.Delivery() {
			name := filepath.Join(task.WorkDir, string(task.Resolve), fmt.Sprintf("%05d.decisions", i))
			all[name] = string(readFile(t, c.dir, name))
		}
		return all
	}
	verified := func(path string) {
		report, err := verify.Run(t.Context(), whole, verify.Options{Inputs: true, Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, check := range report.Checks {
			if slices.ContainsFunc(check.Failures, func(s string) bool { return strings.HasPrefix(s, path+":") }) {
				return
			}
		}
		t.Errorf("verify --inputs does not name %s: %+v", path, report)
	}
	refused := func(err error, path string) {
		t.Helper()
		if !errors.Is(err, doc.ErrInputChanged) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := scanned(); err != nil {
		t.Fatal(err)
	}
	c.must(task.Match, task.Decide, task.Resolve)
	want := decisions()
	failed := 0
	for i, f := range c.plan.Files {
		good, err := os.ReadFile(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		other, err := os.ReadFile(c.plan.Files[(i+1)%len(c.plan.Files)].Path)
		if err != nil {
			t.Fatal(err)
		}
		damages := [][]byte{nil, good[:len(good)-1], append(slices.Clone(good), '\n'), other}
		for range 12 * max(1, stress) {
			bad := slices.Clone(good)
			bad[rng.IntN(len(bad))] ^= 1 << rng.IntN(8)
			damages = append(damages, bad)
		}
		for k, bad := range damages {
			if err := os.WriteFile(f.Path, bad, 0o666); err != nil {
				t.Fatal(err)
			}
			switch err := resolved(); { // after it has been scanned
			case err != nil:
				refused(err, f.Path)
				failed++
			case !maps.Equal(want, decisions()):
				t.Errorf("%s: change %d after scan changed decisions", f.Path, k)
			}
			refused(scanned(), f.Path)
			verified(f.Path)
			if err := os.WriteFile(f.Path, good, 0o666); err != nil {
				t.Fatal(err)
			}
			if err := scanned(); err != nil {
				t.Fatal(err)
			}
			c.must(task.Match)
		}
		if err := os.Remove(f.Path); err != nil {
			t.Fatal(err)
		}
		if err := scanned(); !errors.Is(err, doc.ErrInput) || !strings.Contains(err.Error(), f.Path) {
			t.Errorf("%s is gone: %v", f.Path, err)
		}
		verified(f.Path)
		if err := os.WriteFile(f.Path, good, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := scanned(); err != nil {
			t.Fatal(err)
		}
		c.must(task.Match)
	}
	if failed == 0 {
		t.Error("resolve read nothing that was changed")
	}
}
