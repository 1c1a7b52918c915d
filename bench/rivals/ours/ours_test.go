package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/tokenize"
)

// TestMeasure holds a measurement to counts made one by one.
func TestMeasure(t *testing.T) {
	c, _, err := tokenize.Open("gpt2", tokenize.Options{Engine: tokenize.EngineNative})
	if err != nil {
		t.Fatal(err)
	}
	var docs [][]byte
	var want []byte
	total := int64(0)
	for i := range 3000 {
		docs = append(docs, bytes.Repeat([]byte(fmt.Sprintf("document %d, ", i)), i%40))
		n := c.Count(docs[i])
		total += int64(n)
		want = binary.LittleEndian.AppendUint32(want, uint32(n))
	}
	folder := t.TempDir()
	path, counts := filepath.Join(folder, "x.docs"), filepath.Join(folder, "counts")
	if err := writeDocuments(path, docs); err != nil {
		t.Fatal(err)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, threads := range []int{1, 2, 5} {
		runtime.GOMAXPROCS(threads)
		m, err := measure("gpt2", path, counts)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(counts)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d threads: other counts, %v", threads, err)
		}
		digest := sha256.Sum256(want)
		if m.Documents != len(docs) || m.Total != total || m.Digest != hex.EncodeToString(digest[:]) || m.ColdS <= 0 || m.WarmS <= 0 {
			t.Errorf("%d threads: %+v", threads, m)
		}
	}
}

// TestSpread wants the limit kept within a document, and all parts of a corpus.
func TestSpread(t *testing.T) {
	var docs [][]byte
	total := 0
	for i := range 1000 {
		docs = append(docs, make([]byte, i%97+1))
		total += len(docs[i])
	}
	for _, limit := range []int{1000, total / 2, total, 2 * total} {
		size := 0
		for _, d := range spread(docs, int64(limit)) {
			size += len(d)
		}
		if want := min(limit, total); size < want-100 || size > want+100 {
			t.Errorf("limit %d: %d bytes of %d", limit, size, total)
		}
	}
}

// TestRecords reads every record back: figures that somebody quotes must name
// their machine and revision, and hold right counts by us, or right decisions.
func TestRecords(t *testing.T) {
	files, err := filepath.Glob("../results/*.csv")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		keys := []string{"date", "cpu", "cores", "go", "kernels", "revision", "load before", "clock"}
		rates, wrong, right := []string{"cold", "warm"}, "counts", "exact"
		if strings.HasSuffix(f, "-dedup.csv") {
			keys = append(keys, "threshold", "settings, ours")
			rates, wrong, right = []string{"rate"}, "wrongful", "0"
		} else {
			keys = append(keys, "counts held to")
		}
		for _, key := range keys {
			if !bytes.Contains(b, []byte("# "+key+": ")) {
				t.Errorf("%s: no %s", f, key)
			}
		}
		r := csv.NewReader(bytes.NewReader(b))
		r.Comment = '#'
		rows, err := r.ReadAll()
		if err != nil || len(rows) < 2 {
			t.Fatalf("%s: no table: %v", f, err)
		}
		column := func(row []string, name string) string { return row[slices.Index(rows[0], name)] }
		for _, row := range rows[1:] {
			for _, rate := range rates {
				var v [3]float64
				for i, ending := range []string{"_min", "", "_max"} {
					if v[i], err = strconv.ParseFloat(column(row, rate+ending), 64); err != nil {
						t.Errorf("%s: %v: %v", f, row, err)
					}
				}
				if v[0] <= 0 || !slices.IsSorted(v[:]) {
					t.Errorf("%s: %v: median outside of the range", f, row)
				}
			}
			if column(row, "tool") == "ours" && column(row, wrong) != right {
				t.Errorf("%s: %v: want %s %s", f, row, wrong, right)
			}
		}
		if _, err := os.Stat(strings.TrimSuffix(f, ".csv") + ".svg"); err != nil {
			t.Error(err)
		}
	}
}
