package neardup

import (
	"fmt"
	"math"
	"strings"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// maxThresholdDigits keeps a threshold's terms below 2³¹.
const maxThresholdDigits = 9

// ParseThreshold reads a Jaccard threshold, a decimal number above 0, up to 1,
// with at most nine digits after the point, as the exact fraction num/den in
// lowest terms: "0.8" is 4/5.
func ParseThreshold(s string) (num, den int64, err error) {
	whole, fraction, _ := strings.Cut(s, ".")
	digits := whole + fraction
	if digits == "" || strings.Trim(digits, "0123456789") != "" || len(fraction) > maxThresholdDigits {
		return 0, 0, fmt.Errorf("threshold %q: not a decimal number with at most %d digits after the point: %w", s, maxThresholdDigits, doc.ErrUsage)
	}
	den = 1
	for range fraction {
		den *= 10
	}
	for _, d := range digits {
		if num = 10*num + int64(d-'0'); num > den {
			break
		}
	}
	if num == 0 || num > den {
		return 0, 0, fmt.Errorf("threshold %q: not above 0 and up to 1: %w", s, doc.ErrUsage)
	}
	d := gcd(num, den)
	return num / d, den / d, nil
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// Limits of the rule for bands.
const (
	mostRows = 5
	minBands = 16
	maxSlots = 320
)

// Bands chooses bands and rows for the threshold num/den, so that two documents
// whose Jaccard is the threshold share a bucket with at least the given
// probability (above 0, below 1), and more similar ones with a higher one:
//
//   - bands is the smallest number b, but at least 16, with
//     1 − (1 − tʳ)ᵇ ≥ recall;
//   - rows is the largest r, up to 5, for which that makes at most 320 slots.
//
// More rows make fewer false candidates, more bands cost memory. The minimum of
// 16 is the margin: at high thresholds fewer bands would satisfy the formula,
// but real corpora come in clumps, where recall strays from its mean. At a
// recall of 0.99 the rule gives 16×5 at 0.8, 26×5 at 0.7, 57×5 at 0.6 and 72×4
// at 0.5.
func Bands(num, den int64, recall float64) (bands, rows int, err error) {
	if _, err := newThreshold(num, den); err != nil {
		return 0, 0, err
	}
	if !(recall > 0 && recall < 1) {
		return 0, 0, fmt.Errorf("recall %v: not above 0 and below 1: %w", recall, doc.ErrUsage)
	}
	t := float64(num) / float64(den)
	for rows = mostRows; rows > 0; rows-- {
		for bands = minBands; bands*rows <= maxSlots; bands++ {
			if sharesBucket(t, bands, rows) >= recall {
				return bands, rows, nil
			}
		}
	}
	return 0, 0, fmt.Errorf("threshold %d/%d: a recall of %v needs signatures of more than %d slots: %w", num, den, recall, maxSlots, doc.ErrUsage)
}

// sharesBucket returns 1 − (1 − jʳ)ᵇ, the probability that documents of Jaccard
// j share a bucket. Products and differences are rounded one by one, so that
// every machine gets the same number: Go may fuse them otherwise.
func sharesBucket(j float64, bands, rows int) float64 {
	all := 1.0
	for range rows {
		all = float64(all * j)
	}
	none := 1.0
	for range bands {
		none = float64(none * float64(1-all))
	}
	return float64(1 - none)
}

// Curve returns the predicted recall at Jaccard 30 %, 35 %, … 100 %.
func Curve(bands, rows int) []plan.Point {
	var points []plan.Point
	for percent := 30; percent <= 100; percent += 5 {
		recall := sharesBucket(float64(percent)/100, bands, rows)
		points = append(points, plan.Point{JaccardPercent: percent, RecallPPM: int64(math.Round(recall * 1e6))})
	}
	return points
}

// AboveFloor returns an error if the threshold is below the floor: pairs there
// were not looked for.
func AboveFloor(n plan.NearDup) error {
	if n.ThresholdNum*n.FloorDen < n.FloorNum*n.ThresholdDen {
		return fmt.Errorf("%w: threshold %d/%d is below the floor %d/%d of what the run looks for",
			doc.ErrUsage, n.ThresholdNum, n.ThresholdDen, n.FloorNum, n.FloorDen)
	}
	return nil
}

const billion = 1_000_000_000

// Decimal spells a threshold that ParseThreshold can have read.
func Decimal(num, den int64) string {
	units := num * (billion / den)
	if units == billion {
		return "1"
	}
	return strings.TrimRight("0."+fmt.Sprintf("%09d", units), "0")
}
