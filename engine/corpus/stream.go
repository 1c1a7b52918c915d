package corpus

import (
	"bytes"
	"io"
	"math"

	"github.com/tallystick/tallystick/engine/doc"
)

// streamBuffer is the initial buffer of streamLines, in bytes. It grows as
// long lines ask for, to the line limit and its CRLF at most.
const streamBuffer = 256 << 10

// streamLines cuts a decompressed stream into lines.
type streamLines struct {
	in      *decompressor
	maxLine int64

	buf        []byte
	start, end int   // buf[start:end] is read but not delivered
	searched   int   // buf[start:searched] has no LF
	offset     int64 // of buf[start] in the stream
	ordinal    int64 // of the next line
	from       int64 // lines before it need not be held: a long one may be reported as too long
	err        error // of in: nothing follows buf[start:end]
	done       bool  // the last line was delivered
}

// newStreamLines returns the lines of in, the first of which begins at offset.
func newStreamLines(in *decompressor, maxLine, offset int64) *streamLines {
	// Beyond this a line could not be held anyway, nor its CRLF be added.
	return &streamLines{in: in, maxLine: min(maxLine, math.MaxInt-2), buf: make([]byte, streamBuffer), offset: offset}
}

func (s *streamLines) next(line *Line) error {
	for {
		if s.done {
			return s.err
		}
		*line = Line{Offset: s.offset}
		reason := doc.OK
		ordinal := s.ordinal
		data, whole := s.line()
		switch {
		case whole && data == nil:
			reason = doc.LineTooLong
		case whole:
			reason = classify(&data, s.maxLine)
		case s.err == errCorruptStream:
			s.done, s.err = true, io.EOF
			data, reason = nil, doc.CorruptCompressedStream
		default:
			s.done = true
			return s.err
		}
		s.ordinal++
		if reason == blankLine {
			continue
		}
		if ordinal > math.MaxUint32 {
			s.done, s.err = true, tooManyLines(s.in.planned)
			return s.err
		}
		line.Data, line.Ordinal, line.Reason = data, uint32(ordinal), reason
		return nil
	}
}

// line consumes the next line and returns it without its LF, or nil if it is
// longer than the limit allows to buffer. whole is false when the stream ends
// with an error inside the line or, be it io.EOF, before it.
func (s *streamLines) line() (data []byte, whole bool) {
	tooLong := false
	for {
		if i := bytes.IndexByte(s.buf[s.searched:s.end], '\n'); i >= 0 {
			lf := s.searched + i
			data := s.buf[s.start:lf:lf]
			s.consume(lf + 1)
			if tooLong {
				return nil, true
			}
			return data, true
		}
		s.searched = s.end
		// A CR may follow maxLine bytes; fill relies on a full buffer of
		// maxLine+2 bytes being given up here.
		if s.ordinal < s.from || int64(s.end-s.start) > s.maxLine+1 {
			tooLong = true
		}
		if s.err != nil {
			data := s.buf[s.start:s.end:s.end]
			if s.err != io.EOF || len(data) == 0 && !tooLong {
				return nil, false
			}
			s.consume(s.end)
			if tooLong {
				return nil, true
			}
			return data, true
		}
		if tooLong {
			s.consume(s.end)
		}
		s.fill()
	}
}

// consume moves the start of the next line to buf[to].
func (s *streamLines) consume(to int) {
	s.offset += int64(to - s.start)
	s.start, s.searched = to, to
}

// fill reads more bytes after buf[:end], making room first.
func (s *streamLines) fill() {
	if s.start > 0 {
		s.end = copy(s.buf, s.buf[s.start:s.end])
		s.searched -= s.start
		s.start = 0
	}
	if s.end == len(s.buf) {
		more := min(int64(len(s.buf)), s.maxLine+2-int64(len(s.buf)))
		s.buf = append(s.buf, make([]byte, more)...)
	}
	var n int
	n, s.err = s.in.Read(s.buf[s.end:])
	s.end += n
}
