//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package lease

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// tryLock tries to lock f until it is closed: to hold it, or, with others, to
// look at it.
func tryLock(f *os.File, hold bool) (lockState, error) {
	how := unix.LOCK_SH
	if hold {
		how = unix.LOCK_EX
	}
	for {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		switch {
		case err == nil:
			return lockTaken, nil
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EWOULDBLOCK):
			return lockRefused, nil
		case errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOSYS), errors.Is(err, syscall.ENOLCK),
			errors.Is(err, syscall.EINVAL):
			return lockUnknown, nil
		default:
			return lockUnknown, err
		}
	}
}

// processLives reports whether this machine has a process of that number.
func processLives(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
