// Package alarm is alarms.json: what about a run's duplicates somebody should
// look at before anyone is paid by it. Nothing in it changes a decision.
//
// A threshold that is too low, or a template that many texts share, does not
// make a wrong proof, but a corpus that means something else than was thought.
// It shows as a party that loses most of what it delivered to others, as one
// document that stands for thousands, and as a bucket graph on the way to one
// component. The last is percolation: among documents that are no duplicates of
// each other, each shares buckets with n·P others, P being the chance that two
// do. In a random graph a component of almost all documents appears when that
// number passes 1 (Erdős and Rényi 1960); whoever takes clusters of buckets for
// duplicates then deletes the corpus. tallystick does not, for it proves every
// pair against a kept document, but the cost grows, and the choice of threshold
// and bands deserves a look.
package alarm

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"math/big"
	"math/bits"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/jsonfile"
	"github.com/tallystick/tallystick/engine/plan"
)

// Name of the file in the folder of a run.
const Name = "alarms.json"

// Version of alarms.json.
const Version = 1

// Kinds of alarm, in the order of the file.
type Kind string

const (
	Loss           Kind = "loss"
	LargeGroup     Kind = "large_group"
	Percolation    Kind = "percolation"
	HotBucket      Kind = "hot_bucket"
	ManyCandidates Kind = "many_candidates"
	LowRecall      Kind = "low_recall"
)

// Party is a contributor, or an input file (not the source that a document names), and what it lost as near
// duplicates of documents of others. A part of it that is rejected is not in In.
type Party struct {
	Contributor string
	File        string // the path of an input; else it is a contributor
	In          doc.Counts
	Lost        doc.Counts
}

// Document names one document.
type Document struct {
	Shard       uint32 `json:"shard"`
	Line        int64  `json:"line"` // one-based, in its file
	ID          string `json:"id"`
	Contributor string `json:"contributor"`
}

// Group is a kept document and how many stand in its group: itself and those
// that it is the witness of.
type Group struct {
	Document Document
	Size     uint64
}

// Measured is what the buckets and groups of a run were like.
type Measured struct {
	Kept           uint64 `json:"kept"`             // documents
	KeptPairs      uint64 `json:"kept_pairs"`       // of kept documents that share a bucket and were compared
	Component      uint64 `json:"component"`        // kept documents of the largest set that hangs together by shared buckets
	LargestBucket  uint64 `json:"largest_bucket"`   // kept documents of the bucket with the most
	HotBuckets     uint64 `json:"hot_buckets"`      // buckets above the internal limit for indexing
	MostCandidates uint64 `json:"most_candidates"`  // kept documents that one document was compared with
	LargestGroup   uint64 `json:"largest_group"`    // documents
	Lost           uint64 `json:"lost"`             // documents that contributors lost as near duplicates of others
	Parties        uint64 `json:"parties"`          // contributors and, if there are several, input files
	PartiesLarge   uint64 `json:"parties_compared"` // of those, with enough documents for the limit to apply
}

// Evidence is what alarms are made from.
type Evidence struct {
	Measured       Measured
	Parties        iter.Seq[*Party] // there may be very many, of whom none is kept
	Contributors   Party            // those of them that are contributors together
	Groups         []Group          // the largest ones, descending
	MostCandidates Document         // the document of Measured.MostCandidates
	Audit          *Audit           // nil if the plan asks for none
	// Floor says that the buckets are those of a floor below the threshold, as a
	// sweepable run has them. They are larger, which costs time and decides nothing,
	// so nothing is raised of them: a plain run of the same threshold would not.
	Floor bool
}

// Audit is what an audit found: pairs that share a bucket, of those that reach
// the threshold, and the upper end of the wider interval of their share.
type Audit struct {
	Found, Pairs uint64
	HighPPM      int64
	TargetPPM    int64 // the recall that the plan was made for
}

// Alarm is one thing to look at.
type Alarm struct {
	Kind        Kind      `json:"kind"`
	Contributor string    `json:"contributor,omitempty"` // of loss
	File        string    `json:"file,omitempty"`        // of loss, instead
	Measure     string    `json:"measure,omitempty"`     // of loss: documents or tokens
	Document    *Document `json:"document,omitempty"`    // of large_group and many_candidates
	Count       uint64    `json:"count"`
	Of          uint64    `json:"of,omitempty"` // of loss, percolation and low_recall
	Message     string    `json:"message"`
}

