package task

import (
	"encoding/hex"
	"sync"

	"github.com/cespare/xxhash/v2"

	"github.com/tallystick/tallystick/engine/store"
)

// wholeFile is a work file that is compared with its sum once all of it has been read from
// the front on, by Read or ReadAt. From then on a damaged one gives nothing but the error.
type wholeFile struct {
	store.File
	sum     string // XXH64 in hex
	damaged error
	read    int64 // where Read goes on

	mu   sync.Mutex
	hash *xxhash.Digest
	at   int64 // of the file are digested
	err  error // damaged, when it is known to be
}

// Read implements io.Reader.
func (f *wholeFile) Read(b []byte) (int, error) {
	n, err := f.File.Read(b)
	at := f.read
	f.read += int64(n)
	return f.digest(b[:n], at, err)
}

// ReadAt implements io.ReaderAt.
func (f *wholeFile) ReadAt(b []byte, at int64) (int, error) {
	n, err := f.File.ReadAt(b, at)
	return f.digest(b[:n], at, err)
}

// digest takes in what was read at a place if it is what comes next. It returns how much that is and
// err or, if the file is damaged, nothing and that: with bytes an error could get lost, as
// io.ReadFull takes none along with the last of them.
func (f *wholeFile) digest(b []byte, at int64, err error) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if at == f.at && len(b) > 0 {
		f.hash.Write(b)
		if f.at += int64(len(b)); f.at == f.Size() && hex.EncodeToString(f.hash.Sum(nil)) != f.sum {
			f.err = f.damaged
		}
	}
	if f.err != nil {
		return 0, f.err
	}
	return len(b), err
}
