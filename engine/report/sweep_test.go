package report

import (
	"regexp"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/worddiff"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/sweep"
)

// sampleSweep is a small sweep with every part of the page.
func sampleSweep() SweepData {
	c := sweep.Corpus{
		Contributors: []sweep.Contributor{
			{Name: "Ann", In: doc.Counts{Documents: 3, Bytes: 300, Tokens: 90}},
			{Name: "山田 太郎", In: doc.Counts{Documents: 2, Bytes: 200, Tokens: 60}},
			{Name: hostile[0], In: doc.Counts{Documents: 1, Bytes: 100, Tokens: 30}},
		},
		In: doc.Counts{Documents: 7, Bytes: 600, Tokens: 180}, Rejected: doc.Counts{Documents: 1},
	}
	for i, who := range []int32{0, 0, 0, 1, 1, 2} {
		c.Documents = append(c.Documents, sweep.Document{Contributor: who, Bytes: 100, Tokens: 30, Hash: uint64(i)})
	}
	near := func(witness int32, overlap uint32) sweep.Fate {
		return sweep.Fate{Class: doc.NearDup, Witness: witness, Overlap: overlap, Union: 100, Shared: 9}
	}
	exact := sweep.Fate{Class: doc.ExactDup, Witness: 0}
	d := SweepData{Plan: plan.Plan{
		RunID: strings.Repeat("0123456789abcdef", 4), Tokenizer: plan.Tokenizer{Name: "gpt2"},
		NearDup: plan.NearDup{ThresholdNum: 4, ThresholdDen: 5, Bands: 72, Rows: 4, FloorNum: 1, FloorDen: 2},
		Files:   []plan.File{{Path: "corpus.jsonl", Size: 12_345}},
	}}
	for _, row := range []struct {
		at    string
		fates []sweep.Fate
	}{
		{"0.5", []sweep.Fate{{}, exact, near(0, 55), near(0, 83), near(0, 60), {}}},
		{"0.8", []sweep.Fate{{}, exact, {}, near(0, 83), {}, {}}},
		{"1", []sweep.Fate{{}, exact, {}, {}, {}, {}}},
	} {
		r := sweep.NewRow(&c, row.at, row.fates, 0)
		r.RecallPPM = 990_407
		d.Rows = append(d.Rows, r)
	}
	d.Courses = sweep.Courses(&c, d.Rows, 10)
	sample := sweep.Sample{
		Dropped: sweep.Ref{ID: "b", File: "corpus.jsonl", Line: 4, Contributor: "山田 太郎"},
		Witness: sweep.Ref{File: "corpus.jsonl", Line: 1, Contributor: "Ann"},
		Overlap: 83, Union: 100, Jaccard: 0.83,
		Diff: []worddiff.Part{
			{Kind: worddiff.Skipped, Words: 1}, {Kind: worddiff.Same, Text: "a <b>\n\tline", Words: 3},
			{Kind: worddiff.Removed, Text: "old\u202e", Words: 1}, {Kind: worddiff.Added, Text: "new", Words: 1},
		},
	}
	d.Rows[1].Samples = []sweep.Sample{sample}
	return d
}

func writeSweep(t *testing.T, d SweepData) string {
	t.Helper()
	var b strings.Builder
	if err := WriteSweep(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSweepGolden(t *testing.T) {
	golden(t, "sweep.html", writeSweep(t, sampleSweep()))
	one := sampleSweep()
	one.Rows, one.Note = one.Rows[1:2], "The inputs could not be read."
	one.Courses, one.Rows[0].Samples = nil, nil
	golden(t, "sweep-one.html", writeSweep(t, one))
	writeSweep(t, SweepData{})
}

// The page of a sweep loads nothing, runs nothing, and no text changes that.
func TestSweepPageIsSelfContained(t *testing.T) {
	d := sampleSweep()
	for _, s := range hostile {
		d.Courses = append(d.Courses, sweep.Course{Contributor: sweep.Contributor{Name: s}, Lost: []uint64{0, 0, 0}})
		ref := sweep.Ref{ID: s, File: s, Line: 1, Contributor: s}
		d.Rows[0].Samples = append(d.Rows[0].Samples, sweep.Sample{
			Dropped: ref, Witness: sweep.Ref{File: s, Line: 1}, Union: 1, Diff: []worddiff.Part{{Kind: worddiff.Added, Text: s}, {Kind: worddiff.Same, Text: s}},
		})
	}
	d.Note = hostile[0]
	page := writeSweep(t, d)
	allowed := regexp.MustCompile(`^</?(html|head|meta|title|style|body|header|main|footer|section|div|h1|h2|p|dl|dt|dd|table|caption|thead|tbody|tr|th|td|span|bdi|code|small|del|ins|details|summary|svg|line|rect|polyline|polygon|text)\b`)
	for _, tag := range tags.FindAllString(strings.TrimPrefix(page, "<!doctype html>"), -1) {
		if !allowed.MatchString(tag) {
			t.Errorf("element %q", tag)
		}
		for _, bad := range []string{" src", " href", " on", "javascript:"} {
			if strings.Contains(strings.ToLower(tag), bad) {
				t.Errorf("element %q has %q", tag, bad)
			}
		}
	}
	if strings.Contains(sweepStyle, "url(") || strings.Contains(sweepStyle, "@import") {
		t.Error("style sheet refers to another file")
	}
	if got, want := strings.Count(page, "<h2"), strings.Count(writeSweep(t, sampleSweep()), "<h2")+1; got != want { // the note
		t.Errorf("%d sections with hostile texts, %d without", got, want)
	}
	for _, r := range []string{"\x1b", "\x00", "\u202e", "\u2066"} {
		if strings.Contains(page, r) {
			t.Errorf("page holds %q", r)
		}
	}
}

func TestSweepNumbers(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1.0k", 9949: "9.9k", 9951: "10k", 999_499: "999k", 999_500: "1.0M", 1 << 40: "1.1T"} {
		if got := tiny(n); got != want {
			t.Errorf("tiny(%d) = %q, want %q", n, got, want)
		}
	}
	for _, c := range []struct {
		part, whole uint64
		want        float64
	}{{0, 10, 0.01}, {10, 10, 1}, {3, 100, 0.04}, {1, 0, 0.01}, {1, 1000, 0.001}, {61, 100, 0.8}, {81, 100, 1}} {
		if got := niceShare(c.part, c.whole); got < c.want*0.999 || got > c.want*1.001 {
			t.Errorf("niceShare(%d, %d) = %v, want %v", c.part, c.whole, got, c.want)
		}
	}
	if got := passage("a\tb\r\nc\x1b\n"); got != "a\tb\nc\\x1b\n" {
		t.Errorf("passage: %q", got)
	}
}
