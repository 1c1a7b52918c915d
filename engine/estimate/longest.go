package estimate

import (
	"context"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/task"
)

// Longest is what the longest lines take, which are no part of the sample. What few lines
// have most of is not like the rest: so they are all rehearsed, by themselves (a take-all
// stratum: Hidiroglou 1986). Nobody else is a duplicate of one, as what is has about its
// length.
type Longest struct {
	Bytes     int64 `json:"bytes"` // of lines, with their ends
	Documents int64 `json:"documents"`
	Text      int64 `json:"text_bytes"`
	Compared  int64 `json:"compared_text_bytes"` // no audit among them
	Stored    int64 `json:"stored_shingles"`
	// Memory is as in Cost; that of resolve without what is stored.
	Memory map[task.Stage]int64 `json:"memory_bytes"`
}

// takeLongest leaves in Longest those lines that are rehearsed by themselves: the longest
// that have place in half of the sample. Lines that are rejected as too long are not among
// them, and where all of the corpus is the sample there are none.
func (o *Options) takeLongest(total, maxLine int64) {
	var taken []corpus.LongLine
	room := o.Size / 2
	for _, l := range o.Longest {
		if o.Size < total && l.Length <= maxLine && l.Length <= room {
			taken = append(taken, l)
			room -= l.Length
		}
	}
	o.Longest = taken
}

// lengthOf is the bytes of lines.
func lengthOf(lines []corpus.LongLine) (bytes int64) {
	for _, l := range lines {
		bytes += l.Length
	}
	return bytes
}

// rehearseLongest does all stages once with the longest lines.
func rehearseLongest(ctx context.Context, p plan.Plan, counters []task.Counter, o Options) (Longest, error) {
	p.AuditPPM, p.AuditLeast, p.AuditMost = 0, 0, 0
	o.Repeats = 1
	_, s, err := rehearse(ctx, p, counters, o, func() (*sampler, []string, error) { return copyLong(ctx, &p, o.Files, o.Longest, o.Dir) })
	l := Longest{Bytes: s.Bytes, Documents: s.Documents, Text: s.Text, Compared: s.ComparedText, Stored: s.Stored, Memory: s.Cost.Memory}
	if err == nil {
		l.Memory[task.Resolve] = max(0, l.Memory[task.Resolve]-8*l.Stored)
	}
	return l, err
}
