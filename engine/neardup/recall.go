package neardup

import "math"

// RecallPPM returns the predicted probability, in parts per million, that a
// pair whose Jaccard is num/den shares a bucket.
func RecallPPM(num, den int64, bands, rows int) int64 {
	return int64(math.Round(sharesBucket(float64(num)/float64(den), bands, rows) * 1e6))
}
