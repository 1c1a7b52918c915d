package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/store"
)

// Store is the store of the files below a prefix of a bucket.
type Store struct {
	c      *Client
	bucket string
	prefix string // of keys; "" or ending in a slash
}

// NewStore returns the store below a URL, s3://bucket/prefix.
func NewStore(c *Client, url string) (*Store, error) {
	bucket, prefix, err := Split(url)
	if err != nil {
		return nil, err
	}
	if prefix = strings.TrimSuffix(prefix, "/"); prefix != "" {
		if !fs.ValidPath(prefix) || prefix == "." {
			return nil, fmt.Errorf("%s: the prefix is no clean path: %w", url, fs.ErrInvalid)
		}
		prefix += "/"
	}
	return &Store{c, bucket, prefix}, nil
}

func (s *Store) url(name string) string { return "s3://" + s.bucket + "/" + s.prefix + name }

// List implements store.Store.
func (s *Store) List(ctx context.Context, prefix string) ([]store.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if i := strings.LastIndexByte(prefix, '/'); i >= 0 && !fs.ValidPath(prefix[:i]) {
		return nil, nil // no name begins so
	}
	found, err := s.c.list(ctx, s.bucket, s.prefix+prefix)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", s.url(prefix), err)
	}
	var entries []store.Entry
	for _, o := range found {
		name := strings.TrimPrefix(o.Name, s.url(""))
		if store.CheckName("list", name) == nil { // else it is none of ours, such as a folder's marker
			entries = append(entries, store.Entry{Name: name, Size: o.Size})
		}
	}
	return entries, nil
}

// headSize is how much of a file is fetched when it is opened, in bytes: all
// of most, by one request.
const headSize = 256 << 10

// Open implements store.Store. A file that is replaced while it is open is
// read as it was or gives an error that wraps object.ErrChanged. ctx must stay
// valid for as long as the file is read.
func (s *Store) Open(ctx context.Context, name string) (store.File, error) {
	if err := store.CheckName("open", name); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f := &file{ctx: ctx, store: s, key: s.prefix + name}
	if err := f.begin(); err != nil {
		return nil, fmt.Errorf("open %s: %w", s.url(name), err)
	}
	return f, nil
}

// tailSize is how much of a file's end is fetched when it is opened for parts.
const tailSize = 8 << 10

// OpenPart implements store.PartOpener.
func (s *Store) OpenPart(ctx context.Context, name string) (store.File, error) {
	if err := store.CheckName("open", name); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f := &file{ctx: ctx, store: s, key: s.prefix + name, exact: true}
	if err := f.beginAtEnd(); err != nil {
		return nil, fmt.Errorf("open %s: %w", s.url(name), err)
	}
	return f, nil
}

// file is an open file.
type file struct {
	ctx   context.Context
	store *Store
	key   string
	info  object.Info
	head  []byte
	exact bool // fetch nothing that is not asked for

	mu    sync.Mutex
	block []byte // what was fetched last for a small ReadAt
	base  int64  // its offset

	pos    int64          // of the next Read
	reader *object.Reader // from pos on; nil until the head has been read
	closed sync.Once
}

// begin fetches the head and, with it, what the file is.
func (f *file) begin() error {
	c, bucket := f.store.c, f.store.bucket
	var opts minio.GetObjectOptions
	if err := opts.SetRange(0, headSize-1); err != nil {
		return err
	}
	body, _, err := f.ask(opts)
	if body == nil {
		if err == nil && f.info.Size > 0 {
			f.head = make([]byte, min(headSize, f.info.Size))
			err = c.readAt(f.ctx, bucket, f.key, f.info, f.head, 0)
		}
		return err
	}
	defer body.Close()
	f.head = make([]byte, min(headSize, f.info.Size))
	n, err := io.ReadFull(body, f.head)
	if err != nil {
		err = c.readAt(f.ctx, bucket, f.key, f.info, f.head[n:], int64(n))
	}
	return err
}

// beginAtEnd fetches the end and, with it, what the file is.
func (f *file) beginAtEnd() error {
	c, bucket := f.store.c, f.store.bucket
	var opts minio.GetObjectOptions
	if err := opts.SetRange(0, -tailSize); err != nil {
		return err
	}
	body, size, err := f.ask(opts)
	if body == nil {
		return err
	}
	defer body.Close()
	f.base = max(0, f.info.Size-tailSize)
	if size != f.info.Size-f.base { // some answer with the whole object
		return nil
	}
	f.block = make([]byte, f.info.Size-f.base)
	n, err := io.ReadFull(body, f.block)
	if err != nil {
		err = c.readAt(f.ctx, bucket, f.key, f.info, f.block[n:], f.base+int64(n))
	}
	return err
}

