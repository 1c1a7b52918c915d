package tally

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

var further = []plan.Tokenizer{{Label: "qwen2.5", SHA256: "q"}, {Label: "llama3", SHA256: "l"}}

// twoMore is a tally by three tokenizers.
func twoMore() *Tally {
	t := &Tally{Further: 2}
	t.Add([]byte("zoë"), doc.Kept, 10, 3, 4, 5)
	t.Add([]byte("zoë"), doc.NearDup, 12, 4, 6, 7)
	t.Add([]byte("zoë"), doc.Kept, 20, 5, 8, 9)
	t.Add([]byte("ann"), doc.ExactDup, 7, 2, 0, 1)
	t.Add([]byte(doc.Unattributed), doc.Rejected, 0, 0)
	return t
}

func TestFurtherTokenizersAddUp(t *testing.T) {
	sum := &Tally{Further: 2}
	sum.Merge(twoMore())
	sum.Merge(twoMore())
	total := sum.Totals()
	if got := []uint64{total.Further[0].In(), total.Further[1].In()}; got[0] != 36 || got[1] != 44 {
		t.Errorf("in = %v, want 36 and 44", got)
	}
	if got := total.Further[1][doc.Kept]; got != 28 {
		t.Errorf("kept by the second = %d, want 28", got)
	}
	rows := sum.Rows()
	sum.Merge(twoMore())
	if got := rows[len(rows)-1].Further[0][doc.NearDup]; got != 12 {
		t.Errorf("rows changed with the tally: %d", got)
	}
}

func TestFurtherTokenizersRoundTrip(t *testing.T) {
	rows := twoMore().Rows()
	var j, p bytes.Buffer
	if err := WriteJSONL(&j, rows, further...); err != nil {
		t.Fatal(err)
	}
	if err := WriteParquet(&p, rows, "abc", further...); err != nil {
		t.Fatal(err)
	}
	fromJSONL, err := ReadJSONL(bytes.NewReader(j.Bytes()), further...)
	if err != nil {
		t.Fatal(err)
	}
	fromParquet, _, err := ReadParquet(bytes.NewReader(p.Bytes()), int64(p.Len()), further...)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rows, fromJSONL); diff != "" {
		t.Errorf("jsonl: %s", diff)
	}
	if diff := cmp.Diff(rows, fromParquet); diff != "" {
		t.Errorf("parquet: %s", diff)
	}
	want := `"further_tokens":{"llama3":{"in":21,"kept":14,"exact_dup":0,"near_dup":7,"excluded":0,"rejected":0},` +
		`"qwen2.5":{"in":18,"kept":12,"exact_dup":0,"near_dup":6,"excluded":0,"rejected":0}}}` + "\n"
	if !strings.HasSuffix(j.String(), want) {
		t.Errorf("%s does not end in %s", j.String(), want)
	}

	for name, others := range map[string][]plan.Tokenizer{
		"none": nil, "one": further[:1], "other names": {{Label: "qwen2.5"}, {Label: "llama2"}},
	} {
		if _, err := ReadJSONL(bytes.NewReader(j.Bytes()), others...); !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("%s: jsonl: %v, want ErrCorrupt", name, err)
		}
		if _, _, err := ReadParquet(bytes.NewReader(p.Bytes()), int64(p.Len()), others...); !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("%s: parquet: %v, want ErrCorrupt", name, err)
		}
	}
	for _, change := range []string{`"in":22`, `"in":20`} {
		bad := strings.Replace(j.String(), `"in":21`, change, 1)
		if _, err := ReadJSONL(strings.NewReader(bad), further...); !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("not conserved: %v, want ErrCorrupt", err)
		}
	}
}

func TestFurtherTokenizersAreChecked(t *testing.T) {
	tooMany := &Tally{Further: 1}
	tooMany.Add([]byte("a"), doc.Kept, 1, 1, math.MaxInt64)
	tooMany.Add([]byte("b"), doc.Kept, 1, 1, 1)
	wrapped := &Tally{Further: 1}
	wrapped.Add([]byte("a"), doc.Kept, 1, 1, math.MaxUint64)
	wrapped.Add([]byte("a"), doc.Kept, 1, 1, 1)
	rejected := &Tally{Further: 1}
	rejected.Add([]byte("a"), doc.Rejected, 0, 0, 1)
	for name, tally := range map[string]*Tally{"too many": tooMany, "wrapped": wrapped, "rejected": rejected} {
		if _, err := tally.Checked(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	mixed := append(twoMore().Rows()[:1], many(3).Rows()...)
	if Check(mixed) == nil {
		t.Error("rows of one and of three tokenizers: accepted")
	}
}
