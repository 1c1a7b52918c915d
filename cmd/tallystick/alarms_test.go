package main

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/alarm"
)

// Alarms are a function of the documents but for what names a place: the input
// files, and where a document stands.
func TestAlarmsDoNotDependOnFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("short: runs the program")
	}
	rng := rand.New(rand.NewPCG(rand.Uint64(), 3))
	lines := randomCorpus(t, rng)
	tool := buildProgram(t)
	var want alarm.File
	for i, files := range []int{1, 1, 9} {
		in := t.TempDir()
		for k := range files {
			writeLines(t, filepath.Join(in, fmt.Sprintf("%02d.jsonl", k)), lines[k*len(lines)/files:(k+1)*len(lines)/files], plain)
		}
		out := runTool(t, tool, nil, in, filepath.Join(t.TempDir(), "out"), "--workers", fmt.Sprint(1+i), "--alarm-documents", "2",
			"--alarm-loss", "1%", "--alarm-loss-excess", "0.1", "--alarm-group", "2", "--alarm-bucket", "1", "--alarm-candidates", "1")
		got, err := alarm.Parse(readFile(t, filepath.Join(out, alarm.Name)))
		if err != nil {
			t.Fatal(err)
		}
		got.RunID, got.Measured.Parties, got.Measured.PartiesLarge = "", 0, 0
		got.Alarms = slices.DeleteFunc(got.Alarms, func(a alarm.Alarm) bool { return a.File != "" })
		for i := range got.Alarms {
			if d := got.Alarms[i].Document; d != nil {
				d.Shard, d.Line, got.Alarms[i].Message = 0, 0, "" // without an id, it is named by its place
			}
		}
		if i == 0 {
			if want = got; len(want.Alarms) < 3 {
				t.Fatalf("only %d alarms: nothing is tested", len(want.Alarms))
			}
		} else if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%d files: %s", files, diff)
		}
		rng.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	}
}

func TestMillionths(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "0.5": 500_000, "50%": 500_000, "2": 2_000_000, "0.000001": 1, "12.5%": 125_000, "100%": 1_000_000} {
		var m millionths
		if err := m.UnmarshalText([]byte(text)); err != nil || int64(m) != want {
			t.Errorf("%q: %d, %v; want %d", text, m, err, want)
		}
	}
	for _, text := range []string{"", ".5", "-1", "+1", "1e3", "0.0000001", "1.00001%", "x", "%", "99999999999999"} {
		var m millionths
		if m.UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q: accepted as %d", text, m)
		}
	}
}
