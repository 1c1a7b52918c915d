package store

import (
	"fmt"
	"io/fs"
	"strings"
	"sync"
)

var (
	driversMu sync.Mutex
	drivers   = map[string]func(url string) (Store, error){}
)

// Register makes the stores at URLs that begin with scheme and "://" known to
// At.
func Register(scheme string, open func(url string) (Store, error)) {
	driversMu.Lock()
	defer driversMu.Unlock()
	drivers[scheme] = open
}

// At returns the store of the files below a URL, such as s3://bucket/prefix.
func At(url string) (Store, error) {
	scheme, _, _ := strings.Cut(url, "://")
	driversMu.Lock()
	open := drivers[scheme]
	driversMu.Unlock()
	if open == nil {
		return nil, fmt.Errorf("%s: no driver for %s://: %w", url, scheme, fs.ErrInvalid)
	}
	return open(url)
}
