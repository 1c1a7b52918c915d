package automaton

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"

	"github.com/tallystick/tallystick/engine/doc"
)

var caseFile = flag.String("cases", "testdata/cases.jsonl.zst", "what Hugging Face makes of expressions, written by _gen/cases.py")

// cut returns the pieces of a text.
func cut(p *Pieces, text string) (pieces []string) {
	p.Start([]byte(text))
	for piece, ok := p.Next(); ok; piece, ok = p.Next() {
		pieces = append(pieces, string(piece))
	}
	return pieces
}

// shrink makes as little known at a time as can be.
func (p *Pieces) shrink() {
	for _, s := range p.steps {
		if s.m != nil {
			s.m.block, s.m.limit = utf8.UTFMax, 3
		}
	}
}

// Everything that is not refused is cut as Hugging Face tokenizers 0.22.2 does.
func TestCases(t *testing.T) {
	file, err := os.Open(*caseFile)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var r io.Reader = file
	if strings.HasSuffix(*caseFile, ".zst") {
		z, err := zstd.NewReader(file)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		r = z
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	var config string
	var splitter *Splitter
	refusals := map[string]int{}
	total, refused, failed := 0, 0, 0
	for lines.Scan() && failed < 20 {
		var raw json.RawMessage
		var text string
		var want []string
		if err := json.Unmarshal(lines.Bytes(), &[]any{&raw, &text, &want}); err != nil {
			t.Fatal(err)
		}
		total++
		if string(raw) != config || total == 1 {
			config = string(raw)
			splitter, err = NewSplitter(raw)
			if err != nil && !errors.Is(err, doc.ErrUnsupported) {
				t.Errorf("%s: %v", raw, err)
			}
		}
		if err != nil {
			refused++
			refusals[err.Error()[strings.LastIndex(err.Error(), ": ")+2:]]++
			continue
		}
		pieces := splitter.Pieces()
		if total%2 == 0 { // the less that is known at a time, the more edges there are
			pieces.shrink()
		}
		if got := cut(pieces, text); !slices.Equal(got, want) {
			failed++
			t.Errorf("%s\n%+q:\n got %+q\nwant %+q", raw, text, got, want)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d cases, %d refused: %v", total, refused, refusals)
	if refused*4 > total {
		t.Error("too many are refused to tell anything")
	}
}
