//go:build unix

package usage

import "golang.org/x/sys/unix"

// CPUSeconds returns the processor time this process has used.
func CPUSeconds() float64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
