// Package explain tells of one document of a finished run what became of it and
// why: the decision, the witness and the difference of their texts, and in a
// sweepable run what other thresholds would make of it.
package explain

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
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/internal/worddiff"
	"github.com/tallystick/tallystick/engine/jsonl"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/sweepable"
	"github.com/tallystick/tallystick/engine/task"
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
	Origin          string         // what it is part of (plan.Origin), if that is not the delivery

	// Of a dropped document, from the witness's text and its own; NoText says
	// why they are missing.
	Diff    []worddiff.Part
	Buckets []uint64 // band keys that both have
	NoText  error

	// Of a sweepable run.
	Neighbours []sweepable.Neighbour // the most similar kept documents, the witness aside
	At         []Outcome             // what becomes of it, by threshold

	place doc.Place
}

// maxWitnessed bounds Explanation.Witnessed.
const maxWitnessed = 20

// Find finds every document of a finished run with the given id, or the one
// that stands at "file:line". Ids are labels: several documents may share one.
// A kept document is found by reading the inputs again (in a sweepable run
// without them), so they must still be there; if they are not, what was found
// without them comes with the error.
func Find(ctx context.Context, dir, id string, o Options, m request.Means) (plan.Plan, []Explanation, error) {
	if _, err := folder.ReadManifest(dir); err != nil {
		return plan.Plan{}, nil, err
	}
	p, err := folder.LoadPlan(filepath.Join(dir, task.PlanFile))
	if err != nil {
		return p, nil, err
	}
	var found []Explanation
	var witnessed []decision.Row
	standing := map[doc.Place]int{} // explanations of witnesses that stand
	err = folder.EachDecision(dir, p, func(row *decision.Row) error {
		file := p.Files[p.Shards[row.Shard].File].Path
		if matches(id, row.ID, file, row.Line) {
			own := *row
			class, _ := doc.ParseClass(row.Class)
			found = append(found, Explanation{
				ID: row.ID, Contributor: row.Contributor, File: file, Line: row.Line, Class: class, Decision: &own,
				place: placeOf(p, row.Shard, row.Line),
			})
		}
		witnessFile := p.Files[p.Shards[row.WitnessShard].File].Path
		if !matches(id, row.WitnessID, witnessFile, row.WitnessLine) {
			return nil
		}
		origin := p.Origin(int(row.WitnessShard))
		if origin == "" {
			witnessed = append(witnessed, *row)
			return nil
		}
		at := doc.Place{Shard: uint32(row.WitnessShard), Ordinal: uint32(row.WitnessLine - p.Shards[row.WitnessShard].FirstLine)}
		i, known := standing[at]
		if !known {
			i = len(found)
			standing[at] = i
			found = append(found, Explanation{
				ID: row.WitnessID, Contributor: row.WitnessContributor, File: witnessFile, Line: row.WitnessLine, Class: doc.Kept, Origin: origin,
			})
		}
		if e := &found[i]; len(e.Witnessed) < maxWitnessed {
			e.Witnessed = append(e.Witnessed, *row)
		}
		return nil
	})
	if err != nil {
		return p, nil, err
	}
	rejected, err := findRejected(dir, id)
	if err != nil {
		return p, nil, err
	}
	found = append(found, rejected...)
	var kept []Explanation
	var around *sweepable.Around
	var lookupErr error
	if p.NearDup.Sweepable() {
		if around, err = openAround(ctx, dir, id, o, m); err != nil {
			return p, nil, err
		}
		defer around.Close()
		kept = keptAround(around, found)
	} else {
		kept, lookupErr = findKept(ctx, dir, p, id)
	}
	for _, k := range kept {
		for _, w := range witnessed {
			if w.WitnessLine == k.Line && p.Files[p.Shards[w.WitnessShard].File].Path == k.File && len(k.Witnessed) < maxWitnessed {
				k.Witnessed = append(k.Witnessed, w)
			}
		}
		found = append(found, k)
	}
	addTexts(ctx, p, m, found)
	if around != nil {
		if err := addThresholds(ctx, dir, p, o, around, found); err != nil {
			return p, nil, err
		}
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

func findRejected(dir, id string) ([]Explanation, error) {
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
	parser, err := task.NewParser(p.Fields, "native")
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
				out = append(out, Explanation{ID: string(rec.ID), Contributor: contributor, File: f.Path, Line: number, Class: doc.Kept, place: doc.Place{Shard: uint32(i), Ordinal: line.Ordinal}})
			}
			return nil
		})
		if err != nil {
			return out, fmt.Errorf("look for a kept document in the inputs: %w", err)
		}
	}
	return out, nil
}
