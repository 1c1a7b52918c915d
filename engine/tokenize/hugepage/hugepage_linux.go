package hugepage

import "golang.org/x/sys/unix"

// advise asks for huge pages. Pages that have been touched, as memory has that
// the Go heap uses again, stay as they are.
func advise(memory []byte) { _ = unix.Madvise(memory, unix.MADV_HUGEPAGE) }
