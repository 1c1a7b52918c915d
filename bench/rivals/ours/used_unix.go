//go:build unix

package main

import (
	"runtime"
	"syscall"
	"time"
)

// used is the processor time of this process, of all its threads, and the most
// memory that it had at once, in 10⁶ bytes.
func used() (cpu time.Duration, peakMB float64) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	unit := 1024.0
	if runtime.GOOS == "darwin" {
		unit = 1
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), float64(u.Maxrss) * unit / 1e6
}
