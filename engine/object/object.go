// Package object is the port to inputs that are no local files but objects of
// a store, named by URLs such as s3://bucket/key. A driver lists, measures and
// reads them by ranges; a [Reader] on top of it reads one front to back,
// fetching ahead. The drivers of a program are what it registered.
package object

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// ErrChanged: the object is no longer the one of the ETag that was asked for.
var ErrChanged = errors.New("the object changed")

// Info identifies one state of an object.
type Info struct {
	Name string // the whole URL
	Size int64  // bytes
	ETag string // of the store, without quotes; another one means other content
}

// Source reads the objects of one kind of store. Its methods may be called
// from several goroutines at once, and try again by themselves what a later
// try may mend. Their errors do not name the object.
type Source interface {
	// List returns the objects whose names begin with prefix, which is at
	// least the scheme, the bucket and a slash, sorted bytewise by name.
	List(ctx context.Context, prefix string) ([]Info, error)

	// Stat returns the state of an object now. The error wraps fs.ErrNotExist
	// when there is none.
	Stat(ctx context.Context, name string) (Info, error)

	// ReadAt fills p with the bytes from offset on, all of which lie within
	// o.Size. The error wraps ErrChanged if the object is not o any more, and
	// fs.ErrNotExist if it is gone.
	ReadAt(ctx context.Context, o Info, p []byte, offset int64) error
}

var (
	mu      sync.Mutex
	drivers = map[string]func() (Source, error){}
)

// Register makes names that begin with scheme and "://" readable. connect is
// called when the first of them is met.
func Register(scheme string, connect func() (Source, error)) {
	mu.Lock()
	defer mu.Unlock()
	drivers[scheme] = sync.OnceValues(connect)
}

// IsName reports whether a path names an object rather than a local file: it
// begins with a scheme, such as s3, and "://".
func IsName(path string) bool {
	scheme, _, ok := strings.Cut(path, "://")
	return ok && scheme != "" && strings.Trim(scheme, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// For returns the source of the objects of a name for which IsName holds.
func For(name string) (Source, error) {
	scheme, _, _ := strings.Cut(name, "://")
	mu.Lock()
	connect := drivers[scheme]
	var known []string
	for s := range drivers {
		known = append(known, s+"://")
	}
	mu.Unlock()
	if connect == nil {
		slices.Sort(known)
		hint := "this program reads local files only"
		if len(known) > 0 {
			hint = "what is read is local files and " + strings.Join(known, ", ")
		}
		return nil, fmt.Errorf("no driver for %s://; %s", scheme, hint)
	}
	return connect()
}

// Stat returns the state of the named object now.
func Stat(ctx context.Context, name string) (Info, error) {
	s, err := For(name)
	if err != nil {
		return Info{}, err
	}
	return s.Stat(ctx, name)
}

// Join is the name of what is called name in a folder, which is a local path
// or the name of a folder of objects.
func Join(folder, name string) string {
	if IsName(folder) {
		return strings.TrimSuffix(folder, "/") + "/" + filepath.ToSlash(name)
	}
	return filepath.Join(folder, name)
}

// Dir is the folder of what is at path, be it local or an object.
func Dir(path string) string {
	if IsName(path) {
		return path[:strings.LastIndexByte(path, '/')]
	}
	return filepath.Dir(path)
}
