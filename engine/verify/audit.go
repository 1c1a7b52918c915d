package verify

import (
	"math"
	"strconv"

	"github.com/tallystick/tallystick/engine/verify/wary"
)

// auditFile is audit.json.
type auditFile struct {
	Version      int        `json:"version"`
	RunID        string     `json:"run_id"`
	SamplePPM    int64      `json:"sample_ppm"`
	Documents    uint64     `json:"documents"`
	Probes       uint64     `json:"probes"`
	Pairs        uint64     `json:"pairs"`
	Found        uint64     `json:"found"`
	RecallPPM    int64      `json:"recall_ppm"`
	PredictedPPM int64      `json:"predicted_ppm"`
	ByPairs      interval   `json:"interval_pairs"`
	Families     uint64     `json:"families"`
	ByFamilies   interval   `json:"interval_families"`
	Dropped      uint64     `json:"probes_dropped"`
	Missed       uint64     `json:"probes_missed"`
	Bins         []auditBin `json:"bins"`
	Examples     []struct {
		A       auditDocument `json:"a"`
		B       auditDocument `json:"b"`
		Overlap int64         `json:"overlap"`
		Union   int64         `json:"union"`
	} `json:"examples"`
}

type interval struct {
	LowPPM  int64 `json:"low_ppm"`
	HighPPM int64 `json:"high_ppm"`
}

type auditBin struct {
	JaccardPercent int    `json:"jaccard_percent"`
	Pairs          uint64 `json:"pairs"`
	Found          uint64 `json:"found"`
	PredictedPPM   int64  `json:"predicted_ppm"`
}

type auditDocument struct {
	Shard       uint32 `json:"shard"`
	Line        int64  `json:"line"`
	ID          string `json:"id"`
	Contributor string `json:"contributor"`
}

// checkAudit compares audit.json with itself, the plan and the alarms. Which texts
// were sampled and what they have in common only another audit tells.
func (c *checker) checkAudit(alarms []raised, omitted int, f *findings) error {
	var low *raised
	for i := range alarms {
		if alarms[i].Kind == "low_recall" {
			low = &alarms[i]
		}
	}
	if c.plan.AuditPPM == 0 {
		if low != nil {
			f.add("%s: a low_recall, but the plan has no audit", alarmsName)
		}
		return nil
	}
	data, err := c.read(auditName)
	if data == nil {
		return err // the manifest or the folder lacks it, which is told there
	}
	var a auditFile
	if err := wary.JSON(data, &a); err != nil {
		f.add("%s: %v", auditName, err)
		return nil
	}
	if a.Version != 1 || a.RunID != c.plan.RunID || a.SamplePPM != c.plan.AuditPPM {
		f.add("%s: version %d of run %s with a sample of %d ppm, the plan is 1, %s, %d", auditName, a.Version, a.RunID, a.SamplePPM, c.plan.RunID, c.plan.AuditPPM)
	}
	c.checkSample(&a, f)
	checkRecall(&a, f)
	target, err := strconv.ParseFloat(c.plan.NearDup.Recall, 64)
	if err != nil {
		f.add("%s: recall %q: %v", planName, c.plan.NearDup.Recall, err)
		return nil
	}
	switch below := a.ByFamilies.HighPPM < int64(math.Round(1e6*target)); {
	case below && low == nil && omitted == 0:
		f.add("%s: no low_recall, but all of the interval of %s is below the recall of the plan, %s", alarmsName, auditName, c.plan.NearDup.Recall)
	case low != nil && (!below || low.Count != a.Found || low.Of != a.Pairs):
		f.add("%s: a low_recall of %d of %d pairs, %s has %d of %d and a recall of at most %d ppm", alarmsName, low.Count, low.Of, auditName, a.Found, a.Pairs, a.ByFamilies.HighPPM)
	}
	return nil
}

// checkSample compares how many texts were sampled with the limits of the plan and
// with the kept and dropped documents.
func (c *checker) checkSample(a *auditFile, f *findings) {
	var distinct uint64 // kept and near_dup at most: a copy is of a text that another one stands for
	for i := range c.tally {
		distinct += c.tally[i].Kept.Documents + c.tally[i].NearDup.Documents
	}
	most, least := uint64(c.plan.AuditMost), min(uint64(c.plan.AuditLeast), a.Documents)
	if a.Documents > distinct || a.Probes > a.Documents || a.Dropped > a.Probes || a.Missed > a.Probes-min(a.Probes, a.Dropped) ||
		most > 0 && a.Probes > most || a.Probes < least || a.SamplePPM == 1e6 && most == 0 && a.Probes != a.Documents {
		f.add("%s: %d of %d texts sampled, %d of them dropped and %d missed: of %d documents the plan allows that not", auditName, a.Probes, a.Documents, a.Dropped, a.Missed, distinct)
	}
}

// checkRecall derives what follows from the pairs.
func checkRecall(a *auditFile, f *findings) {
	var pairs, found uint64
	last := -1
	for _, b := range a.Bins {
		if b.JaccardPercent <= last || b.JaccardPercent > 100 || b.Pairs == 0 || b.Found > b.Pairs {
			f.add("%s: bin %d after %d with %d pairs, %d found", auditName, b.JaccardPercent, last, b.Pairs, b.Found)
		}
		pairs, found, last = pairs+b.Pairs, found+b.Found, b.JaccardPercent
	}
	if pairs != a.Pairs || found != a.Found || a.Families > a.Probes || a.Families > a.Pairs || a.Pairs > 0 && a.Families == 0 {
		f.add("%s: %d of %d pairs found in %d families, the bins have %d of %d", auditName, a.Found, a.Pairs, a.Families, found, pairs)
		return
	}
	recall, narrow := int64(0), interval{0, 1e6}
	if pairs > 0 {
		recall, narrow = int64(found*1e6/pairs), wilson(float64(found), float64(pairs))
	}
	if a.RecallPPM != recall || !near(a.ByPairs.LowPPM, narrow.LowPPM) || !near(a.ByPairs.HighPPM, narrow.HighPPM) {
		f.add("%s: recall %d ppm, interval %v; %d of %d pairs make %d and %v", auditName, a.RecallPPM, a.ByPairs, found, pairs, recall, narrow)
	}
	if w := a.ByFamilies; pairs > 0 && (w.LowPPM > a.ByPairs.LowPPM+1 || w.HighPPM < a.ByPairs.HighPPM-1 || w.HighPPM > 1e6 || w.LowPPM < 0) {
		f.add("%s: the interval by families, %v, is not wider than that by pairs, %v", auditName, w, a.ByPairs)
	}
}

// wilson is the interval of 95 % of Wilson (1927), as the roots of
// (p − x)² = z²·x·(1 − x)/n.
func wilson(found, n float64) interval {
	const zz = 1.959963984540054 * 1.959963984540054
	a, b, c := n+zz, 2*found+zz, found*found/n
	root := math.Sqrt(max(b*b-4*a*c, 0))
	return interval{int64(math.Round(1e6 * max((b-root)/(2*a), 0))), int64(math.Round(1e6 * min((b+root)/(2*a), 1)))}
}

// near allows for the rounding of another formula.
func near(a, b int64) bool { return a-b <= 1 && b-a <= 1 }
