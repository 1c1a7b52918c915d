package pay

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/doc"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

const (
	goldenDir  = "../../testdata/pay"
	schemaPath = "../../docs/schema/pay.schema.json"
)

// goldenStatement has every kind of row and names that attack each format.
func goldenStatement(t testing.TB) Statement {
	rows := []Entitlement{
		{"Ada Lovelace", 130_000, nil},
		{"=HYPERLINK(\"http://evil.example\",\"Ada\")", 7, nil},
		{"'quoted'", 11, nil},
		{"comma, quote \" and\r\nline end", 13, nil},
		{"\u202eoverride\x1b[31m", 17, nil},
		{"山田 太郎", 2_000_000, nil},
		{"a name that is far too long to fit into a column of anybody's terminal", 19, nil},
		{"nothing kept", 0, nil},
		{doc.Unattributed, 70_000, nil},
		{Remainder, 23, nil},
		{"the rest", 297_799_910, nil},
	}
	first := compute(t, rows, Options{Pool: "500000", Currency: "USD", Share: "20%", Minimum: "25", RunID: "first"})
	rows[7].Tokens = 300_000
	return compute(t, rows[:9], Options{
		Pool: "500000", Currency: "USD", Share: "20%", Minimum: "25", RunID: "second", CarryIn: roundTrip(t, first),
	})
}

func TestGoldenFiles(t *testing.T) {
	s := goldenStatement(t)
	for name, write := range map[string]func(*bytes.Buffer) error{
		"statement.jsonl": func(b *bytes.Buffer) error { return WriteJSONL(b, s) },
		"statement.csv":   func(b *bytes.Buffer) error { return WriteCSV(b, s) },
		"statement.txt":   func(b *bytes.Buffer) error { return WriteTable(b, s, 0) },
		"top3.txt":        func(b *bytes.Buffer) error { return WriteTable(b, s, 3) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(goldenDir, name)
		if *rewrite {
			if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), b.String()); diff != "" {
			t.Errorf("%s (-want +got; rewrite with -rewrite):\n%s", name, diff)
		}
	}
}

// Another CSV reader finds every name again, and no cell that a spreadsheet
// would run.
func TestCSV(t *testing.T) {
	s := goldenStatement(t)
	var b bytes.Buffer
	if err := WriteCSV(&b, s); err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(records) != len(s.Rows)+1 {
		t.Fatalf("%d records for %d rows", len(records), len(s.Rows))
	}
	for i, r := range s.Rows {
		name := records[i+1][1]
		if strings.ContainsAny(name[:1], "=+-@\t\r\n") {
			t.Errorf("cell %q is a formula", name)
		}
		// encoding/csv reads CRLF inside a field as LF.
		if got, want := strings.TrimPrefix(name, "'"), strings.ReplaceAll(r.Contributor, "\r\n", "\n"); got != want {
			t.Errorf("name %q, want %q", got, want)
		}
	}
}

// Control characters and direction overrides never reach a terminal.
func TestTableIsSafe(t *testing.T) {
	var b strings.Builder
	if err := WriteTable(&b, goldenStatement(t), 0); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\r\u202e") {
		t.Errorf("table holds control characters:\n%q", b.String())
	}
}

func TestReadCarryRefuses(t *testing.T) {
	var b strings.Builder
	if err := WriteJSONL(&b, goldenStatement(t)); err != nil {
		t.Fatal(err)
	}
	whole := b.String()
	lines := strings.SplitAfter(whole, "\n")
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"empty file":       {"", nil},
		"other file":       {`{"contributor":"a"}` + "\n", doc.ErrCorrupt},
		"not JSON":         {"contributor,tokens\n", doc.ErrCorrupt},
		"cut in a line":    {whole[:len(whole)-9], doc.ErrCorrupt},
		"row missing":      {strings.Join(lines[:len(lines)-2], ""), doc.ErrCorrupt},
		"row twice":        {whole + lines[1], doc.ErrCorrupt},
		"header only":      {lines[0], doc.ErrCorrupt},
		"other version":    {strings.Replace(whole, `"version":1`, `"version":2`, 1), doc.ErrUnsupported},
		"edited tokens":    {strings.Replace(whole, `"tokens":130000`, `"tokens":130001`, 1), doc.ErrCorrupt},
		"edited currency":  {strings.Replace(whole, `"USD"`, `"EUR"`, 1), nil},
		"edited exponent":  {strings.Replace(whole, `"exponent":2`, `"exponent":3`, 1), doc.ErrCorrupt},
		"unknown kind":     {strings.Replace(whole, `"kind":"remainder"`, `"kind":"tip"`, 1), doc.ErrCorrupt},
		"money as float":   {strings.Replace(whole, `"carry_in":"0"`, `"carry_in":"0.5"`, 1), doc.ErrCorrupt},
		"negative money":   {strings.Replace(whole, `"carry_in":"0"`, `"carry_in":"-1"`, 1), doc.ErrCorrupt},
		"unknown property": {strings.Replace(whole, `"kind":`, `"sort":"x","kind":`, 1), doc.ErrCorrupt},
	} {
		_, err := ReadCarry(strings.NewReader(c.text))
		switch {
		case name == "edited currency":
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case err == nil:
			t.Errorf("%s: accepted", name)
		case c.want != nil && !errors.Is(err, c.want):
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
	}
}

