//go:build !linux && !darwin && !freebsd

package engine

// freeSpace is not known here.
func freeSpace(string) (bytes uint64, known bool) { return 0, false }
