package corpus

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// Fetch calls fn for the line of each want, in order: i is the index of the
// want, line its bytes without LF or CRLF, valid during the call. Wants ascend
// (equal ones may follow each other) and are of lines that a Reader of the
// same shard delivered with Reason doc.OK and the same maxLine.
//
// A plain file is read at the offsets, without a map; a compressed one is
// decompressed from its start to the last want. Where no such line is, as far
// as can be told, the error wraps doc.ErrInputChanged. An error of fn ends
// Fetch and is returned as it is.
func Fetch(f plan.File, s plan.Shard, maxLine int64, wants []Want, fn func(i int, line []byte) error) error {
	for i := 1; i < len(wants); i++ {
		a, b := wants[i-1], wants[i]
		// Every line between two has its LF at least.
		if b.Ordinal < a.Ordinal || b.Offset-a.Offset < int64(b.Ordinal-a.Ordinal) || a.Ordinal == b.Ordinal && a.Offset != b.Offset {
			return fmt.Errorf("%s: %w: wanted lines do not ascend: line %d at byte %d after line %d at byte %d of the shard", f.Path, doc.ErrCorrupt, b.Ordinal, b.Offset, a.Ordinal, a.Offset)
		}
	}
	if len(wants) == 0 {
		return nil
	}
	if f.Compression != compressionNone {
		return fetchStream(f, s, maxLine, wants, fn)
	}
	return fetchPlain(f, s, maxLine, wants, fn)
}

func notThere(f plan.File, w Want) error {
	return changed(f, "no usable line begins at byte %d", w.Offset)
}

func fetchStream(f plan.File, s plan.Shard, maxLine int64, wants []Want, fn func(i int, line []byte) error) error {
	r, err := Open(f, s, maxLine)
	if err != nil {
		return err
	}
	defer r.Close()
	var line Line
	for i, w := range wants {
		for i == 0 || line.Ordinal < w.Ordinal {
			if err := r.Next(&line); err == io.EOF {
				return notThere(f, w)
			} else if err != nil {
				return err
			}
			if line.Ordinal >= w.Ordinal {
				break
			}
		}
		if line.Ordinal != w.Ordinal || line.Offset != w.Offset || line.Reason != doc.OK {
			return notThere(f, w)
		}
		if err := fn(i, line.Data); err != nil {
			return err
		}
	}
	return nil
}

// fetchBlock is how many bytes are read at first for a line, most of which
// are shorter; fetchMore where so many hold several wanted lines.
const (
	fetchBlock = 16 << 10
	fetchMore  = 128 << 10
	several    = 8
)

func fetchPlain(f plan.File, s plan.Shard, maxLine int64, wants []Want, fn func(i int, line []byte) error) error {
	file, err := openInput(f, s, maxLine)
	if err != nil {
		return err
	}
	defer file.Close()
	w := window{file: file, planned: f, end: s.Offset + s.Length}
	follower := s.Offset // where the line after the previous want begins
	for i, want := range wants {
		w.block = fetchBlock
		if i+several <= len(wants) && wants[i+several-1].Offset-want.Offset < fetchMore {
			w.block = fetchMore
		}
		adjacent := want.Ordinal == 0 || i > 0 && want.Ordinal == wants[i-1].Ordinal+1
		if adjacent && want.Offset != follower || want.Offset < s.Offset || want.Offset >= w.end {
			return notThere(f, want)
		}
		if want.Offset > s.Offset {
			before, err := w.at(want.Offset-1, 1)
			if err != nil {
				return err
			}
			if before[0] != '\n' {
				return notThere(f, want)
			}
		}
		line, length, err := w.line(want.Offset, maxLine)
		if err != nil {
			return err
		}
		if classify(&line, maxLine) != doc.OK {
			return notThere(f, want)
		}
		if err := fn(i, line); err != nil {
			return err
		}
		follower = want.Offset + length
	}
	return nil
}

// window is the part of a plain file that was read last.
type window struct {
	file    *os.File
	planned plan.File
	end     int64 // of the shard
	base    int64 // offset of buf[0]
	block   int   // bytes to read at least
	buf     []byte
}

// at returns at least n bytes from offset, or all up to the end of the shard.
func (w *window) at(offset int64, n int) ([]byte, error) {
	n = int(min(int64(n), w.end-offset))
	if offset >= w.base && offset+int64(n) <= w.base+int64(len(w.buf)) {
		return w.buf[offset-w.base:], nil
	}
	size := int(min(int64(max(n, w.block)), w.end-offset))
	if cap(w.buf) < size {
		w.buf = make([]byte, size+size/4)
	}
	w.base, w.buf = offset, w.buf[:size]
	read, err := w.file.ReadAt(w.buf, offset)
	w.buf = w.buf[:read]
	if read == size {
		return w.buf, nil
	}
	if err == io.EOF {
		return nil, changed(w.planned, "it ends at byte %d, the plan says %d", offset+int64(read), w.planned.Size)
	}
	return nil, inputError(w.planned.Path, err)
}

// line returns the line that begins at offset without its LF, and its length
// with it. Of a line far longer than the limit it returns a beginning.
func (w *window) line(offset, maxLine int64) (data []byte, length int64, err error) {
	for n := 1; ; n = 2 * len(data) {
		data, err = w.at(offset, n)
		if err != nil {
			return nil, 0, err
		}
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			return data[:i], int64(i) + 1, nil
		}
		if offset+int64(len(data)) >= w.end || int64(len(data))-1 > maxLine {
			return data, int64(len(data)), nil
		}
	}
}
