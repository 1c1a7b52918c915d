package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"path/filepath"
	"testing"
)

// TestSharedCredit is Law 4 for shared credit: the program runs over one random
// corpus in many ways.
func TestSharedCredit(t *testing.T) {
	if testing.Short() {
		t.Skip("short: runs the program a dozen times")
	}
	seed := *metamorphicSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d (repeat with -metamorphic-seed %d)", seed, seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	lines := randomCorpus(t, rng)
	tool := buildProgram(t)
	dir := t.TempDir()
	in := filepath.Join(dir, "in")
	writeLines(t, filepath.Join(in, "all.jsonl"), lines, plain)
	base := runTool(t, tool, nil, in, filepath.Join(dir, "base"), "--credit", "shared", "--workers", "1")
	command(t, tool, nil, "verify", base, "--inputs")
	sameFolder(t, base, runTool(t, tool, nil, in, filepath.Join(dir, "workers"), "--credit", "shared", "--workers", "3"))

	first := runTool(t, tool, nil, in, filepath.Join(dir, "first"))
	sameFolder(t, first, runTool(t, tool, nil, in, filepath.Join(dir, "named"), "--credit", "first"))
	if bytes.Contains(readFile(t, filepath.Join(first, "plan.json")), []byte("credit")) {
		t.Error("a plan that does not share credit speaks of it")
	}
	checkCredits(t, base, first)

	for _, files := range []int{1, 23} {
		rng.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		in := t.TempDir()
		for i := range files {
			writeLines(t, filepath.Join(in, fmt.Sprintf("%02d.jsonl", i)), lines[i*len(lines)/files:(i+1)*len(lines)/files], gzipped)
		}
		got := runTool(t, tool, nil, in, filepath.Join(t.TempDir(), "out"), "--credit", "shared")
		for _, name := range []string{"tally.jsonl", "tally.parquet"} {
			if !bytes.Equal(readFile(t, filepath.Join(base, name)), readFile(t, filepath.Join(got, name))) {
				t.Errorf("%d files: %s differs", files, name)
			}
		}
	}
}

// checkCredits compares a run that shares credit with one that does not: some
// gain what others lose. (That each has the right part, verify has derived again
// from the inputs.)
func checkCredits(t *testing.T, shared, first string) {
	t.Helper()
	type exact struct {
		Tokens                 int64
		Numerator, Denominator string
	}
	type row struct {
		Contributor string
		Kept        struct{ Tokens int64 }
		Credit      *exact
	}
	read := func(dir string) (rows []row) {
		for line := range bytes.Lines(readFile(t, filepath.Join(dir, "tally.jsonl"))) {
			var r row
			if err := json.Unmarshal(line, &r); err != nil {
				t.Fatal(err)
			}
			rows = append(rows, r)
		}
		return rows
	}
	value := func(e *exact) *big.Rat {
		v, ok := new(big.Rat).SetString(e.Numerator + "/" + e.Denominator)
		if !ok {
			t.Fatalf("credit %+v", e)
		}
		return v.Add(v, big.NewRat(e.Tokens, 1))
	}
	rows, plainRows := read(shared), read(first)
	var kept int64
	sum := new(big.Rat)
	gained, lost := 0, 0
	for i, r := range rows {
		if plainRows[i].Credit != nil || r.Contributor != plainRows[i].Contributor || r.Kept != plainRows[i].Kept {
			t.Fatalf("%+v with shared credit, %+v without", r, plainRows[i])
		}
		kept += r.Kept.Tokens
		sum.Add(sum, value(r.Credit))
		switch value(r.Credit).Cmp(big.NewRat(r.Kept.Tokens, 1)) {
		case 1:
			gained++
		case -1:
			lost++
		}
	}
	if sum.Cmp(big.NewRat(kept, 1)) != 0 {
		t.Errorf("credits add up to %s, kept are %d", sum, kept)
	}
	if gained == 0 || lost == 0 {
		t.Errorf("%d contributors gained, %d lost: nothing was tested", gained, lost)
	}
}
