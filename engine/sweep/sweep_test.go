package sweep

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/doc"
)

func TestGroups(t *testing.T) {
	got := newGroups([]uint64{0, 1, 1, 2, 3, 4, 7, 8, 100, 0})
	want := Groups{Count: 8, Largest: 101, Sizes: []Size{
		{2, 2, 2}, {3, 4, 2}, {5, 8, 2}, {9, 16, 1}, {65, 128, 1},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := newGroups(nil); got.Count != 0 || got.Sizes == nil {
		t.Errorf("%+v", got)
	}
}

func TestEdge(t *testing.T) {
	c := &Corpus{Documents: make([]Document, 6)}
	for i := range c.Documents {
		c.Documents[i].Hash = uint64(10 - i)
	}
	near := func(witness int32, overlap uint32) Fate {
		return Fate{Class: doc.NearDup, Witness: witness, Overlap: overlap, Union: 10}
	}
	fates := []Fate{{}, near(0, 5), near(0, 5), {Class: doc.ExactDup}, near(3, 6), near(3, 5)}
	next := &Threshold{Num: 6, Den: 10}
	if diff := cmp.Diff([]int32{5, 2}, Edge(c, fates, next, 9)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int32{5}, Edge(c, fates, next, 1)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int32{5, 2}, Edge(c, fates, nil, 9)); diff != "" {
		t.Error(diff)
	}
}

func TestWriters(t *testing.T) {
	c := &Corpus{
		Documents:    []Document{{Contributor: 1, Bytes: 7, Tokens: 3}, {Contributor: 0, Bytes: 7, Tokens: 3}, {Contributor: 1, Bytes: 9, Tokens: 4}},
		Contributors: []Contributor{{"b", doc.Counts{Documents: 1, Bytes: 7, Tokens: 3}}, {"a", doc.Counts{Documents: 5, Bytes: 70, Tokens: 30}}},
		In:           doc.Counts{Documents: 7, Bytes: 77, Tokens: 33}, Rejected: doc.Counts{Documents: 1},
	}
	row := NewRow(c, "0.8", []Fate{{}, {Class: doc.ExactDup}, {Class: doc.NearDup, Overlap: 9, Union: 10}}, 1)
	row.RecallPPM = 999_000
	if row.Contributors != (Contributors{2, 2, 1}) || len(row.Losers) != 1 || row.Losers[0].Contributor != "a" {
		t.Errorf("%+v", row)
	}
	if diff := cmp.Diff(doc.Counts{Documents: 4, Bytes: 61, Tokens: 26}, row.Kept); diff != "" {
		t.Error(diff)
	}
	var tsv, lines, table bytes.Buffer
	for _, err := range []error{WriteTSV(&tsv, []Row{row}), WriteJSONL(&lines, []Row{row}), WriteTable(&table, []Row{row})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	names, values, _ := strings.Cut(tsv.String(), "\n")
	if values != "0.8\t999000\t4\t61\t26\t1\t7\t3\t1\t9\t4\t2\t16\t7\t2\t1\t1\t3\n" || strings.Count(names, "\t") != strings.Count(values, "\t") {
		t.Errorf("%q", tsv.String())
	}
	var back Row
	if err := json.Unmarshal(lines.Bytes(), &back); err != nil || back.Threshold != "0.8" || back.Groups.Largest != 3 {
		t.Errorf("%s: %v", lines.String(), err)
	}
	if !strings.Contains(table.String(), "0.9990") {
		t.Error(table.String())
	}
	if got := Courses(c, []Row{row}, 1); len(got) != 1 || got[0].Contributor.Name != "a" || got[0].Lost[0] != 4 {
		t.Errorf("%+v", got)
	}
}
