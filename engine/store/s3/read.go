package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/tallystick/tallystick/engine/object"
)

// Source reads objects by their URLs.
type Source struct{ c *Client }

// newSource returns the objects of all buckets that a client can read.
func newSource(c *Client) Source { return Source{c} }

// List implements object.Source.
func (s Source) List(ctx context.Context, prefix string) ([]object.Info, error) {
	bucket, key, err := Split(prefix)
	if err != nil {
		return nil, err
	}
	return s.c.list(ctx, bucket, key)
}

// Stat implements object.Source.
func (s Source) Stat(ctx context.Context, name string) (object.Info, error) {
	bucket, key, err := Split(name)
	if err != nil {
		return object.Info{}, err
	}
	return s.c.stat(ctx, bucket, key)
}

// ReadAt implements object.Source.
func (s Source) ReadAt(ctx context.Context, o object.Info, p []byte, offset int64) error {
	bucket, key, err := Split(o.Name)
	if err != nil {
		return err
	}
	return s.c.readAt(ctx, bucket, key, o, p, offset)
}

// list returns the objects whose keys begin with prefix, page by page, as the
// server has at most 1000 on a page.
func (c *Client) list(ctx context.Context, bucket, prefix string) ([]object.Info, error) {
	var found []object.Info
	for o := range c.core.ListObjectsIter(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if o.Err != nil {
			return nil, c.explain(ctx, bucket, o.Err)
		}
		found = append(found, object.Info{Name: "s3://" + bucket + "/" + o.Key, Size: o.Size, ETag: strings.Trim(o.ETag, `"`)})
	}
	if err := ctx.Err(); err != nil { // ends the iteration without an error
		return nil, err
	}
	slices.SortFunc(found, func(a, b object.Info) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

func (c *Client) stat(ctx context.Context, bucket, key string) (object.Info, error) {
	o, err := c.core.StatObject(ctx, bucket, key, minio.StatObjectOptions{})
	if err != nil {
		// The answer to HEAD has no body that says why.
		var opts minio.GetObjectOptions
		if answer := minio.ToErrorResponse(err); answer.StatusCode != http.StatusNotFound && opts.SetRange(0, 0) == nil {
			if body, _, _, why := c.core.GetObject(ctx, bucket, key, opts); why != nil {
				err = why
			} else {
				body.Close()
			}
		}
		return object.Info{}, c.explain(ctx, bucket, err)
	}
	return object.Info{Name: "s3://" + bucket + "/" + key, Size: o.Size, ETag: o.ETag}, nil
}

const (
	// bodyTries is how often a range is asked for whose body keeps breaking
	// off; the client tries requests that fail as such by itself.
	bodyTries = 6
	// stalled is how long a body may give no byte before it counts as broken,
	// by default.
	stalled = 60 * time.Second
)

// backOff is a pause before the try after attempt, counted from 0: longer each
// time, and of random length, lest all workers come back at once.
func backOff(attempt int) time.Duration {
	longest := 100 * time.Millisecond << attempt
	return longest/2 + rand.N(longest/2)
}

// readAt fills p with the bytes of an object from offset on, going on where a
// body broke off.
func (c *Client) readAt(ctx context.Context, bucket, key string, o object.Info, p []byte, offset int64) error {
	if offset < 0 || offset+int64(len(p)) > o.Size {
		return fmt.Errorf("read [%d, +%d) of %d bytes: %w", offset, len(p), o.Size, io.ErrUnexpectedEOF)
	}
	for attempt := 0; len(p) > 0; attempt++ {
		n, err := c.readOnce(ctx, bucket, key, o, p, offset)
		p, offset = p[n:], offset+int64(n)
		if err == nil {
			continue // len(p) is 0
		}
		var broken *brokenBody
		if !errors.As(err, &broken) || ctx.Err() != nil {
			return c.explain(ctx, bucket, err)
		}
		if n > 0 {
			attempt = 0 // it goes on, if slowly
		}
		if attempt == bodyTries-1 {
			return c.explain(ctx, bucket, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(c.pause(attempt)):
		}
	}
	return nil
}

// brokenBody is what went wrong with the body of an answer that began well.
type brokenBody struct{ err error }

func (b *brokenBody) Error() string { return "the answer broke off: " + b.err.Error() }
func (b *brokenBody) Unwrap() error { return b.err }

// readOnce asks once and returns how much of p it filled.
func (c *Client) readOnce(ctx context.Context, bucket, key string, o object.Info, p []byte, offset int64) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var opts minio.GetObjectOptions
	if err := opts.SetRange(offset, offset+int64(len(p))-1); err != nil {
		return 0, err
	}
	if o.ETag != "" {
		if err := opts.SetMatchETag(o.ETag); err != nil {
			return 0, err
		}
	}
	body, got, header, err := c.core.GetObject(ctx, bucket, key, opts)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	if err := checkAnswer(o, got, header, offset, len(p)); err != nil {
		return 0, err
	}
	watch := time.AfterFunc(c.patience, cancel)
	defer watch.Stop()
	n, err := io.ReadFull(&watched{body, watch, c.patience}, p)
	if err != nil {
		return n, &brokenBody{err}
	}
	return n, nil
}

// checkAnswer refuses an answer that is not the range asked for: a server may
// know neither ranges nor conditions.
func checkAnswer(o object.Info, got minio.ObjectInfo, header http.Header, offset int64, length int) error {
	if o.ETag != "" && got.ETag != "" && got.ETag != o.ETag {
		return fmt.Errorf("%w: its ETag is %s, not %s", object.ErrChanged, got.ETag, o.ETag)
	}
	r := header.Get("Content-Range")
	whole := r == "" && offset == 0 && got.Size == o.Size && got.Size == int64(length)
	if want := fmt.Sprintf("bytes %d-%d/%d", offset, offset+int64(length)-1, o.Size); r != want && !whole {
		if _, total, ok := strings.Cut(r, "/"); ok {
			if size, err := strconv.ParseInt(total, 10, 64); err == nil && size != o.Size {
				return fmt.Errorf("%w: it has %d bytes, not %d", object.ErrChanged, size, o.Size)
			}
		}
		return fmt.Errorf("the server answered with range %q, not %q; it does not know ranges", r, want)
	}
	return nil
}

// watched puts off the end of a body for as long as it gives bytes.
type watched struct {
	body     io.Reader
	watch    *time.Timer
	patience time.Duration
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.body.Read(p)
	if n > 0 {
		w.watch.Reset(w.patience)
	}
	return n, err
}
