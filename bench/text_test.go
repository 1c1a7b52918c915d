package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/tallystick/tallystick/engine/corpus"
)

const (
	bundledCorpus = "../testdata/corpus"
	sharedData    = "../../shared/data" // beside the repository, where there is one

	bundledName = "bundled"
	noShared    = "NOTICE: skipped: the reference data is not here (want the folder shared/data beside the repository)"
)

// How much of a corpus is read, in bytes of its lines or of its documents'
// texts: whole lines and documents up to that. The slow rival reads less.
const (
	lineBytes     = 20_000_000 // JSONL, whole run
	documentBytes = 5_000_000  // counting, MinHash
	slowBytes     = 300_000    // counting by Hugging Face
	maxLine       = 256 << 20
)

// text is a corpus to measure on. Loading is lazy, so that one benchmark does
// not pay for the corpora of others.
type text struct {
	name      string
	source    string // file or folder
	skip      string // why it cannot be read here, or empty
	lines     func() ([]byte, error)
	documents func() ([][]byte, error)
	path      func() (string, error)
}

// texts are the bundled corpus (all its files as one) and the heads of five
// unlike ones: revisions, prose, code, Chinese, and tiny Korean documents.
var texts = []*text{
	newText(bundledName, bundledCorpus),
	newText("en-peps-history", sharedCorpus("en-peps-history")),
	newText("en-eltec-novels", sharedCorpus("en-eltec-novels")),
	newText("code-c-linux-sample", sharedCorpus("code-c-linux-sample")),
	newText("zh-lctt-published", sharedCorpus("zh-lctt-published")),
	newText("ko-nsmc-reviews-300k", sharedCorpus("ko-nsmc-reviews-300k")),
}

func sharedCorpus(name string) string {
	return filepath.Join(sharedData, "corpora", name+".jsonl.zst")
}

func newText(name, source string) *text {
	t := &text{name: name, source: source}
	if _, err := os.Stat(source); err != nil {
		t.skip = noShared
	}
	t.lines = sync.OnceValues(func() ([]byte, error) { return readLines(source, lineBytes) })
	t.documents = sync.OnceValues(func() ([][]byte, error) {
		lines, err := t.lines()
		if err != nil {
			return nil, err
		}
		return decode(lines, documentBytes)
	})
	t.path = sync.OnceValues(func() (string, error) {
		lines, err := t.lines()
		if err != nil {
			return "", err
		}
		path := filepath.Join(tempDir, name+".jsonl")
		return path, os.WriteFile(path, lines, 0o666)
	})
	return t
}

// readLines returns the lines of a file or folder, each with its line feed.
func readLines(source string, limit int) ([]byte, error) {
	paths, err := corpus.Expand(context.Background(), []string{source})
	if err != nil {
		return nil, err
	}
	files, shards, err := corpus.Plan(context.Background(), paths, corpus.PlanOptions{ShardSize: 1 << 40, SkipDigest: true})
	if err != nil {
		return nil, err
	}
	var lines []byte
	for _, s := range shards {
		r, err := corpus.Open(context.Background(), files[s.File], s, maxLine)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		var line corpus.Line
		for {
			if err := r.Next(&line); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, err
			}
			if len(lines)+len(line.Data) >= limit {
				return lines, nil
			}
			lines = append(append(lines, line.Data...), '\n')
		}
	}
	return lines, nil
}

// decode returns the texts of lines.
func decode(lines []byte, limit int) ([][]byte, error) {
	var docs [][]byte
	size := 0
	for line := range bytes.Lines(lines) {
		var d struct{ Text string }
		if err := json.Unmarshal(line, &d); err != nil {
			return nil, fmt.Errorf("line %d: %w", len(docs)+1, err)
		}
		if size += len(d.Text); size > limit {
			break
		}
		docs = append(docs, []byte(d.Text))
	}
	return docs, nil
}

// head returns the first documents, of together no more than limit bytes.
func head(docs [][]byte, limit int) [][]byte {
	size := 0
	for i, d := range docs {
		if size += len(d); size > limit {
			return docs[:i]
		}
	}
	return docs
}

func totalBytes(docs [][]byte) int64 {
	var n int64
	for _, d := range docs {
		n += int64(len(d))
	}
	return n
}
