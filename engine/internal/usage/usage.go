// Package usage tells what this process has used: processor time and memory.
package usage

import (
	"os"
	"strconv"
	"strings"
)

// ResetPeak makes the kernel forget the largest resident set so far
// (proc_pid_clear_refs(5)); where that is not allowed, later peaks include
// earlier ones.
func ResetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// PeakMemory returns the largest resident set in bytes, mapped files included,
// or 0 where /proc does not tell.
func PeakMemory() int64 { return status("VmHWM:") }

// Memory returns the resident set in bytes, likewise.
func Memory() int64 { return status("VmRSS:") }

// Held is Memory without mapped files.
func Held() int64 { return status("RssAnon:") }

// status returns a row of /proc/self/status that is a size in kB.
func status(row string) int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		if rest, ok := strings.CutPrefix(line, row); ok {
			kb, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kb << 10
		}
	}
	return 0
}
