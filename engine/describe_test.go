package engine

import (
	"path/filepath"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// TestReportOfAFinishedRun: what a run adds up on its way is what a report reads
// from the files of a run that another process did.
func TestReportOfAFinishedRun(t *testing.T) {
	r := sweepRules("", "0.8", "../testdata/corpus/peps-history.jsonl.gz", "../testdata/corpus/tldr.jsonl", "../testdata/corpus/phpdoc.jsonl")
	o := RunOptions{Out: filepath.Join(t.TempDir(), "out")}
	first, err := Run(t.Context(), r, sweepMeans, o)
	if err != nil {
		t.Fatal(err)
	}
	if first.report.FlowCount == 0 || len(first.report.Scores) != 101 {
		t.Fatalf("%d flows and %d scores: the test shows little", first.report.FlowCount, len(first.report.Scores))
	}
	o.Resume = true
	second, err := Run(t.Context(), r, sweepMeans, o)
	if err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(second.report, first.report); d != "" {
		t.Errorf("report (-read +added up):\n%s", d)
	}
}
