package corpus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/plan"
)

// input is an open input: a local file or an object. Of an object, what is
// read is of one ETag, or an error says that it changed.
type input struct {
	file *os.File // nil for an object

	ctx     context.Context
	source  object.Source
	info    object.Info
	readers []*object.Reader
}

// openPath opens an input that may be of any size.
func openPath(ctx context.Context, path string) (*input, error) {
	if !object.IsName(path) {
		// To open a pipe would wait for who writes into it.
		if info, err := os.Stat(path); err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
			return nil, inputError(path, errNotRegular)
		}
		file, err := os.Open(path)
		if err != nil {
			return nil, inputError(path, err)
		}
		return &input{file: file}, nil
	}
	source, err := object.For(path)
	if err != nil {
		return nil, inputError(path, err)
	}
	info, err := source.Stat(ctx, path)
	if err != nil {
		return nil, inputError(path, err)
	}
	return &input{ctx: ctx, source: source, info: info}, nil
}

// openPlanned opens an input and checks that it can be the one that was planned.
func openPlanned(ctx context.Context, f plan.File) (*input, error) {
	if object.IsName(f.Path) {
		source, err := object.For(f.Path)
		if err != nil {
			return nil, inputError(f.Path, err)
		}
		// Every read says what it wants, so nothing need be asked before.
		return &input{ctx: ctx, source: source, info: object.Info{Name: f.Path, Size: f.Size, ETag: f.ETag}}, nil
	}
	in, err := openPath(ctx, f.Path)
	if err != nil {
		return nil, err
	}
	if err := in.checkSize(f); err != nil {
		in.Close()
		return nil, err
	}
	return in, nil
}

var errNotRegular = errors.New("not a regular file")

func (in *input) isObject() bool { return in.file == nil }

// size is that of a regular file now, and of an object when it was opened, in
// bytes.
func (in *input) size() (int64, error) {
	if in.isObject() {
		return in.info.Size, nil
	}
	st, err := in.file.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

// checkSize reports a file that is no longer as long as the plan says.
func (in *input) checkSize(f plan.File) error {
	size, err := in.size()
	if err != nil {
		return inputError(f.Path, err)
	}
	if size != f.Size {
		return changed(f, "it has %d bytes, the plan says %d", size, f.Size)
	}
	return nil
}

// section reads a part of the input front to back. Where whole is set, a file
// is read to its end, wherever that is by now.
func (in *input) section(offset, length int64, whole bool) io.Reader {
	switch {
	case in.isObject():
		r := object.NewReader(in.ctx, in.source, in.info, object.Range{Offset: offset, Length: length})
		in.readers = append(in.readers, r)
		return r
	case whole:
		return in.file
	}
	return io.NewSectionReader(in.file, offset, length)
}

// ReadAt implements io.ReaderAt.
func (in *input) ReadAt(p []byte, offset int64) (int, error) {
	if !in.isObject() {
		return in.file.ReadAt(p, offset)
	}
	short := int64(len(p)) > in.info.Size-offset
	if short {
		p = p[:max(in.info.Size-offset, 0)]
	}
	if err := in.source.ReadAt(in.ctx, in.info, p, offset); err != nil {
		return 0, err
	}
	if short {
		return len(p), io.EOF
	}
	return len(p), nil
}

// Close implements io.Closer.
func (in *input) Close() error {
	for _, r := range in.readers {
		r.Close()
	}
	if in.isObject() {
		return nil
	}
	return in.file.Close()
}

// OpenRaw opens an input for reading it front to back as it is stored.
func OpenRaw(ctx context.Context, path string) (io.ReadCloser, error) {
	in, err := openPath(ctx, path)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{in.section(0, in.info.Size, true), in}, nil
}

// Size returns the bytes that an input has now.
func Size(ctx context.Context, path string) (int64, error) {
	in, err := openPath(ctx, path)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	size, err := in.size()
	if err != nil {
		return 0, inputError(path, err)
	}
	return size, nil
}

// checkShardRange reports a shard that cannot be one of f.
func checkShardRange(f plan.File, s plan.Shard, maxLine int64) error {
	if maxLine <= 0 {
		return fmt.Errorf("%w: line limit %d is not positive", doc.ErrUsage, maxLine)
	}
	if s.Offset < 0 || s.Length < 0 || s.Offset > f.Size-s.Length {
		return fmt.Errorf("%w: plan: shard [%d, +%d) lies outside %s of %d bytes", doc.ErrCorrupt, s.Offset, s.Length, f.Path, f.Size)
	}
	return nil
}
