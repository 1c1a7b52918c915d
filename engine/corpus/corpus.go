// Package corpus turns input arguments into lines. [Expand] resolves files,
// folders, globs and names of objects; [Plan] measures and digests every file and cuts plain
// ones into newline-aligned shards; a [Reader] yields the lines of one shard in
// order; [Fetch] reads chosen lines again.
//
// A line ends with LF or CRLF, the last one also at the end of the file. A
// line that is empty or holds only JSON white space is skipped, but counts in
// the ordinals of the lines after it. Plain files are memory mapped, objects are
// read by ranges, ahead of what is asked for; gzip (RFC
// 1952, any number of members) and zstd (RFC 8878, any number of frames) are
// told by their first bytes, whatever the name, and streamed in bounded memory.
package corpus

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/object"
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

func changed(f plan.File, format string, args ...any) error {
	return fmt.Errorf("%s: %w: %s", f.Path, doc.ErrInputChanged, fmt.Sprintf(format, args...))
}

// inputError wraps a system error about path, without naming path twice.
func inputError(path string, err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, object.ErrChanged):
		return fmt.Errorf("%s: %w: %w", path, doc.ErrInputChanged, err)
	}
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	return fmt.Errorf("%s: %w: %w", path, doc.ErrInput, err)
}
