package corpus

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// ErrTooLong is what ReadText returns for a longer text than it was allowed
// to read.
var ErrTooLong = fmt.Errorf("%w: the text is too long", doc.ErrInput)

// ReadText returns the whole decompressed content of a file, at most limit
// bytes of it. The error wraps doc.ErrInput if the file cannot be read or is
// of a format that is not supported.
func ReadText(path string, limit int64) ([]byte, error) {
	in, size, err := openStream(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	if size > limit {
		return nil, fmt.Errorf("%s: %w", path, ErrTooLong)
	}
	// One byte more than is expected shows the end without growing.
	text := bytes.NewBuffer(make([]byte, 0, max(size, 0)+bytes.MinRead))
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
func FirstLine(path string, limit int64) ([]byte, error) {
	in, _, err := openStream(path)
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
	*decompressor // nil for a plain file
	file          *os.File
}

// openStream opens a file for reading its decompressed content. size is that
// of a plain file, else -1.
func openStream(path string) (s *stream, size int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, inputError(path, err)
	}
	fail := func(err error) (*stream, int64, error) {
		file.Close()
		return nil, 0, inputError(path, err)
	}
	info, err := file.Stat()
	if err != nil {
		return fail(err)
	}
	head := make([]byte, magicLength)
	n, err := file.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return fail(err)
	}
	compression, err := detectCompression(head[:n])
	if err != nil {
		return fail(err)
	}
	if compression == compressionNone {
		return &stream{file: file}, info.Size(), nil
	}
	d := newDecompressor(file, plan.File{Path: path, Size: info.Size(), Compression: compression})
	return &stream{d, file}, -1, nil
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	if s.decompressor != nil {
		return s.decompressor.Read(p)
	}
	return s.file.Read(p)
}

// Close implements io.Closer.
func (s *stream) Close() error {
	if s.decompressor != nil {
		s.decompressor.Close()
	}
	return s.file.Close()
}
