//go:build !unix

package corpus

import (
	"io"
	"os"
	"path/filepath"
)

// mapRange reads length > 0 bytes of file from offset into memory.
func mapRange(file *os.File, offset, length int64) (data []byte, release func() error, err error) {
	data = make([]byte, length)
	if _, err := io.ReadFull(io.NewSectionReader(file, offset, length), data); err != nil {
		return nil, nil, err
	}
	return data, func() error { return nil }, nil
}

// identify returns what two names of one file share: the name without links.
func identify(path string, _ os.FileInfo) (any, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	return filepath.EvalSymlinks(path)
}