// File is the content of alarms.json.
type File struct {
	Version  int         `json:"version"`
	RunID    string      `json:"run_id"`
	Limits   plan.Alarms `json:"limits"`
	Measured Measured    `json:"measured"`
	Alarms   []Alarm     `json:"alarms"`
	Omitted  int         `json:"omitted"` // alarms beyond those listed
}

// mostListed bounds the file: a run over a million contributors may have as
// many alarms.
const mostListed = 1000

// Raise compares the evidence with the limits.
func Raise(runID string, limits plan.Alarms, e *Evidence) File {
	f := File{Version: Version, RunID: runID, Limits: limits, Measured: e.Measured, Alarms: []Alarm{}}
	f.Measured.Lost = e.Contributors.Lost.Documents
	var losses []Alarm // the worst of them
	worst := func() {
		slices.SortFunc(losses, func(a, b Alarm) int {
			return cmp.Or(compareShares(b.Count, b.Of, a.Count, a.Of), cmp.Compare(b.Of, a.Of),
				cmp.Compare(a.Contributor, b.Contributor), cmp.Compare(a.File, b.File))
		})
		if n := len(losses); n > mostListed {
			losses, f.Omitted = losses[:mostListed], f.Omitted+n-mostListed
		}
	}
	for s := range e.Parties {
		f.Measured.Parties++
		if s.In.Documents < max(1, limits.Documents) {
			continue
		}
		f.Measured.PartiesLarge++
		if a, raised := loss(limits, s, &e.Contributors); raised {
			if losses = append(losses, a); len(losses) == 2*mostListed {
				worst()
			}
		}
	}
	worst()
	f.Alarms = append(f.Alarms, losses...)
	for _, g := range e.Groups {
		if limits.Group > 0 && g.Size > limits.Group {
			f.Alarms = append(f.Alarms, Alarm{Kind: LargeGroup, Document: &g.Document, Count: g.Size,
				Message: fmt.Sprintf("%s stands for a group of %d documents (limit %d)", &g.Document, g.Size, limits.Group)})
		}
	}
	m := &e.Measured
	if m.Percolates(&limits) && !e.Floor {
		f.Alarms = append(f.Alarms, Alarm{Kind: Percolation, Count: m.Component, Of: m.Kept,
			Message: fmt.Sprintf("%s (limit %s): raise the threshold, or ask for less recall", m.Neighbours(), ppm(limits.NeighboursPPM))})
	}
	if limits.Bucket > 0 && m.LargestBucket > limits.Bucket && !e.Floor {
		f.Alarms = append(f.Alarms, Alarm{Kind: HotBucket, Count: m.LargestBucket,
			Message: fmt.Sprintf("a bucket has %d kept documents (limit %d): a template or boilerplate that many texts share", m.LargestBucket, limits.Bucket)})
	}
	if limits.Candidates > 0 && m.MostCandidates > limits.Candidates && !e.Floor {
		f.Alarms = append(f.Alarms, Alarm{Kind: ManyCandidates, Document: &e.MostCandidates, Count: m.MostCandidates,
			Message: fmt.Sprintf("%s was compared with %d kept documents (limit %d): such families cost the square of their number", &e.MostCandidates, m.MostCandidates, limits.Candidates)})
	}
	if a := e.Audit; a != nil && a.HighPPM < a.TargetPPM {
		f.Alarms = append(f.Alarms, Alarm{Kind: LowRecall, Count: a.Found, Of: a.Pairs,
			Message: fmt.Sprintf("the audit found %d of %d pairs in a bucket together: a recall of at most %s, the plan asks for %s", a.Found, a.Pairs, ppm(a.HighPPM), ppm(a.TargetPPM))})
	}
	if n := len(f.Alarms); n > mostListed {
		f.Alarms, f.Omitted = f.Alarms[:mostListed], f.Omitted+n-mostListed
	}
	return f
}

// Percolates reports whether kept documents share more buckets than the limits
// allow.
func (m *Measured) Percolates(limits *plan.Alarms) bool {
	return limits.NeighboursPPM > 0 && m.Kept >= limits.Documents &&
		above(2*m.KeptPairs, m.Kept, limits.NeighboursPPM) && above(m.Component, m.Kept, limits.ComponentPPM)
}

// Neighbours says how many others a kept document shares buckets with.
func (m *Measured) Neighbours() string {
	return fmt.Sprintf("a kept document shares buckets with %s others that it does not duplicate, and %d of %d kept documents hang together so",
		decimal(2*m.KeptPairs, m.Kept), m.Component, m.Kept)
}

