package wary

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/RoaringBitmap/roaring/v2"
)

// Bitmap decodes a whole bitmap file, whose ordinals must lie below lines.
func Bitmap(data []byte, lines uint64) (b *roaring.Bitmap, err error) {
	err = shielded(func() error {
		b = roaring.New()
		n, err := b.ReadFrom(bytes.NewReader(data))
		switch {
		case err != nil:
			return err
		case n != int64(len(data)):
			return fmt.Errorf("%d bytes after the bitmap", int64(len(data))-n)
		}
		if err := b.Validate(); err != nil {
			return err
		}
		if b.IsEmpty() {
			return errors.New("is empty, and so should not be there")
		}
		if last := b.Maximum(); uint64(last) >= lines {
			return fmt.Errorf("ordinal %d in a shard of at most %d lines", last, lines)
		}
		return nil
	})
	return b, err
}
