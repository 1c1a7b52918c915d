package report

import (
	"cmp"
	"slices"
	"sync"

	"github.com/tallystick/tallystick/engine/decision"
	"github.com/tallystick/tallystick/engine/doc"
)

// Flows add up the decisions of a run: who duplicates whom, and the scores. The
// zero value has none.
type Flows struct {
	by     map[[2]string]*Flow
	scores [101]uint64

	mu     sync.Mutex // of Merge
	shards int
}

// Add adds a row.
func (f *Flows) Add(row *decision.Row) {
	c := doc.Counts{Documents: 1, Bytes: uint64(row.Bytes), Tokens: uint64(row.Tokens)}
	flow := Flow{From: row.Contributor, To: row.WitnessContributor}
	if row.Class == doc.ExactDup.String() {
		flow.Exact = c
	} else {
		flow.Near = c
		f.scores[100*row.Overlap/row.Union]++
	}
	f.add(&flow)
}

func (f *Flows) add(flow *Flow) {
	key := [2]string{flow.From, flow.To}
	sum := f.by[key]
	if sum == nil {
		if f.by == nil {
			f.by = make(map[[2]string]*Flow)
		}
		sum = &Flow{From: flow.From, To: flow.To}
		f.by[key] = sum
	}
	sum.Exact.Add(flow.Exact)
	sum.Near.Add(flow.Near)
}

// Merge adds what was added to shard, a shard of the run. It may be called from
// several goroutines at once.
func (f *Flows) Merge(shard *Flows) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shards++
	for _, flow := range shard.by {
		f.add(flow)
	}
	for i, n := range shard.scores {
		f.scores[i] += n
	}
}

// Shards is how many were merged.
func (f *Flows) Shards() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.shards
}

// Show sets what d shows of them: of the flows the most, by tokens.
func (f *Flows) Show(d *Data, most int) {
	d.Scores = f.scores[:]
	d.FlowCount = len(f.by)
	for _, flow := range f.by {
		d.Flows = append(d.Flows, *flow)
	}
	slices.SortFunc(d.Flows, func(a, b Flow) int {
		return cmp.Or(
			cmp.Compare(b.Exact.Tokens+b.Near.Tokens, a.Exact.Tokens+a.Near.Tokens),
			cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To),
		)
	})
	d.Flows = d.Flows[:min(len(d.Flows), most)]
}
