package threshold_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/request/requesttest"
	"github.com/tallystick/tallystick/engine/threshold"
)

func rules(floor, threshold string, inputs ...string) request.Rules {
	r := requesttest.Rules(inputs...)
	r.Floor, r.Threshold = floor, threshold
	return r
}

func runAt(t *testing.T, r request.Rules) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "out")
	if _, err := engine.Run(t.Context(), r, requesttest.Means, engine.RunOptions{Out: dir}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Samples are near their threshold, also those of the last one.
func TestSamplesAreNearTheirThreshold(t *testing.T) {
	base := runAt(t, rules("0.5", "0.8", "../../testdata/corpus/peps-history.jsonl.gz"))
	for _, at := range []string{"0.8", "0.95", "0.99"} {
		o := threshold.Options{At: []string{"0.6", at}, Step: "0.05", Samples: 50, Scratch: t.TempDir()}
		res, err := threshold.Sweep(t.Context(), base, o, requesttest.Means)
		if err != nil {
			t.Fatal(err)
		}
		last := res.Rows[1]
		if len(last.Samples) == 0 {
			t.Errorf("%s: no samples", at)
		}
		for _, s := range last.Samples {
			if limit := map[string]uint32{"0.8": 85, "0.95": 100, "0.99": 101}[at]; 100*s.Overlap >= limit*s.Union {
				t.Errorf("%s: a sample of score %v", at, s.Jaccard)
			}
		}
	}
}

// TestSweepRefuses what it cannot answer for.
func TestSweepRefuses(t *testing.T) {
	input := filepath.Join(t.TempDir(), "in.jsonl")
	var b bytes.Buffer
	for i := range 20 {
		fmt.Fprintf(&b, `{"text":"one two three four five six seven eight nine ten eleven %d"}`+"\n", i)
	}
	if err := os.WriteFile(input, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	o := threshold.Options{Step: "0.1", Scratch: t.TempDir()}
	plain := runAt(t, rules("", "0.8", input))
	if _, err := threshold.Sweep(t.Context(), plain, o, requesttest.Means); !errors.Is(err, doc.ErrUsage) || !strings.Contains(err.Error(), "--sweepable") {
		t.Errorf("a run that kept nothing: %v", err)
	}
	if _, err := request.MakePlan(t.Context(), rules("0.8", "0.7", input), requesttest.Means, ""); !errors.Is(err, doc.ErrUsage) {
		t.Errorf("a threshold below the floor: %v", err)
	}
	kept := runAt(t, rules("0.6", "0.8", input))
	for _, at := range []string{"0.59", "0", "1.1", "x"} {
		if _, err := engine.Rethreshold(t.Context(), kept, at, requesttest.Means, engine.RunOptions{Out: filepath.Join(t.TempDir(), "o")}); !errors.Is(err, doc.ErrUsage) {
			t.Errorf("rethreshold at %s: %v", at, err)
		}
		if _, err := threshold.Sweep(t.Context(), kept, threshold.Options{At: []string{at}, Scratch: t.TempDir()}, requesttest.Means); !errors.Is(err, doc.ErrUsage) {
			t.Errorf("sweep at %s: %v", at, err)
		}
	}
	if _, err := threshold.Sweep(t.Context(), kept, threshold.Options{Step: "0.0001", Scratch: t.TempDir()}, requesttest.Means); !errors.Is(err, doc.ErrUsage) {
		t.Errorf("thousands of thresholds: %v", err)
	}
	if _, err := engine.Rethreshold(t.Context(), kept, "0.7", requesttest.Means, engine.RunOptions{Out: kept, Force: true}); !errors.Is(err, doc.ErrUsage) {
		t.Errorf("onto itself: %v", err)
	}
	res, err := threshold.Sweep(t.Context(), kept, o, requesttest.Means)
	if err != nil {
		t.Fatal(err)
	}
	var at []string
	for _, r := range res.Rows {
		at = append(at, r.Threshold)
	}
	if diff := gocmp.Diff([]string{"0.6", "0.7", "0.8", "0.9", "1"}, at); diff != "" {
		t.Error(diff)
	}

	// What it keeps is checked before it is believed.
	name := filepath.Join(kept, "sweep", "graph.zst")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(name, data, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := threshold.Sweep(t.Context(), kept, o, requesttest.Means); !errors.Is(err, doc.ErrCorrupt) {
		t.Errorf("a damaged file: %v", err)
	}
}
