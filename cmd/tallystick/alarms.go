package main

import (
	"fmt"

	"strconv"
	"strings"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// alarmFlags are the limits of alarms; the defaults are plan.DefaultAlarms.
type alarmFlags struct {
	Loss       millionths `name:"alarm-loss" default:"0.5" placeholder:"SHARE" help:"Alarm if a contributor or input file loses more of its documents or tokens as near duplicates of others' (default: 0.5)."`
	LossExcess millionths `name:"alarm-loss-excess" default:"2" placeholder:"N" help:"And more than N times the share that all contributors together lose (default: 2; 0: whatever that is)."`
	Documents  natural    `name:"alarm-documents" default:"100" placeholder:"N" help:"The least number of documents of which shares and means say anything (default: 100)."`
	Group      natural    `name:"alarm-group" default:"1000" placeholder:"N" help:"Alarm if one kept document stands for a group of more (default: 1000)."`
	Neighbours millionths `name:"alarm-neighbours" default:"1" placeholder:"N" help:"Percolation: alarm if a kept document shares buckets with more others on average (default: 1)."`
	Component  millionths `name:"alarm-component" default:"0.1" placeholder:"SHARE" help:"And more than this share of the kept documents hang together by buckets (default: 0.1)."`
	Bucket     natural    `name:"alarm-bucket" default:"5000" placeholder:"N" help:"Alarm if a bucket has more kept documents (default: 5000)."`
	Candidates natural    `name:"alarm-candidates" default:"10000" placeholder:"N" help:"Alarm if a document is compared with more (default: 10000). A limit of 0 is none."`
}

func (f *alarmFlags) limits() *plan.Alarms {
	return &plan.Alarms{
		LossPPM: int64(f.Loss), LossExcessPPM: int64(f.LossExcess), Documents: uint64(f.Documents),
		Group: uint64(f.Group), NeighboursPPM: int64(f.Neighbours), ComponentPPM: int64(f.Component), Bucket: uint64(f.Bucket), Candidates: uint64(f.Candidates),
	}
}

// millionths is a flag such as 0.5 or 50%, in millionths.
type millionths int64

// UnmarshalText parses a decimal number from 0 with at most six digits after the
// point, or a percentage with at most four.
func (m *millionths) UnmarshalText(text []byte) error {
	s, percent := strings.CutSuffix(string(text), "%")
	decimals := 6
	if percent {
		decimals = 4
	}
	whole, fraction, _ := strings.Cut(s, ".")
	digits := whole + fraction + strings.Repeat("0", max(0, decimals-len(fraction)))
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || whole == "" || len(fraction) > decimals || n < 0 || n > 1e12 || strings.ContainsAny(digits, "+-_") {
		return fmt.Errorf("%w: %q is not a number such as 0.5 or 50%%", doc.ErrUsage, text)
	}
	*m = millionths(n)
	return nil
}
