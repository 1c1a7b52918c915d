//go:build !unix

package main

import "time"

// used is not known here.
func used() (cpu time.Duration, peakMB float64) { return 0, 0 }
