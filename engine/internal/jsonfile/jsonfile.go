// Package jsonfile is how the JSON files of a run are written and read: for people
// too, and strictly.
package jsonfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/tallystick/tallystick/engine/doc"
)

// Marshal returns v as indented JSON that ends in a newline, with < and > as they
// are.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return b.Bytes(), err
}

// Write writes v, the content of the file called name, to w.
func Write(w io.Writer, name string, v any) error {
	b, err := Marshal(v)
	if err == nil {
		_, err = w.Write(b)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// Parse reads the content of the file called name into v, an object with a version.
// It refuses unknown keys and what follows the object, with errors that wrap
// doc.ErrCorrupt, and another version before that: its keys may well be others.
func Parse(data []byte, name string, version int, v any) error {
	var head struct {
		Version int `json:"version"`
	}
	if json.Unmarshal(data, &head) == nil && head.Version != 0 && head.Version != version {
		return fmt.Errorf("%s: version %d, this program knows %d", name, head.Version, version)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, e := d.Token(); !errors.Is(e, io.EOF) {
			err = errors.New("more than one JSON value")
		} else if head.Version != version {
			err = errors.New("no version")
		}
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", doc.ErrCorrupt, name, err)
	}
	return nil
}
