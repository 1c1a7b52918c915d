package decision

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

var meta = Meta{RunID: "run", TokenizerSHA256: "digest"}

func rows(n int) []Row {
	out := make([]Row, n)
	for i := range out {
		r := Row{
			Shard: 3, Line: int64(10 + 2*i), Offset: int64(1000 * i), ID: fmt.Sprint("doc/", i), Contributor: "zoë",
			Bytes: int64(i * 31), Tokens: int64(i * 7),
			WitnessShard: int32(i % 4), WitnessLine: int64(1 + 2*i), WitnessID: "w", WitnessContributor: "ann",
		}
		if i%3 == 0 {
			r.Class, r.Jaccard = doc.ExactDup.String(), 1
		} else {
			r.Class, r.SharedBuckets = doc.NearDup.String(), int32(1+i%16)
			r.SetScore(int64(i+7), int64(i+8))
		}
		out[i] = r
	}
	return out
}

func encode(t *testing.T, rows []Row) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b, 3, meta)
	for _, r := range rows {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func decode(data []byte) ([]Row, Meta, error) {
	r, err := NewReader(bytes.NewReader(data), int64(len(data)), 3)
	if err != nil {
		return nil, Meta{}, err
	}
	var out []Row
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out, r.Meta(), nil
		}
		if err != nil {
			return nil, Meta{}, err
		}
		out = append(out, *row)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 1023, 1024, 1025, 65_537} {
		want := rows(n)
		data := encode(t, want)
		got, m, err := decode(data)
		if err != nil {
			t.Fatalf("%d rows: %v", n, err)
		}
		if m != meta {
			t.Errorf("%d rows: meta %+v", n, m)
		}
		if len(got) != n {
			t.Fatalf("%d rows: read %d", n, len(got))
		}
		for i := range got {
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Fatalf("%d rows: row %d: %s", n, i+1, cmp.Diff(want[i], got[i]))
			}
		}
	}
}

// Further tokenizers have columns after the others, and a reader that expects
// other ones refuses the file.
func TestFurtherTokenizers(t *testing.T) {
	llama, qwen := plan.Tokenizer{Label: "llama3", SHA256: "l"}, plan.Tokenizer{Label: "Qwen2.5", SHA256: "q"}
	want := rows(70)
	var b bytes.Buffer
	w := NewWriter(&b, 3, meta, llama, qwen)
	for i := range want {
		want[i].Further = []int64{int64(2 * i), int64(i)}
		if err := w.Write(want[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	open := func(further ...plan.Tokenizer) (*Reader, error) {
		return NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()), 3, further...)
	}
	r, err := open(llama, qwen)
	if err != nil {
		t.Fatal(err)
	}
	var got []Row
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, *row)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, other := range [][]plan.Tokenizer{nil, {llama}, {qwen, llama}} {
		if _, err := open(other...); !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("%v: %v, want ErrCorrupt", other, err)
		}
	}
	bad := want[0]
	bad.Further = []int64{-1, 0}
	if err := NewWriter(io.Discard, 3, meta, llama, qwen).Write(bad); err == nil {
		t.Error("a negative count was written")
	}
}