// loss compares one party with the limit, by documents and by tokens; of both
// it tells the worse.
func loss(limits plan.Alarms, s, all *Party) (Alarm, bool) {
	if limits.LossPPM == 0 {
		return Alarm{}, false
	}
	a := Alarm{Kind: Loss, Contributor: s.Contributor, File: s.File, Measure: "documents", Count: s.Lost.Documents, Of: s.In.Documents}
	if compareShares(s.Lost.Tokens, s.In.Tokens, a.Count, a.Of) > 0 {
		a.Measure, a.Count, a.Of = "tokens", s.Lost.Tokens, s.In.Tokens
	}
	allLost, allIn := all.Lost.Documents, all.In.Documents
	if a.Measure == "tokens" {
		allLost, allIn = all.Lost.Tokens, all.In.Tokens
	}
	if !above(a.Count, a.Of, limits.LossPPM) || !exceeds(a.Count, a.Of, allLost, allIn, limits.LossExcessPPM) {
		return Alarm{}, false
	}
	name := fmt.Sprintf("contributor %q", s.Contributor)
	if s.File != "" {
		name = "input " + s.File
	}
	a.Message = fmt.Sprintf("%s loses %d of %d %s as near duplicates of others (limit %s)", name, a.Count, a.Of, a.Measure, ppm(limits.LossPPM))
	return a, true
}

// exceeds reports whether count/of is more than limit/10⁶ times part/whole.
func exceeds(count, of, part, whole uint64, limit int64) bool {
	n := func(v uint64) *big.Int { return new(big.Int).SetUint64(v) }
	left := n(count)
	left.Mul(left.Mul(left, n(whole)), n(1e6))
	right := n(part)
	right.Mul(right.Mul(right, n(of)), n(uint64(limit)))
	return left.Cmp(right) > 0
}

// above reports whether count/of is more than limit/10⁶.
func above(count, of uint64, limit int64) bool {
	return compareShares(count, of, uint64(limit), 1e6) > 0
}

// compareShares compares a/b with c/d; of nothing, the share is nothing.
func compareShares(a, b, c, d uint64) int {
	if b == 0 {
		a, b = 0, 1
	}
	if d == 0 {
		c, d = 0, 1
	}
	h1, l1 := bits.Mul64(a, d)
	h2, l2 := bits.Mul64(c, b)
	return cmp.Or(cmp.Compare(h1, h2), cmp.Compare(l1, l2))
}

// String names the document for people.
func (d *Document) String() string {
	name := d.ID
	if name == "" {
		name = fmt.Sprintf("line %d of shard %d", d.Line, d.Shard)
	}
	return fmt.Sprintf("document %q of %q", name, d.Contributor)
}

// decimal writes a quotient with two digits, rounded down.
func decimal(count, of uint64) string {
	hi, lo := bits.Mul64(count, 100)
	if of == 0 || hi >= of {
		return fmt.Sprintf("%d / %d", count, of)
	}
	q, _ := bits.Div64(hi, lo, of)
	return fmt.Sprintf("%d.%02d", q/100, q%100)
}

func ppm(n int64) string {
	s := fmt.Sprintf("%d.%06d", n/1e6, n%1e6)
	for s[len(s)-1] == '0' {
		s = s[:len(s)-1]
	}
	if s[len(s)-1] == '.' {
		s = s[:len(s)-1]
	}
	return s
}

// Write writes alarms.json.
func (f *File) Write(w io.Writer) error {
	return jsonfile.Write(w, Name, f)
}

// Parse reads what Write wrote; errors wrap doc.ErrCorrupt.
func Parse(data []byte) (File, error) {
	var f File
	err := jsonfile.Parse(data, Name, Version, &f)
	return f, err
}

// Raised returns how many alarms there are.
func (f *File) Raised() int { return len(f.Alarms) + f.Omitted }

// ErrRaised: a run was stopped by --strict because of its alarms.
type ErrRaised struct {
	File File
	Path string // of alarms.json
	// Finished: the run was done before, without --strict.
	Finished bool
}

// Error names the first alarm.
func (e *ErrRaised) Error() string {
	more := ""
	if n := e.File.Raised() - 1; n > 0 {
		more = fmt.Sprintf(", and %d more", n)
	}
	if e.Finished {
		return fmt.Sprintf("stopped by --strict: %s%s; see %s; a tally is there already, made without --strict", e.File.Alarms[0].Message, more, e.Path)
	}
	return fmt.Sprintf("stopped by --strict before a tally was written: %s%s; the evidence is in %s and decisions/ beside it (run --resume, stage seal or rethreshold --force without --strict accepts it)",
		e.File.Alarms[0].Message, more, e.Path)
}
