package store

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
)

// Swapper is a store that writes small files on a condition, so that of several
// processes that change one at the same time one succeeds. What has locks of
// its own, as a local folder, needs none.
type Swapper interface {
	// Fetch returns what is in a small file, and its version. The error wraps
	// fs.ErrNotExist when there is none. It may be another version's than List
	// shows, but never one before that.
	Fetch(ctx context.Context, name string) (data []byte, version string, err error)

	// Swap writes a small file, if that of its name still has a version that
	// Fetch or Swap returned, or, if version is empty, if there is none. It
	// returns the new version. Otherwise the error wraps fs.ErrExist, and nothing
	// changes; where it wraps errors.ErrUnsupported, the store does not know such
	// conditions. After any other error the file may have been written.
	// Versions tell contents apart: no two of a name should be the same.
	Swap(ctx context.Context, name, version string, data []byte) (string, error)
}

// memVersion is the version of a file, which is empty for none.
func memVersion(data []byte) string { return "of " + string(data) }

// Fetch implements Swapper.
func (m *Mem) Fetch(ctx context.Context, name string) ([]byte, string, error) {
	if err := CheckName("open", name); err != nil {
		return nil, "", err
	}
	if err := m.step(ctx, OpOpen, name); err != nil {
		return nil, "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.files[name]
	if !ok {
		return nil, "", fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
	}
	return bytes.Clone(data), memVersion(data), nil
}

// Swap implements Swapper.
func (m *Mem) Swap(ctx context.Context, name, version string, data []byte) (string, error) {
	if err := CheckName("create", name); err != nil {
		return "", err
	}
	if err := m.step(ctx, OpCommit, name); err != nil {
		return "", err
	}
	if err := m.swap(name, version, data); err != nil {
		return "", err
	}
	return memVersion(data), m.step(ctx, OpCommitted, name)
}

func (m *Mem) swap(name, version string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, taken := m.files[name]; taken != (version != "") || taken && memVersion(old) != version {
		return fmt.Errorf("commit %s: %w", name, fs.ErrExist)
	}
	m.change()
	m.used += int64(len(data) - len(m.files[name]))
	m.files[name] = bytes.Clone(data)
	return nil
}
