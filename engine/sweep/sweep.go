// Package sweep tells what every threshold of a range would do to the same
// documents: what is lost, who loses it, how large the groups are, and which
// documents are on the edge. It adds up and shows fates that package neardup
// decided, one threshold at a time; it decides nothing itself.
package sweep

import (
	"cmp"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
)

// Fate is what became of a document. The zero Fate is that of a kept one.
type Fate struct {
	Class doc.Class
	// Of a dropped document: the index of its witness, and for a near_dup the
	// shingles in both and in either, and the buckets that they share.
	Witness        int32
	Overlap, Union uint32
	Shared         uint32
}

// Document is one that shares a key with another one: any other document is
// kept at every threshold.
type Document struct {
	Contributor   int32 // index into Corpus.Contributors
	Bytes, Tokens uint64
	// Hash is that of the text, keyed by the plan's seed: samples are drawn by
	// it, so that they depend on the documents alone.
	Hash uint64
}

// Corpus is what all thresholds have in common.
type Corpus struct {
	Documents    []Document
	Contributors []Contributor // in the order they were met
	In           doc.Counts    // of all lines
	Rejected     doc.Counts
}

// Contributor is who is credited, with all that came in.
type Contributor struct {
	Name string
	In   doc.Counts // of lines that could be used
}

// Row is what one threshold does.
type Row struct {
	Threshold string `json:"threshold"` // decimal
	// RecallPPM is the predicted probability, in parts per million, that a pair
	// whose score is the threshold is looked at.
	RecallPPM    int64        `json:"recall_ppm"`
	In           doc.Counts   `json:"in"`
	Kept         doc.Counts   `json:"kept"`
	ExactDup     doc.Counts   `json:"exact_dup"`
	NearDup      doc.Counts   `json:"near_dup"`
	Rejected     doc.Counts   `json:"rejected"`
	Contributors Contributors `json:"contributors"`
	Groups       Groups       `json:"groups"`
	Losers       []Loser      `json:"losers"`
	Samples      []Sample     `json:"samples"`

	lost []uint64 // tokens, by contributor: what Courses shows
}

// Lost is what was dropped as a duplicate, of either kind.
func (r *Row) Lost() doc.Counts {
	c := r.ExactDup
	c.Add(r.NearDup)
	return c
}

// Contributors counts those with at least one usable document.
type Contributors struct {
	All       uint64 `json:"all"`
	Losing    uint64 `json:"losing"`     // at least one document
	LosingAll uint64 `json:"losing_all"` // every document
}

// Groups are kept documents with those that they are the witness of.
type Groups struct {
	Count   uint64 `json:"count"`
	Largest uint64 `json:"largest"` // documents
	Sizes   []Size `json:"sizes"`   // ascending, only those that occur
}

// Size counts the groups of From to To documents.
type Size struct {
	From   uint64 `json:"from"`
	To     uint64 `json:"to"`
	Groups uint64 `json:"groups"`
}

// Loser is a contributor who loses documents.
type Loser struct {
	Contributor string     `json:"contributor"`
	In          doc.Counts `json:"in"`
	ExactDup    doc.Counts `json:"exact_dup"`
	NearDup     doc.Counts `json:"near_dup"`
}

// Lost is what was dropped as a duplicate, of either kind.
func (l *Loser) Lost() doc.Counts {
	c := l.ExactDup
	c.Add(l.NearDup)
	return c
}

// NewRow adds up the fates of the corpus's documents. Of the losers the first
// most are listed, by tokens lost; 0 lists all.
func NewRow(c *Corpus, threshold string, fates []Fate, most int) Row {
	r := Row{Threshold: threshold, In: c.In, Rejected: c.Rejected, Losers: []Loser{}, Samples: []Sample{}}
	lost := make([]Loser, len(c.Contributors))
	sizes := make([]uint64, len(fates))
	for i, f := range fates {
		d := &c.Documents[i]
		n := doc.Counts{Documents: 1, Bytes: d.Bytes, Tokens: d.Tokens}
		switch f.Class {
		case doc.ExactDup:
			r.ExactDup.Add(n)
			lost[d.Contributor].ExactDup.Add(n)
		case doc.NearDup:
			r.NearDup.Add(n)
			lost[d.Contributor].NearDup.Add(n)
		default:
			continue
		}
		sizes[f.Witness]++
	}
	r.Kept = minus(minus(c.In, c.Rejected), r.Lost())

	r.lost = make([]uint64, len(lost))
	for i, l := range lost {
		in := c.Contributors[i].In
		r.lost[i] = l.Lost().Tokens
		if in.Documents == 0 {
			continue
		}
		r.Contributors.All++
		n := l.Lost().Documents
		if n == 0 {
			continue
		}
		r.Contributors.Losing++
		if n == in.Documents {
			r.Contributors.LosingAll++
		}
		l.Contributor, l.In = c.Contributors[i].Name, in
		r.Losers = append(r.Losers, l)
	}
	slices.SortFunc(r.Losers, func(a, b Loser) int {
		x, y := a.Lost(), b.Lost()
		return cmp.Or(cmp.Compare(y.Tokens, x.Tokens), cmp.Compare(y.Documents, x.Documents), cmp.Compare(a.Contributor, b.Contributor))
	})
	if most > 0 && len(r.Losers) > most {
		r.Losers = slices.Clone(r.Losers[:most])
	}
	r.Groups = newGroups(sizes)
	return r
}

func minus(a, b doc.Counts) doc.Counts {
	return doc.Counts{Documents: a.Documents - b.Documents, Bytes: a.Bytes - b.Bytes, Tokens: a.Tokens - b.Tokens}
}

// newGroups counts groups by size, in classes that end at powers of two, from
// how many documents each one is the witness of.
func newGroups(witnessed []uint64) Groups {
	g := Groups{Sizes: []Size{}}
	var count [65]uint64
	for _, n := range witnessed {
		if n == 0 {
			continue
		}
		g.Count++
		g.Largest = max(g.Largest, n+1)
		class := 0
		for uint64(2)<<class < n+1 {
			class++
		}
		count[class]++
	}
	for class, n := range count {
		if n > 0 {
			to := uint64(2) << class
			g.Sizes = append(g.Sizes, Size{From: max(2, to/2+1), To: to, Groups: n})
		}
	}
	return g
}

// Course is how much a contributor loses, threshold by threshold.
type Course struct {
	Contributor Contributor
	Lost        []uint64 // tokens, by row
}

// Courses returns those who lose most at any threshold, by the most that they
// lose, of the rows of one corpus.
func Courses(c *Corpus, rows []Row, most int) []Course {
	peak := make([]uint64, len(c.Contributors))
	var losers []int
	for i := range peak {
		for r := range rows {
			peak[i] = max(peak[i], rows[r].lost[i])
		}
		if peak[i] > 0 {
			losers = append(losers, i)
		}
	}
	slices.SortFunc(losers, func(a, b int) int {
		return cmp.Or(cmp.Compare(peak[b], peak[a]), cmp.Compare(c.Contributors[a].Name, c.Contributors[b].Name))
	})
	if most > 0 {
		losers = losers[:min(most, len(losers))]
	}
	var out []Course
	for _, i := range losers {
		course := Course{Contributor: c.Contributors[i]}
		for r := range rows {
			course.Lost = append(course.Lost, rows[r].lost[i])
		}
		out = append(out, course)
	}
	return out
}
