package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/engine/bitmap"
	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/decision"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/jsonl"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/stage"
)

// Explanation says what became of one document and why.
type Explanation struct {
	ID, Contributor string
	File            string
	Line            int64
	Class           doc.Class
	Reason          doc.Reason     // of a rejected line
	Decision        *decision.Row  // of a dropped document
	Witnessed       []decision.Row // documents dropped in favour of a kept one
}

// MaxWitnessed bounds Explanation.Witnessed.
const MaxWitnessed = 20

// Explain finds every document of a finished run with the given id, or the one
// that stands at "file:line". Ids are labels: several documents may share one.
// A kept document is found by reading the inputs again, so they must still be
// there; if they are not, what was found without them comes with the error.
func Explain(ctx context.Context, dir, id string) (plan.Plan, []Explanation, error) {
	p, err := LoadPlan(filepath.Join(dir, stage.PlanFile))
	if err != nil {
		return p, nil, err
	}
	if _, err := ReadManifest(dir); err != nil {
		return p, nil, err
	}
	var found []Explanation
	var witnessed []decision.Row
	err = eachDecision(dir, p, func(row *decision.Row) error {
		file := p.Files[p.Shards[row.Shard].File].Path
		if matches(id, row.ID, file, row.Line) {
			own := *row
			class, _ := doc.ParseClass(row.Class)
			found = append(found, Explanation{
				ID: row.ID, Contributor: row.Contributor, File: file, Line: row.Line, Class: class, Decision: &own,
			})
		}
		witnessFile := p.Files[p.Shards[row.WitnessShard].File].Path
		if matches(id, row.WitnessID, witnessFile, row.WitnessLine) {
			witnessed = append(witnessed, *row)
		}
		return nil
	})
	if err != nil {
		return p, nil, err
	}
	rejected, err := explainRejects(dir, id)
	if err != nil {
		return p, nil, err
	}
	found = append(found, rejected...)
	kept, lookupErr := findKept(ctx, dir, p, id)
	for _, k := range kept {
		for _, w := range witnessed {
			if w.WitnessLine == k.Line && p.Files[p.Shards[w.WitnessShard].File].Path == k.File && len(k.Witnessed) < MaxWitnessed {
				k.Witnessed = append(k.Witnessed, w)
			}
		}
		found = append(found, k)
	}
	if lookupErr != nil {
		return p, found, lookupErr
	}
	if len(found) == 0 {
		return p, nil, fmt.Errorf("%w: no document %q in this run (an id is case-sensitive; FILE:LINE also names a document)", doc.ErrInput, id)
	}
	return p, found, nil
}

func matches(want, id, file string, line int64) bool {
	if id != "" && id == want {
		return true
	}
	prefix, number, ok := cutLast(want, ":")
	return ok && prefix == file && number == strconv.FormatInt(line, 10)
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// eachDecision calls fn for every dropped document of a finished run, by shard
// and line. row is reused.
func eachDecision(dir string, p plan.Plan, fn func(row *decision.Row) error) error {
	for shard := range p.Delivery() {
		if err := eachDecisionOf(dir, p, shard, fn); err != nil {
			return err
		}
	}
	return nil
}

func eachDecisionOf(dir string, p plan.Plan, shard int, fn func(row *decision.Row) error) error {
	f, err := os.Open(filepath.Join(dir, decision.Path(shard)))
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	r, err := decision.NewReader(f, st.Size(), shard, p.Further...)
	if err != nil {
		return err
	}
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if int(row.WitnessShard) >= len(p.Shards) {
			return fmt.Errorf("%w: %s: line %d: witness in shard %d of %d", doc.ErrCorrupt, decision.Path(shard), row.Line, row.WitnessShard, len(p.Shards))
		}
		if err := fn(row); err != nil {
			return err
		}
	}
}

func explainRejects(dir, id string) ([]Explanation, error) {
	f, err := os.Open(filepath.Join(dir, "rejects.jsonl"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []Explanation
	r := decision.NewRejectReader(f)
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if matches(id, "", rec.File, rec.Line) {
			out = append(out, Explanation{
				Contributor: rec.Contributor, File: rec.File, Line: rec.Line, Class: doc.Rejected, Reason: rec.Reason,
			})
		}
	}
}

// findKept reads the inputs for kept documents that id names.
func findKept(ctx context.Context, dir string, p plan.Plan, id string) ([]Explanation, error) {
	parser, err := stage.NewParser(p.Fields, "native")
	if err != nil {
		return nil, err
	}
	var out []Explanation
	for i, s := range p.Shards[:p.Delivery()] {
		name := filepath.Join(dir, bitmap.Path(i, doc.Kept))
		data, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		kept, err := bitmap.Read(data, 1<<32)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		f := p.Files[s.File]
		if f.Path == "-" {
			return out, fmt.Errorf("%w: standard input is not there any more, so only dropped and rejected documents can be explained", doc.ErrInput)
		}
		err = corpus.EachLine(ctx, f, s, p.MaxLine, nil, func(line *corpus.Line) error {
			var rec jsonl.Record
			if !kept.Contains(line.Ordinal) || line.Reason != doc.OK || parser.Parse(line.Data, &rec) != doc.OK {
				return nil
			}
			number := s.FirstLine + int64(line.Ordinal)
			if matches(id, string(rec.ID), f.Path, number) {
				contributor := string(rec.Contributor)
				if contributor == "" {
					contributor = doc.Unattributed
				}
				out = append(out, Explanation{ID: string(rec.ID), Contributor: contributor, File: f.Path, Line: number, Class: doc.Kept})
			}
			return nil
		})
		if err != nil {
			return out, fmt.Errorf("look for a kept document in the inputs: %w", err)
		}
	}
	return out, nil
}
