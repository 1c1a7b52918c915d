//go:build linux || darwin || freebsd

package engine

import "golang.org/x/sys/unix"

// freeSpace returns how many bytes this user may still write on the disk of a folder,
// quotas apart.
func freeSpace(dir string) (bytes uint64, known bool) {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return 0, false
	}
	return uint64(s.Bavail) * uint64(s.Bsize), true
}
