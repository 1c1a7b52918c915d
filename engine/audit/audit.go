// Package audit is audit.json: how many of the pairs that reach the threshold
// share a bucket, measured. The plan predicts it for pairs of independent
// documents; what a corpus is like, only counting tells.
package audit

import (
	"fmt"
	"io"
	"math"

	"github.com/tallystick/tallystick/engine/internal/jsonfile"
)

// Name of the file in the folder of a run.
const Name = "audit.json"

// Version of audit.json.
const Version = 1

// File is the content of audit.json.
//
// Of the distinct texts a sample, the probes, is drawn by a keyed hash of the
// text; every other text is compared with them. A pair is a probe and another
// distinct text with a true Jaccard at or above the threshold (two probes are two
// pairs); it is found if the two share a bucket. Found/Pairs estimates the recall
// over all pairs of the corpus.
//
// Pairs clump: a template or a history of revisions has thousands that are found
// or missed for the same reasons. So there are two intervals of 95 %, both by
// Wilson (1927): one that takes pairs for independent, which is too narrow where
// they clump, and one that takes all pairs of a family for one observation, which
// is too wide where they differ. A family are the probes that have a partner in
// common, directly or through others of them; it weighs by its pairs, so that the
// number of observations is (Σm)²/Σm² over families of m pairs (Kish 1965).
type File struct {
	Version   int    `json:"version"`
	RunID     string `json:"run_id"`
	SamplePPM int64  `json:"sample_ppm"` // asked for
	Documents uint64 `json:"documents"`  // distinct texts
	Probes    uint64 `json:"probes"`

	Pairs        uint64   `json:"pairs"`
	Found        uint64   `json:"found"`
	RecallPPM    int64    `json:"recall_ppm"`    // Found / Pairs, rounded down; 0 of no pairs
	PredictedPPM int64    `json:"predicted_ppm"` // mean over the pairs of what the bands promise at their Jaccard
	ByPairs      Interval `json:"interval_pairs"`
	Families     uint64   `json:"families"`
	ByFamilies   Interval `json:"interval_families"`

	// What it means for documents: probes that were dropped as near duplicates,
	// and probes that are kept although an earlier kept document reaches the
	// threshold with them.
	Dropped uint64 `json:"probes_dropped"`
	Missed  uint64 `json:"probes_missed"`

	Bins     []Bin  `json:"bins"`     // by Jaccard, ascending; those with pairs
	Examples []Pair `json:"examples"` // pairs that were not found, the most alike first
}

// Interval is a confidence interval of 95 %.
type Interval struct {
	LowPPM  int64 `json:"low_ppm"`
	HighPPM int64 `json:"high_ppm"`
}

// Bin has the pairs whose Jaccard is in [JaccardPercent, JaccardPercent + 5).
type Bin struct {
	JaccardPercent int    `json:"jaccard_percent"`
	Pairs          uint64 `json:"pairs"`
	Found          uint64 `json:"found"`
	PredictedPPM   int64  `json:"predicted_ppm"`
}

// Pair is a pair that was not found.
type Pair struct {
	A       Document `json:"a"` // the probe
	B       Document `json:"b"`
	Overlap int64    `json:"overlap"`
	Union   int64    `json:"union"`
}

// Document names one document.
type Document struct {
	Shard       uint32 `json:"shard"`
	Line        int64  `json:"line"` // one-based, in its file
	ID          string `json:"id"`
	Contributor string `json:"contributor"`
}

// BinWidth is the width of a Bin in percent.
const BinWidth = 5

// z is the 97.5 % quantile of the normal distribution.
const z = 1.959963984540054

// wilson returns the interval for a share of found/pairs out of as many
// observations. Products are rounded one by one, so that every machine gets the
// same numbers: Go may fuse them otherwise.
func wilson(found, pairs uint64, observations float64) Interval {
	if pairs == 0 || observations <= 0 {
		return Interval{0, 1e6}
	}
	p := float64(found) / float64(pairs)
	zz := float64(z*z) / observations
	middle := p + float64(zz/2)
	spread := float64(z * math.Sqrt(float64(float64(p*(1-p))/observations)+float64(float64(zz*zz)/float64(4*float64(z*z)))))
	whole := 1 + zz
	ppm := func(v float64) int64 { return int64(math.Round(1e6 * min(max(v, 0), 1))) }
	i := Interval{ppm((middle - spread) / whole), ppm((middle + spread) / whole)}
	if found == pairs { // no rounding may exclude what was measured
		i.HighPPM = 1e6
	}
	if found == 0 {
		i.LowPPM = 0
	}
	return i
}

// Settle fills in what follows from the pairs of each family and from Pairs,
// Found and the sum of predictions over the pairs.
func (f *File) Settle(families []uint64, predicted uint64) {
	f.Families = uint64(len(families))
	if f.Pairs > 0 {
		f.RecallPPM = int64(f.Found * 1e6 / f.Pairs)
		f.PredictedPPM = int64(predicted / f.Pairs)
	}
	var squares float64
	for _, m := range families {
		squares += float64(float64(m) * float64(m))
	}
	observations := 0.0
	if squares > 0 {
		observations = float64(float64(f.Pairs)*float64(f.Pairs)) / squares
	}
	f.ByPairs = wilson(f.Found, f.Pairs, float64(f.Pairs))
	f.ByFamilies = wilson(f.Found, f.Pairs, observations)
}

// Sentence says what was measured, for people, with the wider of the intervals.
func (f *File) Sentence() string {
	if f.Pairs == 0 && f.Probes == f.Documents {
		return fmt.Sprintf("Audit of all %d texts, without buckets: no two of them reach the threshold.", f.Documents)
	}
	if f.Pairs == 0 {
		return fmt.Sprintf("Audit: none of %d sampled texts has a pair that reaches the threshold, so nothing is known of the recall; sample more (--audit).", f.Probes)
	}
	return fmt.Sprintf("Audit of %d sampled texts of %d, without buckets: of %d pairs that reach the threshold %d share a bucket, a recall of %s %% (predicted %s %%; 95 %% interval %s–%s %%, %d families). %d of the sampled texts were dropped as near duplicates, %d more would be with a recall of 100 %%.",
		f.Probes, f.Documents, f.Pairs, f.Found, percent(f.RecallPPM), percent(f.PredictedPPM),
		percent(f.ByFamilies.LowPPM), percent(f.ByFamilies.HighPPM), f.Families, f.Dropped, f.Missed)
}

// percent writes parts per million with two digits, rounded down.
func percent(ppm int64) string { return fmt.Sprintf("%d.%02d", ppm/1e4, ppm%1e4/100) }

// Write writes audit.json.
func (f *File) Write(w io.Writer) error {
	return jsonfile.Write(w, Name, f)
}

// Parse reads what Write wrote; errors wrap doc.ErrCorrupt.
func Parse(data []byte) (File, error) {
	var f File
	err := jsonfile.Parse(data, Name, Version, &f)
	return f, err
}
