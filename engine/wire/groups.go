package wire

import (
	"io"

	"github.com/tallystick/tallystick/engine/doc"
)

// Group writes a group of documents.
func (e *Encoder) Group(members []doc.Place) {
	e.Uint(uint64(len(members)))
	for _, p := range members {
		e.Place(p)
	}
}

// EachGroup calls fn for every group of a file; members is reused.
func EachGroup(r io.Reader, fn func(members []doc.Place) error) error {
	d, err := NewDecoder(r, MagicGroups)
	if err != nil {
		return err
	}
	var members []doc.Place
	for d.More() {
		members = members[:0]
		for n := d.Uint(); n > 0 && d.Err == nil; n-- {
			members = append(members, d.Place())
		}
		if d.Err != nil {
			return d.Err
		}
		if err := fn(members); err != nil {
			return err
		}
	}
	return d.Err
}
