// Package bitmap writes and reads the class bitmaps of a run: for a shard and
// a class, the zero-based ordinals of its lines, in the portable Roaring format
// (https://github.com/RoaringBitmap/RoaringFormatSpec), which readers exist for
// in most languages.
//
// Bytes from outside are not trusted: Read validates before anything uses
// them.
package bitmap

import (
	"bytes"
	"fmt"
	"io"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/tallystick/tallystick/engine/doc"
)

// Path returns the name of the bitmap of a shard and class, relative to the
// folder of the run. A bitmap without lines is not written.
func Path(shard int, class doc.Class) string {
	return fmt.Sprintf("bitmaps/%05d.%s.roaring", shard, class)
}

// Write writes b, with runs compressed. The bytes depend on the set alone, not
// on how it was built. It changes b's representation, never its content.
func Write(w io.Writer, b *roaring.Bitmap) error {
	b.RunOptimize()
	if _, err := b.WriteTo(w); err != nil {
		return fmt.Errorf("write bitmap: %w", err)
	}
	return nil
}

// Read decodes a whole bitmap file whose ordinals must lie below lines, the
// number of lines of the shard (1 << 32 if it is not known). It refuses
// anything but one valid, non-empty bitmap without trailing bytes; errors wrap
// doc.ErrCorrupt.
func Read(data []byte, lines uint64) (b *roaring.Bitmap, err error) {
	defer func() {
		if p := recover(); p != nil {
			b, err = nil, fmt.Errorf("%w: not readable as roaring: %v", doc.ErrCorrupt, p)
		}
	}()
	b = roaring.New()
	n, err := b.ReadFrom(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", doc.ErrCorrupt, err)
	}
	if n != int64(len(data)) {
		return nil, fmt.Errorf("%w: %d bytes after the bitmap", doc.ErrCorrupt, int64(len(data))-n)
	}
	if err := b.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", doc.ErrCorrupt, err)
	}
	if b.IsEmpty() {
		return nil, fmt.Errorf("%w: empty bitmap", doc.ErrCorrupt)
	}
	if last := b.Maximum(); uint64(last) >= lines {
		return nil, fmt.Errorf("%w: ordinal %d in a shard of %d lines", doc.ErrCorrupt, last, lines)
	}
	return b, nil
}
