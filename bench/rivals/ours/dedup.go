package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"github.com/tallystick/tallystick/engine/bitmap"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// head writes the first lines of a compressed JSONL file, until they have limit
// bytes of text; all of them for 0. Unlike spread it leaves together what
// follows each other: a page and its revisions.
func head(path string, limit int64, out string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	zr, err := zstd.NewReader(f, zstd.WithDecoderMaxWindow(128<<20))
	if err != nil {
		return err
	}
	defer zr.Close()
	to, err := os.CreateTemp(filepath.Dir(out), "part-*")
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(to, 1<<20)
	lines := bufio.NewReaderSize(zr, 1<<20)
	for size := int64(0); limit == 0 || size < limit; {
		line, err := lines.ReadBytes('\n')
		if len(line) == 0 && errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: %w", path, err)
		}
		var d struct {
			Text string `json:"text"`
		}
		if err := json.Unmarshal(line, &d); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		size += int64(len(d.Text))
		w.Write(line) // errors come back from Flush
	}
	if err := errors.Join(w.Flush(), to.Close()); err != nil {
		return err
	}
	return os.Rename(to.Name(), out)
}

// kept copies the lines of a file that a run over it alone kept, and prints the
// zero-based numbers of the others as JSON: the rivals write such a copy too.
func kept(run, path, out string, stdout io.Writer) error {
	var p plan.Plan
	b, err := os.ReadFile(filepath.Join(run, "plan.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	to, err := os.Create(out)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(to, 1<<20)
	dropped := []int64{}
	for i, shard := range p.Shards {
		keeps := func(uint32) bool { return false }
		b, err := os.ReadFile(filepath.Join(run, bitmap.Path(i, doc.Kept)))
		if err == nil {
			lines, err := bitmap.Read(b, 1<<32)
			if err != nil {
				return err
			}
			keeps = lines.Contains
		} else if !errors.Is(err, fs.ErrNotExist) { // a shard of which nothing was kept has none
			return err
		}
		rest := file[shard.Offset:][:shard.Length]
		for n := uint32(0); len(rest) > 0; n++ {
			end := bytes.IndexByte(rest, '\n') + 1
			if end == 0 {
				end = len(rest)
			}
			if keeps(n) {
				w.Write(rest[:end])
			} else {
				dropped = append(dropped, shard.FirstLine-1+int64(n))
			}
			rest = rest[end:]
		}
	}
	if err := errors.Join(w.Flush(), to.Close()); err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(dropped)
}
