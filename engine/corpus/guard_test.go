package corpus

import (
	"bytes"
	"errors"
	"io"
	"os"
	"runtime"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
)

// A file that shrinks while it is mapped is an error, in Go code as in
// assembly, and the process lives on.
func TestShrinkingFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files are not mapped on this system")
	}
	content := bytes.Repeat([]byte("0123456789abcdef 0123456789abcde\n"), 100_000)
	for name, read := range map[string]func(r *Reader) error{
		"reader": func(r *Reader) error {
			var line Line
			for {
				if err := r.Next(&line); err != nil {
					return err
				}
			}
		},
		"assembly": func(r *Reader) error {
			if bytes.IndexByte(r.mapped, 'X') >= 0 {
				return errors.New("found what is not there")
			}
			return nil
		},
		"go": func(r *Reader) error {
			sum := 0
			for _, c := range r.mapped {
				sum += int(c)
			}
			runtime.KeepAlive(sum)
			return nil
		},
		"copy": func(r *Reader) error {
			runtime.KeepAlive(bytes.Clone(r.mapped))
			return nil
		},
	} {
		rests := []int64{0, 1_000_000}
		if name == "reader" {
			// The last page of a file does not fault; what is missing
			// from it is for Next to find.
			rests = append(rests, int64(len(content))-10)
		}
		for _, rest := range rests {
			t.Run(name, func(t *testing.T) {
				path := writeFile(t, "f", content)
				files, shards := planFiles(t, 1<<30, path)
				r, err := Open(t.Context(), files[0], shards[0], testMaxLine)
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				if err := os.Truncate(path, rest); err != nil {
					t.Fatal(err)
				}
				err = Guard(func() error { return read(r) })
				if !errors.Is(err, doc.ErrInputChanged) {
					t.Errorf("got %v, want doc.ErrInputChanged", err)
				}
			})
		}
	}
}

// A shrunk compressed file is not a truncated one.
func TestShrinkingCompressedFile(t *testing.T) {
	data := bytes.Repeat([]byte("line of a file\n"), 100_000)
	for name, content := range map[string][]byte{"gzip": gzipped(t, data, 1), "zstd": zstded(t, data, 1)} {
		path := writeFile(t, name, content)
		files, shards := planFiles(t, 1, path)
		r, err := Open(t.Context(), files[0], shards[0], testMaxLine)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if err := os.Truncate(path, int64(len(content)/2)); err != nil {
			t.Fatal(err)
		}
		var line Line
		for err == nil {
			if err = r.Next(&line); line.Reason != doc.OK {
				t.Errorf("%s: a line of reason %s", name, line.Reason)
			}
		}
		if !errors.Is(err, doc.ErrInputChanged) {
			t.Errorf("%s: %v, want doc.ErrInputChanged", name, err)
		}
	}
}

func TestGuard(t *testing.T) {
	for _, want := range []error{nil, io.ErrNoProgress} {
		if err := Guard(func() error { return want }); err != want {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	var none *Reader
	var short []int
	outside := 3
	for name, fn := range map[string]func() error{
		"nil dereference": func() error { none.pos++; return nil },
		"index":           func() error { short[outside]++; return nil },
		"own":             func() error { panic("own") },
		"own error":       func() error { panic(errors.New("own")) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: the panic did not pass", name)
				}
			}()
			err := Guard(fn)
			t.Errorf("%s: returned %v", name, err)
		}()
	}
}
