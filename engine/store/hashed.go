package store

import (
	"bufio"
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
	buf  *bufio.Writer
	hash hash.Hash
	size int64
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
	h := &HashedWriter{w: w, hash: by}
	h.buf = bufio.NewWriterSize(io.MultiWriter(w, h.hash), hashedBuffer)
	return h, nil
}

// Write buffers p. An error of the store shows here or in Commit.
func (h *HashedWriter) Write(p []byte) (int, error) {
	n, err := h.buf.Write(p)
	h.size += int64(n)
	return n, err
}

// Commit makes the file durable and visible, or leaves nothing behind.
func (h *HashedWriter) Commit() (Digest, error) {
	if err := h.buf.Flush(); err != nil {
		h.w.Abort()
		return Digest{}, err
	}
	if err := h.w.Commit(); err != nil {
		return Digest{}, err
	}
	return Digest{Size: h.size, Sum: hex.EncodeToString(h.hash.Sum(nil))}, nil
}

// Abort discards the file. After Commit it does nothing.
func (h *HashedWriter) Abort() { h.w.Abort() }
