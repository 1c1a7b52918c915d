// Package store is the port to the place where output files live. A driver
// lists files, opens one for reading, and creates one whole or not at all;
// nothing else is asked of it, so that a folder and an object store serve
// alike. Every driver passes the one conformance suite of this package's
// tests.
//
// A name is a slash-separated relative path in the sense of [fs.ValidPath],
// without "." itself. No element of a name begins with [TempPrefix].
package store

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"
)

// TempPrefix begins the last element of the name of a file that is still being
// written. Such files are never listed and can be neither opened nor created
// by name.
const TempPrefix = ".tmp-"

// Store is a set of named files.
type Store interface {
	// List returns the files whose names begin with prefix (a string prefix,
	// not a folder), sorted bytewise by name. None is no error.
	List(ctx context.Context, prefix string) ([]Entry, error)

	// Open opens a file for reading. The error wraps fs.ErrNotExist when
	// there is none.
	Open(ctx context.Context, name string) (File, error)

	// Create begins a file. It becomes visible under its name, replacing a
	// file of that name, when Commit returns nil; until then the name means
	// what it meant before.
	Create(ctx context.Context, name string) (Writer, error)

	// CreateNew is Create for a file that must not replace another: Commit
	// fails with an error that wraps fs.ErrExist if one of that name is
	// visible by then, and of several writers one succeeds.
	CreateNew(ctx context.Context, name string) (Writer, error)

	// Remove removes a file. That there is none is no error: a request may be
	// sent twice.
	Remove(ctx context.Context, name string) error

	// Sweep removes what killed processes left of files in the making, and
	// returns names that tell which; what was begun or written to within the
	// last age is spared, as it may belong to a process that is alive.
	Sweep(ctx context.Context, age time.Duration) ([]string, error)
}

// Entry is one file of a listing.
type Entry struct {
	Name string
	Size int64 // bytes
}

// File is an open file. ReadAt may be called from several goroutines at once.
type File interface {
	io.Reader
	io.ReaderAt
	io.Closer
	Size() int64 // bytes
}

// PartOpener is a store where Open fetches more than is asked for, as most files
// are read whole.
type PartOpener interface {
	// OpenPart opens a file of which little will be read, by ReadAt, the end of it
	// first. Its bytes are fetched when they are asked for, and no others.
	OpenPart(ctx context.Context, name string) (File, error)
}

// OpenPart opens a file of which little will be read, the end of it first.
func OpenPart(ctx context.Context, s Store, name string) (File, error) {
	if p, ok := s.(PartOpener); ok {
		return p.OpenPart(ctx, name)
	}
	return s.Open(ctx, name)
}

// LateStore is a store that may make files durable later than it creates them.
type LateStore interface {
	// Sync makes files durable, and from then on every file as it is created.
	Sync(ctx context.Context, names []string) error
}

// GroupCommitter is a store that commits several of its files together at less cost than
// one after the other.
type GroupCommitter interface {
	// CommitAll makes files durable, all of them before the first becomes visible, and
	// those of each group visible before the first of the next, after a crash too.
	CommitAll(groups ...[]Writer) error
}

// CommitAll commits files of s, group after group: who sees one finds all of the groups
// before. If it fails some of them may be visible; the others are to be aborted.
func CommitAll(s Store, groups ...[]Writer) error {
	if g, ok := s.(GroupCommitter); ok {
		return g.CommitAll(groups...)
	}
	for _, files := range groups {
		for _, w := range files {
			if err := w.Commit(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Sync makes files durable that may not be, and from then on every file as it is created.
func Sync(ctx context.Context, s Store, names []string) error {
	if l, ok := s.(LateStore); ok {
		return l.Sync(ctx, names)
	}
	return nil
}

// Writer is a file in the making, for one goroutine. It ends with Commit or
// Abort; a failed Write or Commit leaves nothing behind once either was called.
type Writer interface {
	io.Writer

	// Commit makes the file durable, then visible. It fails if any Write
	// failed.
	Commit() error

	// Abort discards the file. After Commit it does nothing, so that it can
	// be deferred.
	Abort()
}

// CheckName returns an error that wraps fs.ErrInvalid unless name may name a
// file: what every driver asks first.
func CheckName(op, name string) error {
	if !fs.ValidPath(name) || name == "." {
		return fmt.Errorf("%s %q: %w", op, name, fs.ErrInvalid)
	}
	for element := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(element, TempPrefix) {
			return fmt.Errorf("%s %q: name reserved for unfinished files: %w", op, name, fs.ErrInvalid)
		}
	}
	return nil
}
