package explain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/cespare/xxhash/v2"

	"github.com/tallystick/tallystick/engine/bitmap"
	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/worddiff"
	"github.com/tallystick/tallystick/engine/jsonl"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/shingle"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/sweep"
	"github.com/tallystick/tallystick/engine/sweepable"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/threshold"
)

// Options say what is told beyond the decision.
type Options struct {
	Step       string // between the thresholds of a sweepable run
	Neighbours int    // of a sweepable run
	Scratch    string // folder for shingle sets
}

// Outcome is what becomes of a document at the thresholds From to To.
type Outcome struct {
	From, To       string
	Class          doc.Class
	Witness        *sweep.Ref // of a dropped document
	Overlap, Union uint32     // of a near_dup
}

func placeOf(p plan.Plan, shard int32, line int64) doc.Place {
	return doc.Place{Shard: uint32(shard), Ordinal: uint32(line - p.Shards[shard].FirstLine)}
}

func openAround(ctx context.Context, dir, id string, o Options, m request.Means) (*sweepable.Around, error) {
	job, _, err := threshold.Open(ctx, dir, m)
	if err != nil {
		return nil, err
	}
	return sweepable.OpenAround(ctx, job, o.Scratch, func(r sweep.Ref) bool { return matches(id, r.ID, r.File, r.Line) })
}

// keptAround makes explanations of the documents found that were neither
// dropped nor rejected.
func keptAround(a *sweepable.Around, dropped []Explanation) []Explanation {
	var out []Explanation
	for _, f := range a.Found {
		if f.Reason != doc.OK || slices.ContainsFunc(dropped, func(e Explanation) bool { return e.Decision != nil && e.place == f.Place }) {
			continue
		}
		out = append(out, Explanation{
			ID: f.Ref.ID, Contributor: f.Ref.Contributor, File: f.Ref.File, Line: f.Ref.Line, Class: doc.Kept, place: f.Place,
		})
	}
	return out
}

// addTexts reads dropped documents and their witnesses from the inputs and
// compares them.
func addTexts(ctx context.Context, p plan.Plan, m request.Means, found []Explanation) {
	wanted := map[doc.Place]wantedText{}
	for i := range found {
		if d := found[i].Decision; d != nil && found[i].Class == doc.NearDup {
			wanted[found[i].place] = wantedText{}
			wanted[placeOf(p, d.WitnessShard, d.WitnessLine)] = wantedText{}
		}
	}
	err := readTexts(ctx, p, m, wanted)
	hasher, unknown := shingle.HasherFor(p.Rules.Shingle, p.Seed)
	if err = cmp.Or(err, unknown); err != nil {
		hasher = shingle.NewHasher(p.Seed) // not used
	}
	scanner := hasher.NewScanner()
	sketcher := neardup.NewSketcher(p.NearDup, p.Seed)
	for i := range found {
		e := &found[i]
		if e.Decision == nil || e.Class != doc.NearDup {
			continue
		}
		if e.NoText = err; err != nil {
			continue
		}
		own, witness := wanted[e.place], wanted[placeOf(p, e.Decision.WitnessShard, e.Decision.WitnessLine)]
		e.Diff = worddiff.Diff(witness.text, own.text)
		theirs := sketcher.BandKeys(nil, scanner.Set([]byte(witness.text)))
		apart := stage.Apart(&p, xxhash.New(), []byte(own.source))
		for _, key := range sketcher.BandKeys(nil, scanner.Set([]byte(own.text))) {
			if slices.Contains(theirs, key) {
				e.Buckets = append(e.Buckets, key^apart)
			}
		}
	}
}

var errAllRead = errors.New("all that was wanted is read")

type wantedText struct{ text, source string }

