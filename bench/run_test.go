package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/tallystick/tallystick/engine"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/jsonl"
	"github.com/tallystick/tallystick/engine/manifest"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/tokenize"
)

func BenchmarkRun(b *testing.B) { benchmark(b, runCells()) }

// runCells do the whole job with the default rules, from a plain file to a
// sealed output folder. Contenders are ways to do it: all must write the same
// bytes.
func runCells() []cell {
	return perText("Run", func(t *text) []cell {
		first := new([]byte) // manifest.json of the first run on t
		run := func(name string, m request.Means) cell {
			return cell{contender: name, threads: m.Workers, fresh: true, prepare: func() (work, error) { return running(t, m, first) }}
		}
		one := request.Means{Engine: tokenize.EngineNative, Parser: jsonl.Native, Workers: 1}
		all := one
		all.Workers = max(2, runtime.NumCPU())
		cells := []cell{
			run("workers=1", one),
			run(fmt.Sprintf("workers=%d", all.Workers), all),
		}
		if t.name != bundledName { // what follows says no more there, and the last takes minutes
			return cells
		}
		viaSimdjson, viaHF := one, one
		viaSimdjson.Parser, viaHF.Engine = jsonl.Simdjson, tokenize.EngineHF
		hf := run("workers=1,engine=hf", viaHF)
		if !tokenize.HFAvailable {
			hf.skip = noHF
		}
		return append(cells, run("workers=1,parser=simdjson", viaSimdjson), hf)
	})
}

func running(t *text, m request.Means, first *[]byte) (work, error) {
	path, err := t.path()
	if err != nil {
		return work{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return work{}, err
	}
	out := filepath.Join(tempDir, "run")
	rules := request.Rules{
		Inputs: []string{path}, Tokenizers: []string{"gpt2"}, AddedTokens: tokenize.AddedMatch,
		Fields:    plan.Fields{Text: "text", ID: "id", Contributor: "contributor", Created: "created"},
		Threshold: "0.8", Recall: 0.99, Seed: seed, MaxLine: maxLine,
		ShardSize: 1 << 20, // of so small a file, so that all workers have some
	}
	return work{info.Size(), func() (answer, error) {
		res, err := engine.Run(context.Background(), rules, m, engine.RunOptions{Out: out})
		if err != nil {
			return answer{}, err
		}
		return checkRun(res, first)
	}}, os.RemoveAll(out)
}

// checkRun returns the totals of a run. They must be conserved, and every file
// the same as in the first run of the same plan.
func checkRun(res engine.Result, first *[]byte) (answer, error) {
	totals := res.Manifest.Totals
	var sum doc.Counts
	for _, c := range []doc.Counts{totals.Kept, totals.ExactDup, totals.NearDup, totals.Excluded, totals.Rejected} {
		sum.Add(c)
	}
	if sum != totals.In {
		return answer{}, fmt.Errorf("totals are not conserved: in %+v, sum of classes %+v", totals.In, sum)
	}
	written, err := os.ReadFile(filepath.Join(res.Dir, manifest.Name))
	if err != nil {
		return answer{}, err
	}
	if *first == nil {
		*first = written
	}
	if !bytes.Equal(written, *first) {
		return answer{}, errors.New("other outputs than the first run of the same plan")
	}
	b, err := json.Marshal(totals)
	return answer{int64(totals.In.Documents), int64(totals.In.Tokens), xxhash.Sum64(b)}, err
}
