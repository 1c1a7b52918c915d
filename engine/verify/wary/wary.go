// Package wary reads the files of a finished run as if somebody had made them to do
// harm: whoever can write files can also seal them again, so digests do not protect
// what reads them. A file that is not what it should be is an error, never a panic or
// more memory than a file of its size is worth. It is the reading half of package
// verify, and shares no code with what wrote the files.
package wary

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/tallystick/tallystick/engine/doc"
)

// mostFile is the size of the files that are read at once, in bytes: a bitmap of
// all lines that a shard can have is half as large.
const mostFile = 1 << 30

// File is os.ReadFile for files of a size that makes sense.
func File(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, mostFile+1))
	if err == nil && len(data) > mostFile {
		return nil, fmt.Errorf("%w: %s has more than %d bytes", doc.ErrCorrupt, path, mostFile)
	}
	return data, err
}

// Digest returns the number of bytes that r has, and their hex SHA-256. done is told
// of every so many.
func Digest(ctx context.Context, r io.Reader, done func(int64)) (int64, string, error) {
	h := sha256.New()
	var size int64
	for {
		n, err := io.CopyN(h, r, 8<<20)
		size += n
		done(n)
		if errors.Is(err, io.EOF) {
			return size, hex.EncodeToString(h.Sum(nil)), nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return 0, "", err
		}
	}
}

// Whole compares the content of a file with the digest in it: that of all of its
// bytes but the digits, which end follows to the end of the file.
func Whole(content []byte, end string) error {
	digits := len(content) - len(end) - 2*sha256.Size
	if digits < 0 || string(content[len(content)-len(end):]) != end {
		return errors.New("does not end in a digest of itself: it was cut or changed")
	}
	h := sha256.New()
	h.Write(content[:digits])
	h.Write([]byte(end))
	got, says := hex.EncodeToString(h.Sum(nil)), string(content[digits:len(content)-len(end)])
	if got != says {
		return fmt.Errorf("was changed: its bytes have SHA-256 %s, it ends in %q", got, says)
	}
	return nil
}

// JSON decodes one JSON value and refuses unknown and repeated keys,
// which other readers could take in another way.
func JSON(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return repeatedKey(json.NewDecoder(bytes.NewReader(data)))
}

// repeatedKey reads one value and reports a key that an object has twice,
// letter case aside.
func repeatedKey(d *json.Decoder) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	open, isDelim := token.(json.Delim)
	if !isDelim {
		return nil
	}
	seen := make(map[string]bool)
	for d.More() {
		if open == '{' {
			key, err := d.Token()
			if err != nil {
				return err
			}
			folded := strings.ToLower(key.(string))
			if seen[folded] {
				return fmt.Errorf("key %q twice in an object", key)
			}
			seen[folded] = true
		}
		if err := repeatedKey(d); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// Lines is a JSONL file of the run, which has one form only: the
// compact one, keys in the documented order, a newline after every object.
// Whatever a second reader could take differently is refused.
type Lines struct {
	b      *bufio.Reader
	Number int64 // of the line read last, from 1
	Offset int64 // of the next line
	out    bytes.Buffer
}

// NewLines reads from r.
func NewLines(r io.Reader) *Lines { return &Lines{b: bufio.NewReaderSize(r, 1<<16)} }

// Next decodes the next line into v, a pointer to a struct, or returns io.EOF.
func (r *Lines) Next(v any) error {
	line, err := r.b.ReadBytes('\n')
	if len(line) == 0 && errors.Is(err, io.EOF) {
		return io.EOF
	}
	r.Number++
	r.Offset += int64(len(line))
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := json.Unmarshal(line, v); err != nil {
		return err
	}
	r.out.Reset()
	enc := json.NewEncoder(&r.out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	if !bytes.Equal(r.out.Bytes(), line) {
		return errors.New("is not one object in the documented form")
	}
	return nil
}