// readTexts fills in the texts of the lines at the places in wanted.
func readTexts(ctx context.Context, p plan.Plan, m request.Means, wanted map[doc.Place]wantedText) error {
	parser, err := task.NewParser(p.Fields, cmp.Or(m.Parser, "native"))
	if err != nil {
		return err
	}
	left := map[uint32]int{}
	for place := range wanted {
		left[place.Shard]++
	}
	for shard, n := range left {
		s := p.Shards[shard]
		f := p.Files[s.File]
		if f.Path == "-" {
			return fmt.Errorf("%w: standard input is not there any more", doc.ErrInput)
		}
		err := corpus.EachLine(ctx, f, s, p.MaxLine, nil, func(line *corpus.Line) error {
			place := doc.Place{Shard: shard, Ordinal: line.Ordinal}
			if _, ok := wanted[place]; !ok {
				return nil
			}
			var rec jsonl.Record
			if line.Reason != doc.OK || parser.Parse(line.Data, &rec) != doc.OK {
				return doc.ErrInputChanged
			}
			wanted[place] = wantedText{string(rec.Text), string(rec.Source)}
			if n--; n == 0 {
				return errAllRead
			}
			return nil
		})
		if err == nil {
			err = fmt.Errorf("%s: %w", f.Path, doc.ErrInputChanged)
		}
		if !errors.Is(err, errAllRead) {
			return err
		}
	}
	return nil
}

// addThresholds tells what would become of the documents at other thresholds,
// and which kept ones are nearest to them.
func addThresholds(ctx context.Context, dir string, p plan.Plan, o Options, a *sweepable.Around, found []Explanation) error {
	thresholds, err := threshold.Options{Step: o.Step}.Thresholds(p.NearDup)
	if err != nil {
		return err
	}
	of := make([]*Explanation, len(a.Found))
	for i, f := range a.Found {
		for j := range found {
			if found[j].place == f.Place && found[j].Class != doc.Rejected && f.Reason == doc.OK {
				of[i] = &found[j]
			}
		}
	}
	for _, t := range thresholds {
		fates, err := a.Decide(ctx, t.Num, t.Den)
		if err != nil {
			return fmt.Errorf("threshold %s: %w", t.Text, err)
		}
		for i, f := range fates {
			if of[i] == nil {
				continue
			}
			next := Outcome{From: t.Text, To: t.Text, Class: f.Class, Overlap: f.Overlap, Union: f.Union}
			if f.Class != doc.Kept {
				ref := a.Ref(f.Witness)
				next.Witness = &ref
			}
			of[i].At = extend(of[i].At, next)
		}
	}
	kept := keptLines(dir)
	for i, f := range a.Found {
		if of[i] == nil || f.Node < 0 {
			continue
		}
		var failed error
		of[i].Neighbours, err = a.Neighbours(f.Node, o.Neighbours, func(place doc.Place) bool {
			if d := of[i].Decision; d != nil && place == placeOf(p, d.WitnessShard, d.WitnessLine) {
				return false
			}
			is, err := kept(place)
			failed = cmp.Or(failed, err)
			return is
		})
		if err := cmp.Or(failed, err); err != nil {
			return err
		}
	}
	return nil
}

// extend adds an outcome, as a part of the last one if it is the same.
func extend(all []Outcome, next Outcome) []Outcome {
	if n := len(all); n > 0 {
		last := &all[n-1]
		sameWitness := last.Witness == next.Witness || last.Witness != nil && next.Witness != nil && *last.Witness == *next.Witness
		if last.Class == next.Class && sameWitness {
			last.To = next.To
			return all
		}
	}
	return append(all, next)
}

// keptLines returns a function that tells whether a line of a finished run is
// kept.
func keptLines(dir string) func(doc.Place) (bool, error) {
	shards := map[uint32]*roaring.Bitmap{}
	return func(place doc.Place) (bool, error) {
		lines, known := shards[place.Shard]
		if !known {
			name := filepath.Join(dir, bitmap.Path(int(place.Shard), doc.Kept))
			data, err := os.ReadFile(name)
			switch {
			case errors.Is(err, os.ErrNotExist):
				lines = roaring.New()
			case err != nil:
				return false, err
			default:
				if lines, err = bitmap.Read(data, 1<<32); err != nil {
					return false, fmt.Errorf("%s: %w", name, err)
				}
			}
			shards[place.Shard] = lines
		}
		return lines.Contains(place.Ordinal), nil
	}
}
