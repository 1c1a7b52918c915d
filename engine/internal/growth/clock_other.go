//go:build !linux

package growth

import "time"

var begun = time.Now()

// threadTime stands in for a clock of the thread with the one on the wall.
func threadTime() time.Duration { return time.Since(begun) }
