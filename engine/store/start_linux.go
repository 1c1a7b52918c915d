package store

import (
	"os"

	"golang.org/x/sys/unix"
)

// startSync asks the system to begin with what a sync of the file will wait for. Of
// several files that are then synced, one waits for the others, too. It is a hint:
// nothing is durable before the sync.
func startSync(f *os.File) {
	_ = unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
}