// Changing any one digit of any money or token field is found out.
func TestReadCarryFindsEveryEditedDigit(t *testing.T) {
	var b strings.Builder
	if err := WriteJSONL(&b, goldenStatement(t)); err != nil {
		t.Fatal(err)
	}
	whole := b.String()
	for i := range len(whole) {
		if whole[i] < '0' || whole[i] > '9' || !inCheckedField(whole[:i]) {
			continue
		}
		edited := []byte(whole)
		edited[i] = '0' + (edited[i]-'0'+1)%10
		if _, err := ReadCarry(bytes.NewReader(edited)); err == nil {
			t.Errorf("edit at byte %d accepted: %s", i, edited[max(0, i-30):i+10])
		}
	}
}

// inCheckedField reports whether text that follows before stands in a field
// that the sums cover.
func inCheckedField(before string) bool {
	before = before[strings.LastIndexAny(before, "{,")+1:]
	key, _, _ := strings.Cut(before, ":")
	return slices.Contains([]string{
		`"pool"`, `"share"`, `"payable"`, `"tokens"`, `"carry_in"`, `"amount"`, `"paid"`, `"carried"`, `"rows"`, `"exponent"`,
	}, key)
}

// The published schema names exactly the fields that are written.
func TestSchemaFields(t *testing.T) {
	text, err := os.ReadFile(schemaPath)
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs map[string]struct {
			Properties map[string]any
			Required   []string
		} `json:"$defs"`
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	statement := sharedStatement(t)
	statement.Tokenizer = "llama3"
	// The fields that may be absent, and whether they were seen.
	optional := map[string]bool{"tokenizer": false, "credit": false, "fraction": false}
	if err := WriteJSONL(&b, statement); err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b.Bytes()) {
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil {
			t.Fatal(err)
		}
		def := schema.Defs[fields["record"].(string)]
		var written, described []string
		for f := range fields {
			if _, may := optional[f]; may {
				optional[f] = true
				if def.Properties[f] == nil {
					t.Errorf("%s is not described", f)
				}
			} else {
				written = append(written, f)
			}
		}
		for f := range def.Properties {
			if _, may := optional[f]; !may {
				described = append(described, f)
			}
		}
		slices.Sort(written)
		slices.Sort(described)
		slices.Sort(def.Required)
		if !slices.Equal(written, described) || !slices.Equal(written, def.Required) {
			t.Fatalf("line has %v, schema describes %v, requires %v", written, described, def.Required)
		}
	}
	for f, seen := range optional {
		if !seen {
			t.Errorf("no line has %s", f)
		}
	}
}

// A full disk is an error, not a short file taken for whole.
func TestWriteErrors(t *testing.T) {
	s := goldenStatement(t)
	for name, err := range map[string]error{
		"jsonl": WriteJSONL(fullDisk{}, s), "csv": WriteCSV(fullDisk{}, s), "table": WriteTable(fullDisk{}, s, 0),
	} {
		if !errors.Is(err, errFull) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

var errFull = errors.New("disk full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func FuzzReadCarry(f *testing.F) {
	var b bytes.Buffer
	if err := WriteJSONL(&b, goldenStatement(f)); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"record":"statement","version":1,"unit":"1e-9 minor units","pool":"1"}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ReadCarry(bytes.NewReader(text))
		if err != nil {
			return
		}
		_, err = Compute([]Entitlement{{"a", 1, nil}}, Options{Pool: "1", Currency: c.Currency, CarryIn: &c})
		if err != nil {
			t.Errorf("accepted carry cannot be used: %v", err)
		}
	})
}
