package count

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/progress"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/request/requesttest"
)

// notices collects what a user is told.
type notices struct{ texts []string }

func (*notices) Start(string, int64, string) {}
func (*notices) Add(int64)                   {}
func (*notices) End(progress.Timing)         {}
func (n *notices) Notice(text string)        { n.texts = append(n.texts, text) }

// countIn counts in a folder and returns label and tokens of each document.
func countIn(t *testing.T, kind InputKind, inputs ...string) (counts []string, told []string, err error) {
	t.Helper()
	var p notices
	m := request.Means{Engine: "native", Parser: "native", Workers: 3, Progress: &p}
	tokenizers, err := request.OpenTokenizers([]string{"gpt2"}, "match", m)
	if err != nil {
		t.Fatal(err)
	}
	err = Each(t.Context(), requesttest.Rules(inputs...), m, tokenizers.Counters, kind, t.TempDir(), func(batch []Counted) error {
		for i := range batch {
			counts = append(counts, fmt.Sprintf("%s %d", filepath.Base(batch[i].Label()), batch[i].Counts.Tokens))
		}
		return nil
	})
	return counts, p.texts, err
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// In a folder only texts count; a file that is named counts whatever it is, or
// is refused by the name of its format.
func TestCountTellsTextsFromOthers(t *testing.T) {
	dir := requesttest.Folder(t, map[string]string{
		"a.txt":       "Hello world",
		"b.txt.gz":    zipped(t, "Hello world, hello"),
		"c.png":       "\x89PNG\x00\x01",
		"d.zip":       "PK\x03\x04 and so on",
		"latin1.txt":  "caf\xe9",
		".git/config": "hidden",
		"sub/e":       "Hello",
	})
	counts, told, err := countIn(t, InputAuto, dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a.txt 2", "b.txt.gz 4", "latin1.txt 3", "e 1"}, counts); diff != "" {
		t.Error(diff)
	}
	if text := strings.Join(told, "\n"); !strings.Contains(text, "left out 2 files that are not text") ||
		!strings.Contains(text, "latin1.txt is not UTF-8: what is not counts as U+FFFD") {
		t.Errorf("told %q", text)
	}

	counts, told, err = countIn(t, InputAuto, filepath.Join(dir, "c.png"))
	if err != nil || len(counts) != 1 || len(told) != 1 {
		t.Errorf("a file that is named: %q, %q, %v", counts, told, err)
	}
	if _, _, err = countIn(t, InputAuto, filepath.Join(dir, "d.zip")); !errors.Is(err, doc.ErrInput) || !strings.Contains(err.Error(), "zip data") {
		t.Errorf("zip: %v", err)
	}
	cut := filepath.Join(requesttest.Folder(t, map[string]string{"cut.gz": zipped(t, "Hello world")[:20]}), "cut.gz")
	if _, _, err = countIn(t, InputAuto, cut); !errors.Is(err, doc.ErrInput) {
		t.Errorf("a stream that is cut: %v", err)
	}
}

// A text of 2 GiB is refused at once, by its size.
func TestCountRefusesHugeTexts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "huge.txt")
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, maxText+1); err != nil {
		t.Skip("no sparse files here")
	}
	if _, _, err := countIn(t, InputAuto, path); !errors.Is(err, doc.ErrInput) || !strings.Contains(err.Error(), "longer than 2 GiB") {
		t.Errorf("%v", err)
	}
}

// Inputs of all kinds come out in the order given, whatever takes longer.
func TestCountKeepsOrder(t *testing.T) {
	files := map[string]string{}
	var inputs, want []string
	for i := range 60 {
		if i%3 == 0 {
			name := fmt.Sprintf("%02d.jsonl", i)
			files[name] = strings.Repeat(fmt.Sprintf("{\"id\":\"doc%d\",\"text\":\"one two\"}\n", i), 700)
			for range 700 {
				want = append(want, fmt.Sprintf("doc%d 2", i))
			}
			inputs = append(inputs, name)
			continue
		}
		name := fmt.Sprintf("%02d.txt", i)
		files[name] = strings.Repeat(" word", (60-i)*100)
		want = append(want, fmt.Sprintf("%s %d", name, (60-i)*100))
		inputs = append(inputs, name)
	}
	dir := requesttest.Folder(t, files)
	for i := range inputs {
		inputs[i] = filepath.Join(dir, inputs[i])
	}
	got, _, err := countIn(t, InputAuto, inputs...)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