// ask asks for a range of the object, and learns what that is. The body is nil
// where there is nothing to read: an empty object has no range at all.
func (f *file) ask(opts minio.GetObjectOptions) (body io.ReadCloser, size int64, err error) {
	c, bucket := f.store.c, f.store.bucket
	body, got, header, err := c.core.GetObject(f.ctx, bucket, f.key, opts)
	var answer minio.ErrorResponse
	if errors.As(err, &answer) && answer.Code == "InvalidRange" {
		f.info, err = c.stat(f.ctx, bucket, f.key)
		return nil, 0, err
	}
	if err != nil {
		return nil, 0, c.explain(f.ctx, bucket, err)
	}
	f.info = object.Info{Name: "s3://" + bucket + "/" + f.key, Size: got.Size, ETag: got.ETag}
	// Of an answer with the whole object, the size is that of the object.
	if _, total, ok := strings.Cut(header.Get("Content-Range"), "/"); ok {
		if f.info.Size, err = strconv.ParseInt(total, 10, 64); err != nil {
			body.Close()
			return nil, 0, fmt.Errorf("the server answered with range %q", header.Get("Content-Range"))
		}
	}
	return body, got.Size, nil
}

func (f *file) wrap(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return fmt.Errorf("read %s: %w", f.info.Name, err)
}

// Size implements store.File.
func (f *file) Size() int64 { return f.info.Size }

// Read implements io.Reader.
func (f *file) Read(p []byte) (int, error) {
	if f.pos < int64(len(f.head)) {
		n := copy(p, f.head[f.pos:])
		f.pos += int64(n)
		return n, nil
	}
	if len(p) == 0 {
		return 0, nil
	}
	if f.reader == nil {
		f.reader = object.NewReader(f.ctx, Source{f.store.c}, f.info, object.Range{Offset: f.pos, Length: f.info.Size - f.pos})
	}
	n, err := f.reader.Read(p)
	f.pos += int64(n)
	return n, f.wrap(err)
}

// ReadAt implements io.ReaderAt.
func (f *file) ReadAt(p []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, f.wrap(fs.ErrInvalid)
	}
	if offset >= f.info.Size {
		if len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	part := p[:min(int64(len(p)), f.info.Size-offset)]
	if offset+int64(len(part)) <= int64(len(f.head)) {
		copy(part, f.head[offset:])
	} else if err := f.fetch(part, offset); err != nil {
		return 0, f.wrap(err)
	}
	if len(part) < len(p) {
		return len(part), io.EOF
	}
	return len(part), nil
}

// smallRead is less than is worth a request of its own, in bytes: who reads so
// little at a time reads on nearby.
const smallRead = 64 << 10

// fetch fills p, which lies within the file, with the bytes from offset on.
func (f *file) fetch(p []byte, offset int64) error {
	read := func(p []byte, offset int64) error {
		return f.store.c.readAt(f.ctx, f.store.bucket, f.key, f.info, p, offset)
	}
	if len(p) >= smallRead {
		return read(p, offset)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if offset < f.base || offset+int64(len(p)) > f.base+int64(len(f.block)) {
		if f.exact {
			return read(p, offset)
		}
		size := min(headSize, f.info.Size-offset)
		if int64(cap(f.block)) < size {
			f.block = make([]byte, size)
		}
		f.base, f.block = offset, f.block[:size]
		if err := read(f.block, offset); err != nil {
			f.block = f.block[:0]
			return err
		}
	}
	copy(p, f.block[offset-f.base:])
	return nil
}

// Close implements io.Closer.
func (f *file) Close() error {
	f.closed.Do(func() {
		if f.reader != nil {
			f.reader.Close()
		}
	})
	return nil
}

// Remove implements store.Store.
func (s *Store) Remove(ctx context.Context, name string) error {
	if err := store.CheckName("remove", name); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	err := s.c.explain(ctx, s.bucket, s.c.core.RemoveObject(ctx, s.bucket, s.prefix+name, minio.RemoveObjectOptions{}))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", s.url(name), err)
	}
	return nil
}

// Sweep implements store.Store. It removes what unfinished uploads of killed processes hold below the
// prefix, which is stored, and paid for, until somebody does.
func (s *Store) Sweep(ctx context.Context, age time.Duration) ([]string, error) {
	var swept []string
	for u := range s.c.core.ListIncompleteUploads(ctx, s.bucket, s.prefix, true) {
		if u.Err != nil {
			return swept, fmt.Errorf("sweep %s: %w", s.url(""), s.c.explain(ctx, s.bucket, u.Err))
		}
		if age > 0 && time.Since(u.Initiated) < age {
			continue
		}
		err := s.c.explain(ctx, s.bucket, s.c.core.AbortMultipartUpload(ctx, s.bucket, u.Key, u.UploadID))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return swept, fmt.Errorf("sweep %s: %w", s.url(""), err)
		}
		swept = append(swept, strings.TrimPrefix(u.Key, s.prefix))
	}
	return swept, ctx.Err()
}
