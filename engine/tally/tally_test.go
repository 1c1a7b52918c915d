package tally

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/engine/doc"
)

// sample is a tally with awkward names.
func sample() *Tally {
	var t Tally
	t.Add([]byte("zoë"), doc.Kept, 10, 3)
	t.Add([]byte("zoë"), doc.NearDup, 12, 4)
	t.Add([]byte(""), doc.Kept, 0, 0)
	t.Add([]byte("a\"b\n<&>\x00\u2028"), doc.ExactDup, 7, 2)
	t.Add([]byte(doc.Unattributed), doc.Rejected, 0, 0)
	t.Add([]byte("Zed"), doc.Excluded, 5, 1)
	return &t
}

func many(n int) *Tally {
	var t Tally
	rng := rand.New(rand.NewPCG(1, 2))
	for range n {
		class := doc.Class(rng.UintN(uint(doc.NumClasses)))
		var size, tokens uint64
		if class != doc.Rejected {
			size, tokens = rng.Uint64N(1<<20), rng.Uint64N(1<<18)
		}
		t.Add(fmt.Appendf(nil, "contributor %d", rng.UintN(uint(n))), class, size, tokens)
	}
	return &t
}

func TestAddAndTotals(t *testing.T) {
	total := sample().Totals()
	want := doc.Counts{Documents: 6, Bytes: 34, Tokens: 10}
	if got := total.In(); got != want {
		t.Errorf("in = %+v, want %+v", got, want)
	}
	rows := sample().Rows()
	var names []string
	for _, r := range rows {
		names = append(names, r.Contributor)
	}
	if diff := cmp.Diff([]string{"", "(unattributed)", "Zed", "a\"b\n<&>\x00\u2028", "zoë"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestAddDoesNotAllocate(t *testing.T) {
	tally := sample()
	name := []byte("zoë")
	if n := testing.AllocsPerRun(1000, func() { tally.Add(name, doc.Kept, 1, 1) }); n != 0 {
		t.Errorf("%v allocations per Add of a known contributor", n)
	}
}

// Any split of the same documents over tallies merges to the same rows.
func TestMergeIsAddition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := make([]Tally, rapid.IntRange(1, 4).Draw(t, "parts"))
		var whole, merged Tally
		for range rapid.IntRange(0, 30).Draw(t, "documents") {
			name := []byte(rapid.SampledFrom([]string{"a", "b", "c", "é"}).Draw(t, "name"))
			class := doc.Class(rapid.IntRange(0, int(doc.Excluded)).Draw(t, "class"))
			size, tokens := rapid.Uint64Range(0, 1000).Draw(t, "bytes"), rapid.Uint64Range(0, 1000).Draw(t, "tokens")
			whole.Add(name, class, size, tokens)
			parts[rapid.IntRange(0, len(parts)-1).Draw(t, "part")].Add(name, class, size, tokens)
		}
		for i := range parts {
			merged.Merge(&parts[i])
		}
		if diff := cmp.Diff(whole.Rows(), merged.Rows()); diff != "" {
			t.Fatal(diff)
		}
		if _, err := merged.Checked(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestOverflowIsRejected(t *testing.T) {
	var wrapped Tally
	wrapped.Add([]byte("a"), doc.Kept, math.MaxUint64, 0)
	wrapped.Add([]byte("a"), doc.Kept, 2, 0)
	var tooLarge Tally
	tooLarge.Add([]byte("a"), doc.Kept, math.MaxInt64, 0)
	tooLarge.Add([]byte("b"), doc.NearDup, 1, 0)
	var merged Tally
	merged.Merge(&wrapped)
	for name, tally := range map[string]*Tally{"wrapped": &wrapped, "too large": &tooLarge, "merged": &merged} {
		if _, err := tally.Checked(); !errors.Is(err, ErrOverflow) {
			t.Errorf("%s: Check = %v, want ErrOverflow", name, err)
		}
	}
	if err := WriteJSONL(&bytes.Buffer{}, tooLarge.Rows()); !errors.Is(err, ErrOverflow) {
		t.Errorf("WriteJSONL = %v, want ErrOverflow", err)
	}
}

func TestRejectedLinesHaveNoBytes(t *testing.T) {
	var tally Tally
	tally.Add([]byte("a"), doc.Rejected, 1, 0)
	if _, err := tally.Checked(); err == nil {
		t.Error("a rejected line with bytes was accepted")
	}
}

func TestRoundTrips(t *testing.T) {
	for name, tally := range map[string]*Tally{"empty": {}, "sample": sample(), "many": many(5000)} {
		rows := tally.Rows()
		var j, p bytes.Buffer
		if err := WriteJSONL(&j, rows); err != nil {
			t.Fatal(err)
		}
		if err := WriteParquet(&p, rows, "abc"); err != nil {
			t.Fatal(err)
		}
		fromJSONL, err := ReadJSONL(&j)
		if err != nil {
			t.Fatal(err)
		}
		fromParquet, tokenizer, err := ReadParquet(bytes.NewReader(p.Bytes()), int64(p.Len()))
		if err != nil {
			t.Fatal(err)
		}
		if tokenizer != "abc" {
			t.Errorf("%s: tokenizer %q", name, tokenizer)
		}
		if len(rows) == 0 {
			rows = nil
		}
		if diff := cmp.Diff(rows, fromJSONL); diff != "" {
			t.Errorf("%s: jsonl: %s", name, diff)
		}
		if diff := cmp.Diff(rows, fromParquet); diff != "" {
			t.Errorf("%s: parquet: %s", name, diff)
		}
	}
}

// The same rows give the same bytes, whatever the encoder did before, and the
// same on every machine and under the tag purego: hence the digests.
func TestBytesAreFixed(t *testing.T) {
	digest := func(rows []Row) string {
		h := sha256.New()
		if err := WriteParquet(h, rows, "abc"); err != nil {
			t.Fatal(err)
		}
		if err := WriteJSONL(h, rows); err != nil {
			t.Fatal(err)
		}
		return hex.EncodeToString(h.Sum(nil))
	}
	small, large := sample().Rows(), many(20000).Rows()
	for range 3 {
		if got, want := digest(small), "3b10c1cd0b1104995d6ce08f56cc165e820429b8981a95c42d68da850dc2e5f5"; got != want {
			t.Errorf("sample: digest %s, want %s", got, want)
		}
		if got, want := digest(large), "885fa1d42a1f79ad7d5874791d2846e16e3240514e720b7d51b7cd864fccb68b"; got != want {
			t.Errorf("many: digest %s, want %s", got, want)
		}
	}
}

func TestJSONLForm(t *testing.T) {
	var b bytes.Buffer
	if err := WriteJSONL(&b, sample().Rows()[4:]); err != nil {
		t.Fatal(err)
	}
	zero := `{"documents":0,"bytes":0,"tokens":0}`
	want := `{"contributor":"zoë","in":{"documents":2,"bytes":22,"tokens":7},"kept":{"documents":1,"bytes":10,"tokens":3},"exact_dup":` + zero +
		`,"near_dup":{"documents":1,"bytes":12,"tokens":4},"excluded":` + zero + `,"rejected":` + zero + "}\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestReadJSONLRefuses(t *testing.T) {
	var b bytes.Buffer
	if err := WriteJSONL(&b, sample().Rows()); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(b.String(), "\n")[:5]
	good := strings.Join(lines, "")
	for name, bad := range map[string]string{
		"unsorted":        lines[1] + lines[0],
		"twice":           lines[0] + lines[0],
		"no last newline": strings.TrimSuffix(good, "\n"),
		"half a line":     good[:len(good)-20],
		"blank line":      lines[0] + "\n" + lines[1],
		"not conserved":   strings.Replace(good, `"bytes":10`, `"bytes":11`, 1),
		"unknown field":   strings.Replace(good, `{"contributor":"zoë"`, `{"x":1,"contributor":"zoë"`, 1),
		"repeated key":    strings.Replace(good, `{"contributor":"zoë"`, `{"contributor":"z","contributor":"zoë"`, 1),
		"other case":      strings.Replace(good, `"kept"`, `"Kept"`, 1),
		"space":           strings.Replace(good, `"kept":`, `"kept": `, 1),
		"missing class":   strings.Replace(good, `"excluded":{"documents":0,"bytes":0,"tokens":0},`, ``, 1),
		"negative":        strings.Replace(good, `"documents":1`, `"documents":-1`, 1),
		"too large":       strings.Replace(good, `"documents":1`, `"documents":18446744073709551616`, 1),
		"rejected bytes":  strings.Replace(strings.Replace(lines[1], `"in":{"documents":1,"bytes":0`, `"in":{"documents":1,"bytes":5`, 1), `"rejected":{"documents":1,"bytes":0`, `"rejected":{"documents":1,"bytes":5`, 1),
		"not json":        "tally\n",
		"sum wraps around": `{"contributor":"w","in":{"documents":0,"bytes":0,"tokens":0},"kept":{"documents":18446744073709551615,"bytes":0,"tokens":0},` +
			`"exact_dup":{"documents":1,"bytes":0,"tokens":0},"near_dup":{"documents":0,"bytes":0,"tokens":0},"excluded":{"documents":0,"bytes":0,"tokens":0},"rejected":{"documents":0,"bytes":0,"tokens":0}}` + "\n",
	} {
		if bad == good {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := ReadJSONL(strings.NewReader(bad)); !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
	}
}

// No damaged byte makes the reader panic, and none changes a figure unnoticed:
// at worst the rows are equal.
func TestReadParquetOfDamagedFiles(t *testing.T) {
	rows := many(50).Rows()
	var b bytes.Buffer
	if err := WriteParquet(&b, rows, "abc"); err != nil {
		t.Fatal(err)
	}
	damaged := make([]byte, b.Len())
	for i := 0; i < len(damaged); i += 83 {
		copy(damaged, b.Bytes())
		damaged[i] ^= 0x40
		got, _, err := ReadParquet(bytes.NewReader(damaged), int64(len(damaged)))
		if err != nil && !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("byte %d: %v, want ErrCorrupt", i, err)
		}
		if err == nil && !cmp.Equal(got, rows) {
			t.Errorf("byte %d: damage went unnoticed", i)
		}
	}
	for n := 0; n < b.Len(); n += 397 {
		if _, _, err := ReadParquet(bytes.NewReader(b.Bytes()[:n]), int64(n)); !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("first %d bytes: %v, want ErrCorrupt", n, err)
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	tally := many(1000)
	name := []byte(tally.Rows()[500].Contributor)
	b.ReportAllocs()
	for b.Loop() {
		tally.Add(name, doc.Kept, 1000, 250)
	}
}

// TestJSONLOfAnyName compares the lines that are appended with those that
// encoding/json makes.
func TestJSONLOfAnyName(t *testing.T) {
	for _, name := range []string{"", "Ann", "dhrl****", "한국", `a"b`, `a\b`, "<&>", "\x00", "\n", "\x7f", "\u2028", "€", "\U0001F600"} {
		r := Row{Contributor: name}
		for class := range r.Class {
			n := uint64(class)
			r.Class[class] = doc.Counts{Documents: n, Bytes: 1000 * n, Tokens: math.MaxInt64 / 8 * n}
		}
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(toJSON(&r, nil)); err != nil {
			t.Fatal(err)
		}
		if got, ok := appendPlain(nil, &r); ok && string(got) != want.String() {
			t.Errorf("%q: %s, want %s", name, got, want.String())
		}
	}
	if _, ok := appendPlain(nil, &Row{Contributor: "Ann"}); !ok {
		t.Error("an ordinary row is left to encoding/json")
	}
}

// TestOrderOfRows adds names in several orders.
func TestOrderOfRows(t *testing.T) {
	var names []string
	for i := range 3 * blockRows {
		names = append(names, fmt.Sprintf("%c%0*d", 'a'+i%3, 5+i%7, i))
	}
	names = append(names, "", "a", "a\x00", "a\x00\x00", "aaaaaaaa", "aaaaaaaab", "aaaaaaaa\x00", "ÿ", "ÿÿÿÿÿ")
	slices.Sort(names)
	for _, swap := range []int{0, 1, len(names) - 1} {
		var added, whole Tally
		order := slices.Clone(names)
		order[0], order[swap] = order[swap], order[0]
		for _, n := range append(order, order[0]) {
			added.Add([]byte(n), doc.Kept, 1, 1)
			var one Tally
			one.Add([]byte(n), doc.Kept, 1, 1)
			whole.Merge(&one)
		}
		rows, err := added.Checked()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(rows, whole.Rows()); diff != "" {
			t.Errorf("swapped %d: %s", swap, diff)
		}
		for i, r := range rows {
			if want := uint64(1); r.Contributor != names[i] || r.Contributor != order[0] && r.Class[doc.Kept].Documents != want {
				t.Fatalf("swapped %d: row %d is %+v, want that of %q", swap, i, r, names[i])
			}
		}
	}
}

// FuzzRead: whatever the bytes, the readers end with rows that may be written, or with
// doc.ErrCorrupt.
func FuzzRead(f *testing.F) {
	var table, lines bytes.Buffer
	if err := WriteParquet(&table, sample().Rows(), "digest"); err != nil {
		f.Fatal(err)
	}
	if err := WriteJSONL(&lines, sample().Rows()); err != nil {
		f.Fatal(err)
	}
	f.Add(table.Bytes(), lines.Bytes())
	f.Fuzz(func(t *testing.T, table, lines []byte) {
		rows, _, err := ReadParquet(bytes.NewReader(table), int64(len(table)))
		if err != nil && !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("parquet: %v", err)
		}
		if err == nil && Check(rows) != nil {
			t.Errorf("parquet: rows that may not be written: %v", Check(rows))
		}
		rows, err = ReadJSONL(bytes.NewReader(lines))
		if err != nil && !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("lines: %v", err)
		}
		var again bytes.Buffer
		if err == nil && (WriteJSONL(&again, rows) != nil || !bytes.Equal(again.Bytes(), lines)) {
			t.Errorf("lines: %q, written as %q", lines, again.Bytes())
		}
	})
}
