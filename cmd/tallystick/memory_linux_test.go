package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
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
	t.Run("tiny documents", func(t *testing.T) {
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
		tooSmall := func(free int64) {
			if free < memoryBound+memoryBound/4 {
				t.Errorf("without a bound %d MiB were held: the corpus is too small for this test", free>>20)
			}
		}
		tooSmall(compareBounded(t, dir, "plain", "run", "corpus", "--tokenizer", "gpt2"))
		tooSmall(compareBounded(t, dir, "sweepable", "run", "corpus", "--tokenizer", "gpt2", "--sweepable"))
		tooSmall(compareBounded(t, dir, "again", "rethreshold", "sweepable", "--threshold", "0.6"))
	})
	// An audit finds every text of a family with each sampled one: 680,000 pairs,
	// of which it must not hold all at once.
	t.Run("one family", func(t *testing.T) {
		dir := t.TempDir()
		var words, lines strings.Builder
		for i := range 40 {
			fmt.Fprintf(&words, "shared%d ", i)
		}
		for i := range 40_000 {
			fmt.Fprintf(&lines, `{"id":"%d","text":"%sown%d","contributor":"c%d"}`+"\n", i, words.String(), i, i%100)
		}
		if err := os.WriteFile(filepath.Join(dir, "corpus"), []byte(lines.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		compareBounded(t, dir, "plain", "run", "corpus", "--tokenizer", "gpt2", "--audit", "0.05%")
	})
}

const memoryBound = 64 << 20

// compareBounded runs the program in dir with and without a bound, and returns what was
// held without one, in bytes. The run without one is dir/out.
func compareBounded(t *testing.T, dir, out string, args ...string) (free int64) {
	run := func(out string, more ...string) (peak int64) {
		expect(t, dir, exitDone, slices.Concat(args, []string{"--out", out, "--workers", "2", "--quiet"}, more))
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
	free = run(out)
	bounded := run(out+"-bounded", "--memory", fmt.Sprint(memoryBound))
	if bounded == 0 || bounded > memoryBound+memoryBound/8 {
		t.Errorf("%d MiB were held under a bound of %d MiB", bounded>>20, memoryBound>>20)
	}
	sealed := func(out string) string { // has the digests of all results
		b, err := os.ReadFile(filepath.Join(dir, out, "manifest.json"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if sealed(out) != sealed(out+"-bounded") {
		t.Error("the results under a bound are others")
	}
	return free
}
