package store

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// Mem keeps files in memory and fails on request: the driver for tests.
type Mem struct {
	// Capacity, if positive, is how many bytes committed and unfinished
	// files may hold together; a Write beyond it is short and fails with
	// ENOSPC.
	Capacity int64
	// MaxRead, if positive, is how many bytes one Read returns at most.
	MaxRead int

	mu    sync.Mutex
	files map[string][]byte
	used  int64
}

// NewMem returns an empty store that does not fail.
func NewMem() *Mem { return &Mem{files: make(map[string][]byte)} }

// List implements Store.
func (m *Mem) List(ctx context.Context, prefix string) ([]Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var entries []Entry
	for name, data := range m.files {
		if strings.HasPrefix(name, prefix) {
			entries = append(entries, Entry{Name: name, Size: int64(len(data))})
		}
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return entries, nil
}

// Open implements Store.
func (m *Mem) Open(ctx context.Context, name string) (File, error) {
	if err := CheckName("open", name); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.files[name]
	if !ok {
		return nil, fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
	}
	return &memFile{Reader: bytes.NewReader(data), maxRead: m.MaxRead}, nil
}

type memFile struct {
	*bytes.Reader
	maxRead int
}

// Read implements io.Reader, with the reads as short as was asked for.
func (f *memFile) Read(p []byte) (int, error) {
	if f.maxRead > 0 {
		p = p[:min(len(p), f.maxRead)]
	}
	return f.Reader.Read(p)
}

// WriteTo implements io.WriterTo through Read, so that io.Copy reads short too.
func (f *memFile) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{f})
}

// Close implements io.Closer.
func (f *memFile) Close() error { return nil }

// Create implements Store.
func (m *Mem) Create(ctx context.Context, name string) (Writer, error) {
	return m.create(ctx, name, false)
}

// CreateNew implements Store.
func (m *Mem) CreateNew(ctx context.Context, name string) (Writer, error) {
	return m.create(ctx, name, true)
}

func (m *Mem) create(ctx context.Context, name string, exclusive bool) (Writer, error) {
	if err := CheckName("create", name); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &memWriter{store: m, name: name, exclusive: exclusive}, nil
}

type memWriter struct {
	store     *Mem
	name      string
	exclusive bool
	data      []byte
	done      bool
	err       error // of the first failed Write
}

// Write implements io.Writer.
func (w *memWriter) Write(p []byte) (int, error) {
	if w.done {
		return 0, fmt.Errorf("write %s: %w", w.name, fs.ErrClosed)
	}
	m := w.store
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(p)
	var err error
	if m.Capacity > 0 && int64(n) > m.Capacity-m.used {
		n = int(max(m.Capacity-m.used, 0))
		err = fmt.Errorf("write %s: %w", w.name, syscall.ENOSPC)
		if w.err == nil {
			w.err = err
		}
	}
	w.data = append(w.data, p[:n]...)
	m.used += int64(n)
	return n, err
}

// Commit implements Writer.
func (w *memWriter) Commit() error {
	if w.done {
		return fmt.Errorf("commit %s: %w", w.name, fs.ErrClosed)
	}
	if w.err != nil {
		w.Abort()
		return fmt.Errorf("commit %s: %w", w.name, w.err)
	}
	w.done = true
	m := w.store
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.files[w.name]; taken && w.exclusive {
		m.used -= int64(len(w.data))
		return fmt.Errorf("commit %s: %w", w.name, fs.ErrExist)
	}
	m.used -= int64(len(m.files[w.name]))
	m.files[w.name] = w.data
	return nil
}

// Abort implements Writer.
func (w *memWriter) Abort() {
	if w.done {
		return
	}
	w.done = true
	m := w.store
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used -= int64(len(w.data))
	w.data = nil
}
