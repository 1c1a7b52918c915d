package corpus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// ErrTooLong is what ReadText returns for a longer text than it was allowed
// to read.
var ErrTooLong = fmt.Errorf("%w: the text is too long", doc.ErrInput)

// ReadText returns the whole decompressed content of a file, at most limit
// bytes of it. The error wraps doc.ErrInput if the file cannot be read or is
// of a format that is not supported.
func ReadText(ctx context.Context, path string, limit int64) ([]byte, error) {
	return ReadTextInto(ctx, path, limit, nil)
}

// ReadTextInto is ReadText that takes memory, whatever it holds, if there is enough.
func ReadTextInto(ctx context.Context, path string, limit int64, memory []byte) ([]byte, error) {
	in, size, err := openStream(ctx, path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	if size > limit {
		return nil, fmt.Errorf("%s: %w", path, ErrTooLong)
	}
	// One byte more than is expected shows the end without growing.
	text := bytes.NewBuffer(slices.Grow(memory[:0], int(max(size, 0)+bytes.MinRead)))
	n, err := text.ReadFrom(io.LimitReader(in, limit+1))
	switch {
	case errors.Is(err, errCorruptStream):
		return nil, fmt.Errorf("%s: %w: %w", path, doc.ErrInput, err)
	case err != nil:
		return nil, inputError(path, err)
	case n > limit:
		return nil, fmt.Errorf("%s: %w", path, ErrTooLong)
	}
	return text.Bytes(), nil
}

// FirstLine returns the first line of a file that is not blank, without its
// LF, or what there is of it within limit bytes of decompressed content.
func FirstLine(ctx context.Context, path string, limit int64) ([]byte, error) {
	in, _, err := openStream(ctx, path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var line []byte
	rest := io.LimitReader(in, limit)
	buf := make([]byte, 64<<10)
	for {
		n, err := rest.Read(buf)
		line = append(line, buf[:n]...)
		line = bytes.TrimLeft(line, " \t\r\n")
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			return line[:end], nil
		}
		if err == io.EOF || errors.Is(err, errCorruptStream) {
			return line, nil
		}
		if err != nil {
			return nil, inputError(path, err)
		}
	}
}

// stream is a file that is read once, front to back.
type stream struct {
	*decompressor
	input *input
}

// openStream opens a file for reading its decompressed content. size is that
// of a plain file, else -1.
func openStream(ctx context.Context, path string) (s *stream, size int64, err error) {
	in, err := openPath(ctx, path)
	if err != nil {
		return nil, 0, err
	}
	fail := func(err error) (*stream, int64, error) {
		in.Close()
		return nil, 0, inputError(path, err)
	}
	if size, err = in.size(); err != nil {
		return fail(err)
	}
	head := make([]byte, magicLength)
	n, err := in.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return fail(err)
	}
	compression, err := detectCompression(head[:n])
	if err != nil {
		return fail(err)
	}
	f := plan.File{Path: path, Size: size, Compression: compression}
	if compression != compressionNone {
		size = -1
	}
	return &stream{newDecompressor(in, f, plan.Shard{Length: f.Size}), in}, size, nil
}

// Close implements io.Closer.
func (s *stream) Close() error {
	s.decompressor.Close()
	return s.input.Close()
}
