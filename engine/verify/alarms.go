package verify

import (
	"context"
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/verify/wary"
)

// alarmsFile is alarms.json.
type alarmsFile struct {
	Version  int               `json:"version"`
	RunID    string            `json:"run_id"`
	Limits   plan.Alarms       `json:"limits"`
	Measured map[string]uint64 `json:"measured"`
	Alarms   []raised          `json:"alarms"`
	Omitted  int               `json:"omitted"`
}

// raised is an alarm.
type raised struct {
	Kind        string `json:"kind"`
	Contributor string `json:"contributor"`
	File        string `json:"file"`
	Measure     string `json:"measure"`
	Document    *struct {
		Shard       int    `json:"shard"`
		Line        int64  `json:"line"`
		ID          string `json:"id"`
		Contributor string `json:"contributor"`
	} `json:"document"`
	Count   uint64 `json:"count"`
	Of      uint64 `json:"of"`
	Message string `json:"message"`
}

// checkAlarms derives what decisions and tally say about alarms: which
// contributors lose too much to others, and how large groups are. Of what stands,
// of input files and of buckets only resolve knows.
func (c *checker) checkAlarms(ctx context.Context, f *findings) (string, error) {
	switch {
	case c.tally == nil:
		return skipped(f, "tally")
	case c.witness == nil:
		return skipped(f, "set of decisions")
	}
	data, err := c.read(alarmsName)
	if data == nil {
		return skippedOr(f, alarmsName, err)
	}
	var a alarmsFile
	if err := wary.JSON(data, &a); err != nil {
		f.add("%s: %v", alarmsName, err)
		return "", nil
	}
	if a.Version != 1 || a.RunID != c.plan.RunID || a.Limits != c.plan.AlarmLimits() {
		f.add("%s: version %d of run %s with limits %+v, the plan is 1, %s, %+v", alarmsName, a.Version, a.RunID, a.Limits, c.plan.RunID, c.plan.AlarmLimits())
	}
	lost := make(map[string]*doc.Counts)
	groups := make(map[doc.Place]uint64)
	var largest uint64
	for shard := range c.plan.Delivery() {
		err := c.eachDecision(shard, f, func(d *decided) error {
			if !c.plan.IsStanding(d.witnessShard) {
				at := c.witnessPlace(d)
				groups[at] = max(groups[at], 1) + 1
				largest = max(largest, groups[at])
			}
			if d.class == doc.NearDup && d.contributor != d.witnessContributor {
				if lost[d.contributor] == nil {
					lost[d.contributor] = new(doc.Counts)
				}
				lost[d.contributor].Add(doc.Counts{Documents: 1, Bytes: uint64(d.bytes), Tokens: uint64(d.tokens)})
			}
			return ctx.Err()
		})
		if err != nil {
			return "", err
		}
	}
	c.compareGroups(&a, groups, largest, f)
	c.compareLosses(&a, lost, f)
	c.compareBuckets(&a, f)
	if err := c.checkAudit(a.Alarms, a.Omitted, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d raised", len(a.Alarms)+a.Omitted), nil
}

// compareGroups compares sizes of groups, by the places of their kept documents.
func (c *checker) compareGroups(a *alarmsFile, groups map[doc.Place]uint64, largest uint64, f *findings) {
	if got := a.Measured["largest_group"]; got < largest {
		f.add("%s: the largest group has %d documents, the decisions have one of %d", alarmsName, got, largest)
	}
	told := false
	for _, r := range a.Alarms {
		if r.Kind != "large_group" {
			continue
		}
		told = true
		if r.Document == nil || r.Document.Shard < 0 || r.Document.Shard >= len(c.plan.Shards) {
			f.add("%s: a large_group of no document", alarmsName)
			continue
		}
		at := doc.Place{Shard: uint32(r.Document.Shard), Ordinal: uint32(r.Document.Line - c.firstLine(r.Document.Shard))}
		if n := groups[at]; !c.plan.IsStanding(r.Document.Shard) && n != r.Count {
			f.add("%s: the group of document %q has %d documents, by the decisions %d", alarmsName, r.Document.ID, r.Count, n)
		}
	}
	if limit := a.Limits.Group; limit > 0 && largest > limit && !told && a.Omitted == 0 {
		f.add("%s: no large_group, but the decisions have one of %d documents (limit %d)", alarmsName, largest, limit)
	}
}

// compareBuckets derives the alarms of buckets from what was measured of them. Of
// those of a floor there are none.
func (c *checker) compareBuckets(a *alarmsFile, f *findings) {
	m, limits := a.Measured, a.Limits
	exceeds := func(count, of uint64, ppm int64) bool {
		return ppm > 0 && of > 0 && product(count, 1e6).Cmp(product(of, uint64(ppm))) > 0
	}
	kept := m["kept"]
	for _, b := range []struct {
		kind      string
		count, of uint64
		exceeds   bool
	}{
		{"percolation", m["component"], kept, kept >= limits.Documents &&
			exceeds(2*m["kept_pairs"], kept, limits.NeighboursPPM) && exceeds(m["component"], kept, limits.ComponentPPM)},
		{"hot_bucket", m["largest_bucket"], 0, limits.Bucket > 0 && m["largest_bucket"] > limits.Bucket},
		{"many_candidates", m["most_candidates"], 0, limits.Candidates > 0 && m["most_candidates"] > limits.Candidates},
	} {
		want := b.exceeds && !c.plan.NearDup.Sweepable()
		at := slices.IndexFunc(a.Alarms, func(r raised) bool { return r.Kind == b.kind })
		switch {
		case at < 0 && want && a.Omitted == 0:
			f.add("%s: no %s, but what was measured exceeds the limits", alarmsName, b.kind)
		case at >= 0 && (!want || a.Alarms[at].Count != b.count || a.Alarms[at].Of != b.of):
			f.add("%s: a %s of %d, which what was measured and the limits do not make one of %d", alarmsName, b.kind, a.Alarms[at].Count, b.count)
		}
	}
}

// compareLosses compares what contributors lost as near duplicates of others'.
func (c *checker) compareLosses(a *alarmsFile, lost map[string]*doc.Counts, f *findings) {
	var allIn, allLost doc.Counts
	var kept uint64
	used := make([]doc.Counts, len(c.tally))
	for i := range c.tally {
		row := &c.tally[i]
		used[i] = row.In
		used[i].Documents -= row.Rejected.Documents
		allIn.Add(used[i])
		kept += row.Kept.Documents
		if l := lost[row.Contributor]; l != nil {
			allLost.Add(*l)
		}
	}
	if a.Measured["kept"] != kept || a.Measured["lost"] != allLost.Documents {
		f.add("%s: %d documents kept and %d lost to others, tally and decisions have %d and %d", alarmsName, a.Measured["kept"], a.Measured["lost"], kept, allLost.Documents)
	}
	told := make(map[string]*raised)
	for i := range a.Alarms {
		if r := &a.Alarms[i]; r.Kind == "loss" && r.File == "" {
			told[r.Contributor] = r
		}
	}
	for i := range c.tally {
		name, in := c.tally[i].Contributor, used[i]
		r := told[name]
		delete(told, name)
		var l doc.Counts
		if lost[name] != nil {
			l = *lost[name]
		}
		count, of, isAlarm := excess(a.Limits, in, l, allIn, allLost)
		switch {
		case r == nil && isAlarm && a.Omitted == 0:
			f.add("%s: contributor %q loses %d of %d, which is no alarm there", alarmsName, name, count, of)
		case r != nil && (!isAlarm || r.Count != count || r.Of != of):
			f.add("%s: contributor %q is said to lose %d of %d, by the decisions it is %d of %d", alarmsName, name, r.Count, r.Of, count, of)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(told)) {
		f.add("%s: contributor %q of an alarm is not in %s", alarmsName, name, jsonlName)
	}
}

func product(factors ...uint64) *big.Int {
	p := big.NewInt(1)
	for _, n := range factors {
		p.Mul(p, new(big.Int).SetUint64(n))
	}
	return p
}

// excess returns the worse of two shares lost, by documents or by tokens, and
// whether it is more than the limits allow.
func excess(limits plan.Alarms, in, lost, allIn, allLost doc.Counts) (count, of uint64, isAlarm bool) {
	count, of = lost.Documents, in.Documents
	part, whole := allLost.Documents, allIn.Documents
	if product(lost.Tokens, of).Cmp(product(count, in.Tokens)) > 0 {
		count, of, part, whole = lost.Tokens, in.Tokens, allLost.Tokens, allIn.Tokens
	}
	isAlarm = limits.LossPPM > 0 && in.Documents >= max(1, limits.Documents) &&
		product(count, 1e6).Cmp(product(of, uint64(limits.LossPPM))) > 0 &&
		product(count, whole, 1e6).Cmp(product(part, of, uint64(limits.LossExcessPPM))) > 0
	return count, of, isAlarm
}
