// Package corpus turns input arguments into lines. [Expand] resolves files,
// folders and globs; [Plan] measures and digests every file and cuts plain
// ones into newline-aligned shards; a [Reader] yields the lines of one shard in
// order; [Fetch] reads chosen lines again.
//
// A line ends with LF or CRLF, the last one also at the end of the file. A
// line that is empty or holds only JSON white space is skipped, but counts in
// the ordinals of the lines after it. Plain files are memory mapped; gzip (RFC
// 1952, any number of members) and zstd (RFC 8878, any number of frames) are
// told by their first bytes, whatever the name, and streamed in bounded memory.
package corpus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// Line is one line of a shard that is not blank.
type Line struct {
	// Data is the line without its LF or CRLF, nil if Reason is set. It is
	// read only and valid until the next call of Next; that of a plain file
	// lies in a memory map, see Guard.
	Data []byte
	// Ordinal is the zero-based number of the line among all lines of the
	// shard, blank ones included.
	Ordinal uint32
	// Offset is that of the line's first byte in the decompressed file.
	Offset int64
	// Reason is doc.OK, doc.LineTooLong, or doc.CorruptCompressedStream.
	Reason doc.Reason
}

// Want names a line to fetch, by the Ordinal and Offset of its Line.
type Want struct {
	Ordinal uint32
	Offset  int64
}

// openInput opens a file and checks that it can be the one that was planned.
func openInput(f plan.File, s plan.Shard, maxLine int64) (*os.File, error) {
	if maxLine <= 0 {
		return nil, fmt.Errorf("%w: line limit %d is not positive", doc.ErrUsage, maxLine)
	}
	if s.Offset < 0 || s.Length < 0 || s.Offset > f.Size-s.Length {
		return nil, fmt.Errorf("%w: plan: shard [%d, +%d) lies outside %s of %d bytes", doc.ErrCorrupt, s.Offset, s.Length, f.Path, f.Size)
	}
	file, err := os.Open(f.Path)
	if err != nil {
		return nil, inputError(f.Path, err)
	}
	if err := checkSize(file, f); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// checkSize reports a file that is no longer as long as the plan says.
func checkSize(file *os.File, f plan.File) error {
	info, err := file.Stat()
	if err != nil {
		return inputError(f.Path, err)
	}
	if info.Size() != f.Size {
		return changed(f, "it has %d bytes, the plan says %d", info.Size(), f.Size)
	}
	return nil
}

func changed(f plan.File, format string, args ...any) error {
	return fmt.Errorf("%s: %w: %s", f.Path, doc.ErrInputChanged, fmt.Sprintf(format, args...))
}

// inputError wraps a system error about path, without naming path twice.
func inputError(path string, err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	return fmt.Errorf("%s: %w: %w", path, doc.ErrInput, err)
}
