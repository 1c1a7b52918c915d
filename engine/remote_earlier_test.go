package engine

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/manifest"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/sweepable"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/verify"
)

// nowAndThen lets every often-th operation fail with err.
func nowAndThen(often int, err error) func(store.Op, string) error {
	n := 0
	return func(store.Op, string) error {
		if n++; n%often == 0 {
			return err
		}
		return nil
	}
}

// TestRethresholdRemote: into a store that fails now and then a run is decided
// again as into a folder, in the end.
func TestRethresholdRemote(t *testing.T) {
	base := runAt(t, sweepRules("0.5", "0.8", "../testdata/corpus/phpdoc.jsonl", "../testdata/corpus/peps-history.jsonl.gz"))
	local := filepath.Join(t.TempDir(), "local")
	if _, err := Rethreshold(t.Context(), base, "0.95", sweepMeans, RunOptions{Out: local}); err != nil {
		t.Fatal(err)
	}
	mem := store.NewMem()
	registerMem(mem)
	overloaded := errors.New("503 slow down")
	failures := 0
	for often := 40; ; often += 40 { // there is no going on: at last it succeeds in one go
		mem.Fail = nowAndThen(often, overloaded)
		_, err := Rethreshold(t.Context(), base, "0.95", sweepMeans, RunOptions{Out: memURL, Force: true})
		mem.Fail = nil
		if err == nil {
			break
		}
		if failures++; !errors.Is(err, overloaded) || failures == 100 {
			t.Fatalf("start %d: %v", failures, err)
		}
		if _, _, err := mem.Fetch(t.Context(), manifest.Name); err == nil && failures == 1 {
			t.Fatal("it failed, and there is a manifest")
		}
	}
	if failures == 0 {
		t.Error("nothing failed")
	}
	got, _, err := mem.Fetch(t.Context(), manifest.Name)
	if diff := gocmp.Diff(string(readFile(t, local, manifest.Name)), string(got)); err != nil || diff != "" {
		t.Errorf("manifest, %v (-local +remote):\n%s", err, diff)
	}
	copied := t.TempDir()
	if err := folder.Download(t.Context(), memURL, copied, func(string) bool { return true }); err != nil {
		t.Error(err)
	}
	for _, name := range listMem(t, mem) {
		if strings.HasPrefix(name, task.WorkDir) {
			t.Errorf("%s was left", name)
		}
	}
	if _, err := Rethreshold(t.Context(), base, "0.9", sweepMeans, RunOptions{Out: memURL}); !errors.Is(err, doc.ErrUsage) {
		t.Errorf("over another run: %v", err)
	}

	// From the copy of what that needs it goes back.
	some := t.TempDir()
	if err := folder.Download(t.Context(), memURL, some, func(name string) bool {
		return name == task.PlanFile || strings.HasPrefix(name, sweepable.Dir+"/")
	}); err != nil {
		t.Fatal(err)
	}
	back := filepath.Join(t.TempDir(), "back")
	if _, err := Rethreshold(t.Context(), some, "0.8", sweepMeans, RunOptions{Out: back}); err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(readFile(t, base, manifest.Name)), string(readFile(t, back, manifest.Name))); diff != "" {
		t.Errorf("back again (-before +after):\n%s", diff)
	}
}

// TestAgainstRemote: an earlier run in a store stands as one in a folder does.
// One that fails, changed, or is the output folder ends the run.
func TestAgainstRemote(t *testing.T) {
	ctx := t.Context()
	mem := store.NewMem()
	registerMem(mem)
	earlier := sweepRules("", "0.8", "../testdata/corpus/phpdoc.jsonl", "../testdata/corpus/peps-history.jsonl.gz")
	earlier.Policy.Index = true
	if _, err := Run(ctx, earlier, sweepMeans, RunOptions{Out: memURL}); err != nil {
		t.Fatal(err)
	}
	later := sweepRules("", "0.8", "../testdata/corpus/peps-history.jsonl.gz", "../testdata/corpus/tldr.jsonl")
	later.Policy.Against = []string{runAt(t, earlier)}
	want := runAt(t, later)

	later.Policy.Against = []string{memURL}
	got := filepath.Join(t.TempDir(), "out")
	overloaded := errors.New("503 slow down")
	mem.Fail = func(op store.Op, name string) error {
		if op == store.OpRead && name == stage.IndexPath(1) {
			return overloaded
		}
		return nil
	}
	if _, err := Run(ctx, later, sweepMeans, RunOptions{Out: got}); !errors.Is(err, overloaded) || !strings.Contains(err.Error(), memURL+"/index/00001.bin") {
		t.Fatalf("an index that cannot be read: %v", err)
	}
	mem.Fail, mem.MaxRead = nil, 1000
	if _, err := Run(ctx, later, sweepMeans, RunOptions{Out: got, Resume: true}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tally.jsonl", "tally.parquet", "bitmaps/00000.exact_dup.roaring"} {
		if string(readFile(t, want, name)) != string(readFile(t, got, name)) {
			t.Errorf("%s is another one than against a folder", name)
		}
	}
	check := func() (faults []string) {
		report, err := verify.Run(ctx, got, verify.Options{Inputs: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range report.Checks {
			faults = append(faults, c.Failures...)
		}
		return faults
	}
	if faults := check(); len(faults) > 0 {
		t.Errorf("verified: %q", faults)
	}

	later.Policy.Index = true
	if _, err := Run(ctx, later, sweepMeans, RunOptions{Out: memURL, Force: true}); !errors.Is(err, doc.ErrUsage) || !strings.Contains(err.Error(), "is the output folder") {
		t.Errorf("over the earlier run: %v", err)
	}
	text, version, err := mem.Fetch(ctx, stage.IndexPath(0))
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-1] ^= 1
	if _, err := mem.Swap(ctx, stage.IndexPath(0), version, text); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(ctx, later, sweepMeans, RunOptions{Out: filepath.Join(t.TempDir(), "changed")}); err == nil || !strings.Contains(err.Error(), memURL+"/"+stage.IndexPath(0)) {
		t.Errorf("with an index that changed: %v", err)
	}
	if faults := check(); len(faults) == 0 || !strings.Contains(faults[0], memURL+"/"+stage.IndexPath(0)) {
		t.Errorf("verified with an index that changed: %q", faults)
	}
}
