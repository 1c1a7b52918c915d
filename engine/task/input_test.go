package task

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// Texts that are fetched in portions are all fetched, once, and several workers have
// something to do even within one shard of a plain file.
func TestFetchInPortions(t *testing.T) {
	const docs, seed = 45, 7
	var lines bytes.Buffer
	texts, wanted := make([]Text, docs), make([]string, docs)
	var some []int32
	for n := range docs {
		wanted[n] = strings.Repeat(fmt.Sprint("word", n, " "), 1+n*n*30)
		sum := xxhash.NewWithSeed(seed)
		sum.WriteString(wanted[n])
		texts[n] = Text{Place: doc.Place{Ordinal: uint32(n)}, Offset: int64(lines.Len()), Hash: sum.Sum64(), Length: uint64(len(wanted[n]))}
		fmt.Fprintf(&lines, "{\"text\":%q}\n", wanted[n])
		if n%7 != 3 {
			some = append(some, int32(n))
		}
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(lines.Bytes())
	z.Close()
	for name, c := range map[string]struct {
		content []byte
		several bool
	}{"plain": {lines.Bytes(), true}, "gzip": {packed.Bytes(), false}} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "in")
			if err := os.WriteFile(path, c.content, 0o666); err != nil {
				t.Fatal(err)
			}
			files, shards, err := corpus.Plan(t.Context(), []string{path}, corpus.PlanOptions{ShardSize: 1 << 30})
			if err != nil {
				t.Fatal(err)
			}
			job := &Job{Plan: plan.Plan{Files: files, Shards: shards, Fields: plan.Fields{Text: "text"}, Seed: seed, MaxLine: 1 << 30}, Workers: 3, Parser: "native"}
			var mu sync.Mutex
			portions, got := 0, map[int32]int{}
			err = job.Begin(Resolve, 0).Fetch(t.Context(), some, func(n int32) Text { return texts[n] }, func() func(n int32, text []byte) error {
				mu.Lock()
				defer mu.Unlock()
				portions++
				return func(n int32, text []byte) error {
					mu.Lock()
					defer mu.Unlock()
					if string(text) != wanted[n] {
						t.Errorf("document %d has another text", n)
					}
					got[n]++
					return nil
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range some {
				if got[n] != 1 {
					t.Errorf("document %d was fetched %d times", n, got[n])
				}
			}
			if len(got) != len(some) {
				t.Errorf("%d documents fetched, want %d", len(got), len(some))
			}
			if (portions > 2) != c.several {
				t.Errorf("%d portions of %d bytes", portions, lines.Len())
			}
		})
	}
}
