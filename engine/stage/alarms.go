package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/tallystick/tallystick/engine/alarm"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/resolve"
	"github.com/tallystick/tallystick/engine/tally"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// magicLosses begins a file with what the parties of one shard lost as near
// duplicates of others: first the input file that the shard is of, then its
// contributors.
const magicLosses = "tallystick losses 2\n"

// losses add up one shard.
type losses struct {
	in, fileLost  doc.Counts  // of the input file
	byContributor tally.Tally // what they lost, all of it near_dup
}

// add adds a document that was used. file is the input of its shard, witness that
// of its witness's.
func (l *losses) add(rec *wire.Document, d *wire.Decision, file, witness int) {
	one := doc.Counts{Documents: 1, Bytes: rec.Bytes, Tokens: rec.Tokens}
	l.in.Add(one)
	if d == nil || d.Class != doc.NearDup {
		return
	}
	if file != witness {
		l.fileLost.Add(one)
	}
	if string(rec.Contributor) != d.WitnessContrib {
		l.byContributor.Add(rec.Contributor, doc.NearDup, rec.Bytes, rec.Tokens)
	}
}

// fileOf returns the input of a shard, -1 of one that the plan does not have.
func (t *taskRun) fileOf(shard uint32) int {
	if int(shard) >= len(t.Plan.Shards) {
		return -1
	}
	return t.Plan.Shards[shard].File
}

func putCounts(e *wire.Encoder, c doc.Counts) { e.Uint(c.Documents); e.Uint(c.Bytes); e.Uint(c.Tokens) }

func (l *losses) write(ctx context.Context, t *taskRun) error {
	e, err := t.Encode(ctx, task.WorkPath(task.Tally, t.Record.Task, "losses"), magicLosses)
	if err != nil {
		return err
	}
	putCounts(e, l.in)
	putCounts(e, l.fileLost)
	err = l.byContributor.Each(func(r *tally.Row) {
		e.Str(r.Contributor)
		lost := r.Class[doc.NearDup]
		putFew(e, []uint64{lost.Documents, lost.Bytes, lost.Tokens})
	})
	return errors.Join(err, e.Flush())
}

// alarms raises the alarms of a run that was resolved and whose shards add up to rows, with
// so many documents kept.
func (t *taskRun) alarms(ctx context.Context, resolved *task.Record, rows *sealedRows, kept uint64) (alarm.File, error) {
	b, err := t.ReadFile(ctx, resolved, task.WorkPath(task.Resolve, 0, "alarms"))
	if err != nil {
		return alarm.File{}, err
	}
	var left resolve.Evidence
	if err := json.Unmarshal(b, &left); err != nil {
		return alarm.File{}, fmt.Errorf("%w: %s: %w", doc.ErrCorrupt, task.WorkPath(task.Resolve, 0, "alarms"), err)
	}
	e := alarm.Evidence{Measured: left.Measured, Groups: left.Groups, MostCandidates: left.MostCandidates, Audit: left.Audit, Floor: t.Plan.NearDup.Sweepable()}
	e.Measured.Kept = kept
	e.Contributors = rows.all
	var failed error
	e.Parties = func(yield func(*alarm.Party) bool) {
		if err := rows.parties(ctx, yield); err != nil && !errors.Is(err, errEnough) {
			failed = err
		}
	}
	f := alarm.Raise(t.Plan.RunID, t.Plan.AlarmLimits(), &e)
	return f, failed
}

// errEnough ends a walk over parties early.
var errEnough = errors.New("enough")

// party is the contributor of the row.
func (r *sealedRow) party() alarm.Party {
	in := r.In()
	in.Documents -= r.Class[doc.Rejected].Documents
	return alarm.Party{Contributor: r.Contributor, In: in, Lost: r.lost}
}

// parties are the contributors and, where several have documents, the input files.
func (r *sealedRows) parties(ctx context.Context, yield func(*alarm.Party) bool) error {
	var party alarm.Party
	err := r.each(ctx, func(row *sealedRow) error {
		if party = row.party(); !yield(&party) {
			return errEnough
		}
		return nil
	})
	if err != nil || len(r.files) < 2 {
		return err
	}
	for i := range r.files {
		if !yield(&r.files[i]) {
			return errEnough
		}
	}
	return nil
}

// fileParties are the input files that have documents, by the heads of the losses of
// the shards.
func (t *taskRun) fileParties(heads [][]uint64) []alarm.Party {
	files := make([]alarm.Party, len(t.Plan.Files))
	for i, f := range t.Plan.Files {
		files[i].File = f.Path
	}
	for shard, head := range heads {
		file := &files[t.Plan.Shards[shard].File]
		file.In.Add(doc.Counts{Documents: head[0], Bytes: head[1], Tokens: head[2]})
		file.Lost.Add(doc.Counts{Documents: head[3], Bytes: head[4], Tokens: head[5]})
	}
	// What stands is not the delivery's to lose.
	return slices.DeleteFunc(files, func(s alarm.Party) bool { return s.In.Documents == 0 })
}

// raise writes alarms.json and, where the job is strict, fails if there is one.
func (t *taskRun) raise(ctx context.Context, resolved *task.Record, rows *sealedRows, kept uint64) error {
	f, err := t.alarms(ctx, resolved, rows, kept)
	if err != nil {
		return err
	}
	w, err := t.Create(ctx, alarm.Name)
	if err != nil {
		return err
	}
	if err := f.Write(w); err != nil {
		return err
	}
	if !t.Strict || f.Raised() == 0 {
		return nil
	}
	if err := t.Publish(); err != nil {
		return err
	}
	return &alarm.ErrRaised{File: f, Path: object.Join(t.Dir, alarm.Name)}
}