// The same rows give the same bytes, whatever the encoder did before, and the
// same on every machine and under the tag purego: hence the digest.
func TestBytesAreFixed(t *testing.T) {
	for range 2 {
		for n, want := range map[int]string{
			0:    "e00a9d840282b80ac618053d6ceef53c02c5bb6b267a55fe041870528795990c",
			2500: "8d24682ff336467baa85a852bb88923ed00f6dfddebde7ccfae4752df7db2ff9",
		} {
			if got := fmt.Sprintf("%x", sha256.Sum256(encode(t, rows(n)))); got != want {
				t.Errorf("%d rows: digest %s, want %s", n, got, want)
			}
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	for name, change := range map[string]func(r *Row){
		"other shard":          func(r *Row) { r.Shard = 4 },
		"line not ascending":   func(r *Row) { r.Line = 10 },
		"line zero":            func(r *Row) { r.Line = 0 },
		"own witness":          func(r *Row) { r.WitnessShard, r.WitnessLine = r.Shard, r.Line },
		"kept":                 func(r *Row) { r.Class = "kept" },
		"jaccard off by a bit": func(r *Row) { r.Jaccard += 1e-15 },
		"overlap over union":   func(r *Row) { r.SetScore(9, 8) },
		"no overlap":           func(r *Row) { r.SetScore(0, 8) },
		"no shared bucket":     func(r *Row) { r.SharedBuckets = 0 },
		"negative tokens":      func(r *Row) { r.Tokens = -1 },
		"exact with a score":   func(r *Row) { r.Class, r.SharedBuckets = "exact_dup", 0 },
		"invalid UTF-8":        func(r *Row) { r.ID = "\xff" },
	} {
		w := NewWriter(io.Discard, 3, meta)
		two := rows(2)
		if err := w.Write(two[0]); err != nil {
			t.Fatal(err)
		}
		change(&two[1])
		if err := w.Write(two[1]); err == nil {
			t.Errorf("%s: written", name)
		} else if !strings.Contains(err.Error(), "row 2") {
			t.Errorf("%s: %v does not name the row", name, err)
		}
	}
}

func TestReadOfDamagedFiles(t *testing.T) {
	want := rows(40)
	good := encode(t, want)
	if _, err := NewReader(bytes.NewReader(good), int64(len(good)), 3); err != nil {
		t.Fatal(err)
	}
	damaged := make([]byte, len(good))
	for i := 0; i < len(good); i += 59 {
		copy(damaged, good)
		damaged[i] ^= 0x20
		got, _, err := decode(damaged)
		if err != nil && !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("byte %d: %v, want ErrCorrupt", i, err)
		}
		if err == nil && !cmp.Equal(got, want) {
			t.Errorf("byte %d: damage went unnoticed", i)
		}
	}
}

func rejects() []Reject {
	return []Reject{
		{File: "a <b> & c.jsonl", Shard: 0, Line: 3, Offset: 100, Column: 7, Reason: doc.InvalidJSON, Contributor: doc.Unattributed},
		{File: "a <b> & c.jsonl", Shard: 0, Line: 4, Offset: 120, Column: 0, Reason: doc.LineTooLong, Contributor: doc.Unattributed},
		{File: "b.jsonl", Shard: 1, Line: 1, Offset: 0, Column: 12, Reason: doc.TextMissing, Contributor: "zoë"},
	}
}

func encodeRejects(t *testing.T, records []Reject) string {
	t.Helper()
	var b strings.Builder
	w := NewRejectWriter(&b)
	for _, r := range records {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func decodeRejects(s string) ([]Reject, error) {
	r := NewRejectReader(strings.NewReader(s))
	var out []Reject
	for {
		record, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, record)
	}
}

func TestRejectsRoundTrip(t *testing.T) {
	encoded := encodeRejects(t, rejects())
	first := `{"file":"a <b> & c.jsonl","shard":0,"line":3,"offset":100,"column":7,"reason":"invalid_json","contributor":"(unattributed)"}` + "\n"
	if !strings.HasPrefix(encoded, first) {
		t.Errorf("got %s", encoded)
	}
	got, err := decodeRejects(encoded)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rejects(), got); diff != "" {
		t.Error(diff)
	}
	if got, err := decodeRejects(""); err != nil || got != nil {
		t.Errorf("empty file: %v, %v", got, err)
	}
}

func TestRejectsRefused(t *testing.T) {
	good := encodeRejects(t, rejects())
	lines := strings.SplitAfter(good, "\n")
	for name, bad := range map[string]string{
		"out of order":    lines[1] + lines[0],
		"twice":           lines[0] + lines[0],
		"no reason":       strings.Replace(good, `"invalid_json"`, `""`, 1),
		"line zero":       strings.Replace(good, `"line":3`, `"line":0`, 1),
		"no last newline": strings.TrimSuffix(good, "\n"),
		"blank line":      "\n" + good,
		"unknown key":     strings.Replace(good, `{"file"`, `{"x":1,"file"`, 1),
		"truncated":       good[:len(good)-30],
	} {
		if bad == good {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := decodeRejects(bad); !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
	}
	w := NewRejectWriter(io.Discard)
	if err := w.Write(Reject{Line: 1}); err == nil {
		t.Error("a record without reason was written")
	}
}

// FuzzRead: whatever the bytes, the readers end with rows that may be written, or with
// doc.ErrCorrupt.
func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	w := NewWriter(&b, 3, meta)
	for _, r := range rows(20) {
		if err := w.Write(r); err != nil {
			f.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes(), "")
	f.Add([]byte("PAR1PAR1"), `{"file":"a","shard":0,"line":3,"offset":100,"column":7,"reason":"invalid_json","contributor":"b"}`+"\n")
	f.Fuzz(func(t *testing.T, table []byte, lines string) {
		got, _, err := decode(table)
		if err != nil && !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("rows: %v", err)
		}
		for i := range got {
			if err := got[i].Check(); err != nil {
				t.Errorf("row %d: %v", i+1, err)
			}
		}
		records, err := decodeRejects(lines)
		if err != nil && !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("rejects: %v", err)
		}
		if err == nil {
			var b strings.Builder
			w := NewRejectWriter(&b)
			for _, r := range records {
				if err := w.Write(r); err != nil {
					t.Error(err)
				}
			}
			if err := w.Close(); err != nil || b.String() != lines {
				t.Errorf("written as %q, %v", b.String(), err)
			}
		}
	})
}
