package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
)

// Digest is what a manifest records of a file.
type Digest struct {
	Size int64  // bytes
	Sum  string // of the file's hash, in hex; SHA-256 unless another was asked for
}

// HashedWriter buffers, measures and digests a file on its way into a store.
type HashedWriter struct {
	w    Writer
	buf  []byte // grows up to hashedBuffer: many files are small
	hash hash.Hash
	size int64
	err  error // of the first failed write, after which there is none
}

const hashedBuffer = 256 << 10

// CreateHashed begins the file name in s.
func CreateHashed(ctx context.Context, s Store, name string) (*HashedWriter, error) {
	return CreateHashedBy(ctx, s, name, sha256.New())
}

// CreateHashedBy is CreateHashed with another hash than SHA-256.
func CreateHashedBy(ctx context.Context, s Store, name string, by hash.Hash) (*HashedWriter, error) {
	w, err := s.Create(ctx, name)
	if err != nil {
		return nil, err
	}
	return &HashedWriter{w: w, hash: by}, nil
}

// Write buffers p. An error of the store shows here or in Commit.
func (h *HashedWriter) Write(p []byte) (int, error) {
	if len(h.buf)+len(p) > hashedBuffer {
		h.flush()
	}
	if len(p) < hashedBuffer && h.err == nil {
		h.buf = append(h.buf, p...)
	} else {
		h.pass(p)
	}
	if h.err != nil {
		return 0, h.err
	}
	h.size += int64(len(p))
	return len(p), nil
}

// flush passes the buffered bytes on.
func (h *HashedWriter) flush() {
	h.pass(h.buf)
	h.buf = h.buf[:0]
}

// pass writes p to the store and digests it.
func (h *HashedWriter) pass(p []byte) {
	if h.err != nil || len(p) == 0 {
		return
	}
	n, err := h.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	h.err = err
	h.hash.Write(p[:n])
}

// End returns the file, to which all is written now, to be committed or aborted.
func (h *HashedWriter) End() (Writer, Digest, error) {
	h.flush()
	h.buf = nil
	return h.w, Digest{Size: h.size, Sum: hex.EncodeToString(h.hash.Sum(nil))}, h.err
}

// Commit makes the file durable and visible, or leaves nothing behind.
func (h *HashedWriter) Commit() (Digest, error) {
	w, d, err := h.End()
	if err != nil {
		w.Abort()
		return Digest{}, err
	}
	if err := w.Commit(); err != nil {
		return Digest{}, err
	}
	return d, nil
}

// Abort discards the file. After Commit it does nothing.
func (h *HashedWriter) Abort() { h.w.Abort() }
