package corpus

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"

	"github.com/cespare/xxhash/v2"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// Reader yields the lines of one shard in order. It is for one goroutine.
type Reader struct {
	planned plan.File
	shard   plan.Shard
	maxLine int64
	input   *input

	// Exactly one of the two is used.
	mapped  []byte // the shard of a plain file
	stream  *streamLines
	release func() error

	pos     int64 // in mapped: of the next line
	ordinal int64 // of the next line

	sum       *xxhash.Digest // of mapped[:summed]; nil unless the shard is checked
	summed    int64
	unplanned bool // the plan has no checksum to compare with
}

// sumEvery is how many bytes are read before they are added to the checksum: few
// enough to be still in the near caches, enough to be worth a call.
const sumEvery = 32 << 10

// Open opens a shard for reading. Lines of more than maxLine bytes (without LF
// or CRLF) are not delivered but reported.
//
// The error wraps doc.ErrInput if the file cannot be read and
// doc.ErrInputChanged if its size is not the plan's. An object is read under
// ctx; that it changed, or is gone, shows in Next.
func Open(ctx context.Context, f plan.File, s plan.Shard, maxLine int64) (*Reader, error) {
	if err := checkShardRange(f, s, maxLine); err != nil {
		return nil, err
	}
	in, err := openPlanned(ctx, f)
	if err != nil {
		return nil, err
	}
	r := &Reader{planned: f, shard: s, maxLine: maxLine, input: in, release: func() error { return nil }}
	switch {
	case f.Compression != compressionNone && (s.Offset != 0 || s.Length != f.Size):
		in.Close()
		return nil, fmt.Errorf("%w: plan: shard [%d, +%d) of compressed file %s of %d bytes", doc.ErrCorrupt, s.Offset, s.Length, f.Path, f.Size)
	case f.Compression != compressionNone || in.isObject():
		r.stream = newStreamLines(newDecompressor(in, f, s), maxLine, s.Offset)
	case s.Length > 0:
		r.mapped, r.release, err = mapRange(in.file, s.Offset, s.Length)
		if err != nil {
			in.Close()
			return nil, inputError(f.Path, err)
		}
	}
	return r, nil
}

// OpenFrom opens a shard of a plain file from an offset of the file on, as Open does. What is
// read is not compared with the shard's checksum, which is of all of it.
func OpenFrom(ctx context.Context, f plan.File, s plan.Shard, offset, maxLine int64) (*Reader, error) {
	s.Offset, s.Length = offset, s.Offset+s.Length-offset
	r, err := Open(ctx, f, s, maxLine)
	if err == nil && r.stream != nil {
		r.stream.in.source.sum = nil
	}
	return r, err
}

// Next stores the next line that is not blank in line. At the end it returns
// io.EOF.
//
// A compressed stream that breaks off or fails its checksum ends, after the
// lines that are whole, with one Line of Reason doc.CorruptCompressedStream in
// the place of the unfinished one. (gzip has its checksum at the end of a
// member: what is flawed inside one may have been delivered by then.) Errors
// are wrapped like those of Open. At the end of an object they tell, too, that
// its bytes are not those that were planned.
func (r *Reader) Next(line *Line) error {
	if r.stream != nil {
		err := r.stream.next(line)
		if err == io.EOF {
			if err := r.stream.in.checkSum(r.shard); err != nil {
				return err
			}
		}
		return err
	}
	if r.sum != nil && r.pos-r.summed >= sumEvery {
		r.sum.Write(r.mapped[r.summed:r.pos])
		r.summed = r.pos
	}
	for r.pos < int64(len(r.mapped)) {
		rest := r.mapped[r.pos:]
		start, ordinal := r.pos, r.ordinal
		data := rest
		if end := bytes.IndexByte(rest, '\n'); end >= 0 {
			data = rest[:end]
			r.pos += int64(end) + 1
		} else {
			r.pos += int64(len(rest))
		}
		r.ordinal++
		reason := classify(&data, r.maxLine)
		if reason == blankLine {
			continue
		}
		if ordinal > math.MaxUint32 {
			return tooManyLines(r.planned)
		}
		*line = Line{Data: data, Ordinal: uint32(ordinal), Offset: r.shard.Offset + start, Reason: reason}
		return nil
	}
	// Bytes that went missing from the last page of a map read as NUL
	// instead of faulting.
	if err := r.input.checkSize(r.planned); err != nil {
		return err
	}
	return io.EOF
}

// check returns an error that wraps doc.ErrInputChanged unless the bytes that Next
// went through, which has returned io.EOF, are those that were planned.
func (r *Reader) check(ctx context.Context) error {
	if r.input.isObject() {
		return nil // Next has checked it
	}
	if r.stream != nil {
		return checkShard(ctx, r.planned, r.shard) // a broken stream was not read to its end
	}
	r.sum.Write(r.mapped[r.summed:])
	if r.unplanned {
		return nil
	}
	return compareSum(r.sum, r.planned, r.shard)
}

// BytesRead is how many bytes of the shard, as it is on disk, have been
// consumed: for progress.
func (r *Reader) BytesRead() int64 {
	if r.stream != nil {
		return r.stream.in.source.read
	}
	return r.pos
}

// lines is how many lines were read, blank ones included.
func (r *Reader) lines() int64 {
	if r.stream != nil {
		return r.stream.ordinal
	}
	return r.ordinal
}

// Close releases the file and its map; no Line may be used afterwards.
func (r *Reader) Close() error {
	if r.stream != nil {
		r.stream.in.Close()
	}
	r.mapped, r.pos = nil, 0
	err := r.release()
	r.release = func() error { return nil }
	if closeErr := r.input.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return inputError(r.planned.Path, err)
	}
	return nil
}

// blankLine is what classify calls a line to be skipped. It never leaves the
// package.
const blankLine doc.Reason = "blank"

// classify takes the CR off a line without its LF, and says what it is.
func classify(data *[]byte, maxLine int64) doc.Reason {
	d := *data
	if n := len(d); n > 0 && d[n-1] == '\r' {
		d = d[:n-1]
	}
	*data = d
	if int64(len(d)) > maxLine {
		*data = nil
		return doc.LineTooLong
	}
	for _, c := range d {
		if c > ' ' || c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return doc.OK
		}
	}
	return blankLine
}

func tooManyLines(f plan.File) error {
	return fmt.Errorf("%s: %w: a shard has more than 2^32 lines; plan smaller shards, or split the compressed file", f.Path, doc.ErrInput)
}
