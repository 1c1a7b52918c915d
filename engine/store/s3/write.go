package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/tallystick/tallystick/engine/store"
)

// maxParts is how many parts an upload may have (Amazon S3 User Guide,
// "Multipart upload limits").
const maxParts = 10_000

// writerKey is the user metadata that tells whose an object is: an answer that
// was lost on its way makes a request be sent twice.
const writerKey = "Tallystick-Writer"

// Create implements store.Store. What is written is kept in memory up to the
// size of a part; a longer file is sent in parts, one of which is under way
// while the next one fills.
func (s *Store) Create(ctx context.Context, name string) (store.Writer, error) {
	return s.create(ctx, name, false)
}

// CreateNew implements store.Store.
func (s *Store) CreateNew(ctx context.Context, name string) (store.Writer, error) {
	return s.create(ctx, name, true)
}

func (s *Store) create(ctx context.Context, name string, exclusive bool) (store.Writer, error) {
	if err := store.CheckName("create", name); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &writer{ctx: ctx, store: s, name: name, exclusive: exclusive, id: rand.Text()}, nil
}

type writer struct {
	ctx       context.Context
	store     *Store
	name      string
	exclusive bool
	id        string // of this writer, in the object's metadata

	buf    []byte // not sent yet
	spare  []byte // memory for the next part
	upload string // id of the multipart upload, "" if there is none
	parts  []minio.CompletePart
	flying chan sent // of the part under way; nil if none is
	err    error     // of the first failure
	done   bool
}

type sent struct {
	part minio.CompletePart
	buf  []byte
	err  error
}

func (w *writer) key() string { return w.store.prefix + w.name }

func (w *writer) wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", op, w.store.url(w.name), w.store.c.explain(w.ctx, w.store.bucket, err))
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (written int, err error) {
	if w.done {
		return 0, fmt.Errorf("write %s: %w", w.store.url(w.name), fs.ErrClosed)
	}
	for len(p) > 0 {
		if w.err == nil && int64(len(w.buf)) >= w.store.c.partSize {
			w.err = w.wrap("write", w.send())
		}
		if w.err != nil {
			return written, w.err
		}
		n := min(len(p), int(w.store.c.partSize)-len(w.buf))
		w.buf = append(w.buf, p[:n]...)
		written, p = written+n, p[n:]
	}
	return written, nil
}

// send starts to send the buffer as the next part, once the part before it
// has arrived.
func (w *writer) send() error {
	if w.upload == "" {
		id, err := w.store.c.core.NewMultipartUpload(w.ctx, w.store.bucket, w.key(), w.options(false))
		if err != nil {
			return err
		}
		w.upload = id
	}
	if err := w.arrive(); err != nil {
		return err
	}
	number := len(w.parts) + 1
	if number > maxParts {
		return fmt.Errorf("the file has more than %d parts of %d bytes", maxParts, w.store.c.partSize)
	}
	buf := w.buf
	w.buf, w.spare = w.spare[:0], nil
	w.flying = make(chan sent, 1)
	go func(flying chan<- sent) {
		part, err := w.store.c.core.PutObjectPart(w.ctx, w.store.bucket, w.key(), w.upload, number,
			bytes.NewReader(buf), int64(len(buf)), minio.PutObjectPartOptions{Sha256Hex: hexSum(buf), DisableContentSha256: true})
		flying <- sent{minio.CompletePart{PartNumber: number, ETag: part.ETag}, buf, err}
	}(w.flying)
	return nil
}

// arrive waits for the part under way.
func (w *writer) arrive() error {
	if w.flying == nil {
		return nil
	}
	s := <-w.flying
	w.flying = nil
	w.spare = s.buf
	w.parts = append(w.parts, s.part)
	return s.err
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// options are those of the request that begins an object or, with final, of
// the one that makes it visible.
//
// Bodies are signed by their digest as a whole, which the server compares, and
// not chunk by chunk: that makes a body of its own of an empty file, which some
// servers leave on the connection, in front of the next request.
func (w *writer) options(final bool) minio.PutObjectOptions {
	o := minio.PutObjectOptions{UserMetadata: map[string]string{writerKey: w.id}, DisableContentSha256: true}
	if final && w.exclusive {
		o.SetMatchETagExcept("*")
	}
	return o
}

// Commit implements store.Writer.
func (w *writer) Commit() error {
	if w.done {
		return fmt.Errorf("commit %s: %w", w.store.url(w.name), fs.ErrClosed)
	}
	defer w.Abort()
	if w.err != nil {
		return w.err
	}
	core, bucket := w.store.c.core, w.store.bucket
	if w.upload == "" {
		_, err := core.PutObject(w.ctx, bucket, w.key(), bytes.NewReader(w.buf), int64(len(w.buf)), "", hexSum(w.buf), w.options(true))
		return w.settle(err)
	}
	err := w.send()
	if err == nil {
		err = w.arrive()
	}
	if err != nil {
		return w.wrap("commit", err)
	}
	_, err = core.CompleteMultipartUpload(w.ctx, bucket, w.key(), w.upload, w.parts, w.options(true))
	if err = w.settle(err); err == nil {
		w.done = true
	}
	return err
}

// settle says what the answer to the last request means. A request that was
// sent again because its answer was lost is refused although the first one did
// its work; the object itself tells.
func (w *writer) settle(err error) error {
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) {
		return w.wrap("commit", err)
	}
	refused := answer.StatusCode == http.StatusPreconditionFailed || answer.StatusCode == http.StatusConflict
	if refused || answer.Code == "NoSuchUpload" {
		o, statErr := w.store.c.core.StatObject(w.ctx, w.store.bucket, w.key(), minio.StatObjectOptions{})
		if statErr == nil && o.UserMetadata[writerKey] == w.id {
			return nil
		}
		if refused && w.exclusive {
			return fmt.Errorf("commit %s: %w: %w", w.store.url(w.name), fs.ErrExist, err)
		}
	}
	return w.wrap("commit", err)
}

// Abort implements store.Writer.
func (w *writer) Abort() {
	if w.done {
		return
	}
	w.done = true
	if w.upload == "" {
		return
	}
	_ = w.arrive() // a part that arrives after the end would stay for ever
	// Cancelled jobs clean up as well.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), 30*time.Second)
	defer cancel()
	// What fails here is for Sweep.
	_ = w.store.c.core.AbortMultipartUpload(ctx, w.store.bucket, w.key(), w.upload)
}
