package lease

// lockState is what the lock of a file tells.
type lockState uint8

const (
	lockUnknown lockState = iota // this file system or system has no locks
	lockTaken                    // nobody had it
	lockRefused                  // a living process has it
)
