package corpus

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/object"
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
func Fetch(ctx context.Context, f plan.File, s plan.Shard, maxLine int64, wants []Want, fn func(i int, line []byte) error) error {
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
		return fetchStream(ctx, f, s, maxLine, wants, fn)
	}
	return fetchPlain(ctx, f, s, maxLine, wants, fn)
}

// IsPlain reports whether a file is a local one that can be read at any place.
func IsPlain(f plan.File) bool {
	return f.Compression == compressionNone && !object.IsName(f.Path)
}

func notThere(f plan.File, w Want) error {
	return changed(f, "no usable line begins at byte %d", w.Offset)
}

func fetchStream(ctx context.Context, f plan.File, s plan.Shard, maxLine int64, wants []Want, fn func(i int, line []byte) error) error {
	r, err := Open(ctx, f, s, maxLine)
	if err != nil {
		return err
	}
	defer r.Close()
	var line Line
	for i, w := range wants {
		r.stream.from = int64(w.Ordinal)
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

func fetchPlain(ctx context.Context, f plan.File, s plan.Shard, maxLine int64, wants []Want, fn func(i int, line []byte) error) error {
	if err := checkShardRange(f, s, maxLine); err != nil {
		return err
	}
	in, err := openPlanned(ctx, f)
	if err != nil {
		return err
	}
	defer in.Close()
	w := window{input: in, planned: f, end: s.Offset + s.Length}
	if m, ok := windows.Get().(*[]byte); ok {
		w.own = *m
	}
	defer func() {
		if own := w.own; cap(own) > 0 && cap(own) <= longWindow { // not &w.own, which holds all of w
			windows.Put(&own)
		}
	}()
	if in.isObject() {
		ahead := object.NewAhead(ctx, in.source, in.info, rangesAhead, wantedRanges(s, wants))
		defer ahead.Close()
		w.ahead = ahead
	}
	follower := s.Offset // where the line after the previous want begins
	for i, want := range wants {
		w.block = fetchBlock
		if i+several <= len(wants) && wants[i+several-1].Offset-want.Offset < fetchMore {
			w.block = fetchMore
		}
		if in.isObject() {
			w.block = objectBlock
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

// How the lines that are wanted of an object are fetched: a request takes tens
// of milliseconds, in which as many kilobytes arrive as are between two lines.
const (
	lineGuess   = 16 << 10  // bytes of a line, if not four times the mean
	objectBlock = 256 << 10 // asked for when a line goes on behind what was guessed
	rangeGap    = 256 << 10 // ranges closer to each other than this become one
	longRange   = 1 << 20   // that is not joined any more
	rangesAhead = 16
)

// wantedRanges yields ranges of a plain shard in which the wanted lines begin,
// and most of them end; the byte before a line is wanted too.
func wantedRanges(s plan.Shard, wants []Want) func() (object.Range, bool) {
	i, end := 0, s.Offset+s.Length
	guess := int64(lineGuess)
	if first, last := wants[0], wants[len(wants)-1]; last.Ordinal > first.Ordinal {
		mean := (last.Offset - first.Offset) / int64(last.Ordinal-first.Ordinal)
		guess = min(max(guess, 4*mean), longRange)
	}
	return func() (object.Range, bool) {
		for ; i < len(wants); i++ { // one outside is found when its turn comes
			if wants[i].Offset >= s.Offset && wants[i].Offset < end {
				break
			}
		}
		if i == len(wants) {
			return object.Range{}, false
		}
		start := max(wants[i].Offset-1, s.Offset)
		stop := start
		for ; i < len(wants); i++ {
			w := wants[i].Offset
			if w >= end || stop > start && (w > stop+rangeGap || stop-start > longRange) {
				break
			}
			stop = min(w+guess, end)
			if next := i + 1; next < len(wants) && wants[next].Offset > w {
				stop = min(stop, wants[next].Offset) // the line ends there at the latest
			}
		}
		return object.Range{Offset: start, Length: stop - start}, true
	}
}

// windows are memory of windows, touched already, which the next ones take: *[]byte.
var windows sync.Pool

// longWindow is one of a long line, whose memory is left to nobody, bytes.
const longWindow = 1 << 20

// window is the part of a plain file that was read last.
type window struct {
	input   *input
	planned plan.File
	end     int64  // of the shard
	base    int64  // offset of buf[0]
	buf     []byte // own or fetched
	own     []byte
	block   int // bytes to read at least

	ahead   *object.Ahead // of an object; else nil
	reached object.Range  // the last range of ahead
	fetched []byte        // its bytes
}

// at returns at least n bytes from offset, or all up to the end of the shard.
func (w *window) at(offset int64, n int) ([]byte, error) {
	n = int(min(int64(n), w.end-offset))
	if offset >= w.base && offset+int64(n) <= w.base+int64(len(w.buf)) {
		return w.buf[offset-w.base:], nil
	}
	if ok, err := w.reach(offset, n); err != nil {
		return nil, err
	} else if ok {
		return w.buf[offset-w.base:], nil
	}
	size := int(min(int64(max(n, w.block)), w.end-offset))
	var have []byte // of what is asked for
	if !w.input.isObject() && offset >= w.base && offset < w.base+int64(len(w.buf)) {
		have = w.buf[offset-w.base:]
	}
	if cap(w.own) < size {
		w.own = make([]byte, size+size/4)
	}
	w.base, w.buf = offset, w.own[:size]
	got := copy(w.buf, have)
	read, err := w.input.ReadAt(w.buf[got:], offset+int64(got))
	got += read
	w.buf = w.buf[:got]
	if got == size {
		return w.buf, nil
	}
	if err == io.EOF {
		return nil, changed(w.planned, "it ends at byte %d, the plan says %d", offset+int64(got), w.planned.Size)
	}
	return nil, inputError(w.planned.Path, err)
}

// reach makes buf a range fetched ahead if one has n bytes from offset.
func (w *window) reach(offset int64, n int) (bool, error) {
	for w.ahead != nil && w.reached.Offset+w.reached.Length <= offset {
		var err error
		w.base, w.buf = 0, nil // it may be what Next takes back
		if w.reached, w.fetched, err = w.ahead.Next(); err == io.EOF {
			w.ahead = nil
		} else if err != nil {
			return false, inputError(w.planned.Path, err)
		}
	}
	if offset < w.reached.Offset || offset+int64(n) > w.reached.Offset+w.reached.Length {
		return false, nil
	}
	w.base, w.buf = w.reached.Offset, w.fetched
	return true, nil
}

// line returns the line that begins at offset without its LF, and its length
// with it. Of a line far longer than the limit it returns a beginning.
func (w *window) line(offset, maxLine int64) (data []byte, length int64, err error) {
	for n, seen := 1, 0; ; n = 2 * len(data) {
		data, err = w.at(offset, n)
		if err != nil {
			return nil, 0, err
		}
		if i := bytes.IndexByte(data[seen:], '\n'); i >= 0 {
			i += seen
			return data[:i], int64(i) + 1, nil
		}
		if offset+int64(len(data)) >= w.end || int64(len(data))-1 > maxLine {
			return data, int64(len(data)), nil
		}
		seen = len(data)
	}
}
