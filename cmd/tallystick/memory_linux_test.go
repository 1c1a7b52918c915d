package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tallystick/tallystick/engine"
)

// TestMemoryIsBounded: under a bound well below what a run takes without one, the
// process stays under it, mapped files apart, and every byte of the results is the
// same.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: half a minute of CPU")
	}
	useProgram(t)
	dir := t.TempDir()
	generator := filepath.Join(dir, "tinydocs")
	if out, err := exec.Command("go", "build", "-o", generator, "../../bench/tinydocs").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.Mkdir(filepath.Join(dir, "corpus"), 0o777); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(generator, "-documents", "300000", "-shared", "500", filepath.Join(dir, "corpus")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run := func(out string, args ...string) (peak int64) {
		expect(t, dir, exitDone, append([]string{"run", "corpus", "--tokenizer", "gpt2", "--out", out, "--workers", "2", "--quiet"}, args...))
		var timings engine.Timings
		b, err := os.ReadFile(filepath.Join(dir, out, "timings.json"))
		if err == nil {
			err = json.Unmarshal(b, &timings)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range timings.Stages {
			t.Logf("%s: %s held %d MiB", out, s.Stage, s.PeakHeld>>20)
			peak = max(peak, s.PeakHeld)
		}
		return peak
	}
	// Not every page that the collector returns is gone at once: an eighth more.
	const bound = 64 << 20
	free, bounded := run("free"), run("bounded", "--memory", "64MiB")
	if bounded == 0 || bounded > bound+bound/8 {
		t.Errorf("%d MiB were held under a bound of %d MiB", bounded>>20, bound>>20)
	}
	if free < bound+bound/4 {
		t.Errorf("without a bound %d MiB were held: the corpus is too small for this test", free>>20)
	}
	sealed := func(out string) string { // has the digests of all results
		b, err := os.ReadFile(filepath.Join(dir, out, "manifest.json"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if sealed("free") != sealed("bounded") {
		t.Error("the results under a bound are others")
	}
}
