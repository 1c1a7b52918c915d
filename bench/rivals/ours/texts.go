package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// makeTexts writes a file of documents, of about limit bytes of text, for each
// name=corpus.
func makeTexts(folder string, limit int64, out string, specs []string) error {
	for _, spec := range specs {
		name, corpus, ok := strings.Cut(spec, "=")
		if !ok {
			return fmt.Errorf("text %q: want NAME=CORPUS", spec)
		}
		docs, err := readCorpus(filepath.Join(folder, corpus+".jsonl.zst"))
		if err != nil {
			return err
		}
		if err := writeDocuments(filepath.Join(out, name+".docs"), spread(docs, limit)); err != nil {
			return err
		}
	}
	return nil
}

// spread returns documents from all over the corpus, of about limit bytes
// together; all of them if they have no more. The head of a corpus would be
// one folder of a source tree or one author.
func spread(docs [][]byte, limit int64) [][]byte {
	var total int64
	for _, d := range docs {
		total += int64(len(d))
	}
	if total <= limit {
		return docs
	}
	share := float64(limit) / float64(total)
	var kept [][]byte
	credit := 0.0
	for _, d := range docs {
		size := float64(len(d))
		if credit += size * share; credit >= size/2 {
			credit -= size
			kept = append(kept, d)
		}
	}
	return kept
}

// readCorpus returns the texts of a compressed JSONL file.
func readCorpus(path string) ([][]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	zr, err := zstd.NewReader(f, zstd.WithDecoderMaxWindow(128<<20))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer zr.Close()
	var docs [][]byte
	lines := json.NewDecoder(zr)
	for {
		var line struct {
			Text string `json:"text"`
		}
		if err := lines.Decode(&line); errors.Is(err, io.EOF) {
			return docs, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		docs = append(docs, []byte(line.Text))
	}
}

// writeDocuments makes the file at once: another run may be looking for it.
func writeDocuments(path string, docs [][]byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "part-*")
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for _, d := range docs {
		var size [4]byte
		binary.LittleEndian.PutUint32(size[:], uint32(len(d)))
		w.Write(size[:]) // errors come back from Flush
		w.Write(d)
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func readDocuments(path string) ([][]byte, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var docs [][]byte
	for len(file) > 0 {
		if len(file) < 4 {
			return nil, fmt.Errorf("%s: cut off", path)
		}
		size := int(binary.LittleEndian.Uint32(file))
		if file = file[4:]; size > len(file) {
			return nil, fmt.Errorf("%s: cut off", path)
		}
		docs = append(docs, file[:size])
		file = file[size:]
	}
	return docs, nil
}

func unpack(path, out string) error {
	compressed, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	zr, err := zstd.NewReader(nil, zstd.WithDecoderMaxWindow(128<<20))
	if err != nil {
		return err
	}
	defer zr.Close()
	content, err := zr.DecodeAll(compressed, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(out, content, 0o666)
}
