package report

import (
	"cmp"
	"slices"
)

// Scores is how many scores a report tells apart: whole percents.
const Scores = 101

// mostFlows is how many flows a report shows.
const mostFlows = 30

// Flows are what a report shows of who duplicates whom. The zero value has none.
type Flows struct {
	Scores  [Scores]uint64 // near duplicates by their Jaccard
	count   int
	largest []Flow // of those added
}

// Add adds a flow, the only one between its contributors.
func (f *Flows) Add(flow Flow) {
	f.count++
	if f.largest = append(f.largest, flow); len(f.largest) == 1000*mostFlows {
		f.cut()
	}
}

// cut leaves the largest flows, by tokens.
func (f *Flows) cut() {
	slices.SortFunc(f.largest, func(a, b Flow) int {
		return cmp.Or(
			cmp.Compare(b.Exact.Tokens+b.Near.Tokens, a.Exact.Tokens+a.Near.Tokens),
			cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To),
		)
	})
	f.largest = f.largest[:min(len(f.largest), mostFlows)]
}

// Show sets what d shows of them.
func (f *Flows) Show(d *Data) {
	f.cut()
	d.Scores, d.FlowCount, d.Flows = f.Scores[:], f.count, f.largest
}
