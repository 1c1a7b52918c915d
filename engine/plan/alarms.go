package plan

// Alarms are the limits above which a run raises an alarm (package alarm); a
// limit of 0 is none.
type Alarms struct {
	// LossPPM is the share, in millionths, of its documents or tokens that
	// a contributor or input file may lose to others, and LossExcessPPM how many times, in
	// millionths, the share that all contributors together lose: both must be
	// exceeded, so that a corpus of revisions is not one alarm for everybody.
	LossPPM       int64 `json:"loss_ppm"`
	LossExcessPPM int64 `json:"loss_excess_ppm"`
	// Documents is the least number of documents of either, and of kept ones
	// of a corpus, of which shares and means say anything.
	Documents uint64 `json:"documents"`
	// Group is the number of documents in a group.
	Group uint64 `json:"group"`
	// NeighboursPPM is the mean number, in millionths, of other kept documents
	// that a kept one shares buckets with, and ComponentPPM the share of the kept
	// documents, in millionths, that hang together so: percolation exceeds both.
	NeighboursPPM int64 `json:"neighbours_ppm"`
	ComponentPPM  int64 `json:"component_ppm"`
	// Bucket is the number of kept documents in a bucket, and Candidates that
	// of kept documents that one is compared with.
	Bucket     uint64 `json:"bucket"`
	Candidates uint64 `json:"candidates"`
}

// DefaultAlarms are the limits of a plan that names none.
var DefaultAlarms = Alarms{
	LossPPM: 500_000, LossExcessPPM: 2_000_000, Documents: 100, Group: 1000,
	NeighboursPPM: 1_000_000, ComponentPPM: 100_000, Bucket: 5000, Candidates: 10_000,
}

// AlarmLimits returns the limits of the plan.
func (p *Plan) AlarmLimits() Alarms {
	if p.Alarms == nil {
		return DefaultAlarms
	}
	return *p.Alarms
}
