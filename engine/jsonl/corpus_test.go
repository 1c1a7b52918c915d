package jsonl

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/tallystick/tallystick/engine/internal/refdata"
)

// sampleLines returns about n lines of the corpus, spread over its first bytes.
func sampleLines(t testing.TB, path string, n int) [][]byte {
	t.Helper()
	r := bufio.NewReaderSize(io.LimitReader(refdata.Open(t, path), 8<<20), 1<<20)
	var lines [][]byte
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, bytes.TrimSuffix(line, []byte("\n")))
	}
	step := max(1, len(lines)/n)
	var sample [][]byte
	for i := 0; i < len(lines); i += step {
		sample = append(sample, lines[i])
	}
	return sample
}

// Both parsers agree with the reference on real lines, and on real lines with
// some bytes changed, dropped, doubled, or cut off.
func TestRealLines(t *testing.T) {
	var paths []string
	for _, folder := range []string{"corpora", "groundtruth", "golden"} {
		paths = append(paths, refdata.Glob(t, folder, "*.jsonl.zst")...)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	telling := []byte("\"\\{}[]:,u0de8 \t\n\x00\x1f\x7f\x80\xbf\xc3\xed\xf4\xff-+.eE1tfn")
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			a := newAgreement(t, defaults)
			for _, line := range sampleLines(t, path, 80) {
				if got := a.check(t, line); got.Reason != "" {
					t.Fatalf("%.200q: rejected: %s", line, got.Reason)
				}
				if len(line) > 20<<10 {
					continue
				}
				for range 4 {
					mutant := bytes.Clone(line)
					for range 1 + rng.IntN(3) {
						// The fields behind the text are few bytes with much
						// syntax: aim there as often as anywhere.
						at := rng.IntN(len(mutant))
						if rng.IntN(2) == 0 {
							at = max(0, len(mutant)-1-rng.IntN(120))
						}
						switch rng.IntN(5) {
						case 0, 1:
							mutant[at] = telling[rng.IntN(len(telling))]
						case 2:
							mutant = append(mutant[:at], mutant[at+1:]...)
						case 3:
							mutant = append(mutant[:at+1], mutant[at:]...)
						case 4:
							mutant = mutant[:at]
						}
						if len(mutant) == 0 {
							break
						}
					}
					a.check(t, mutant)
				}
			}
		})
	}
}
