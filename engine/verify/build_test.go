package verify

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/parquet-go/parquet-go"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/tokenize"
)

// This file makes a small run by hand: it writes every output with code of its
// own, from a model in which each line says what became of it. Tests then
// forge one thing and seal the rest, so that digests alone do not tell.

// modelLine is one line of an input. An empty raw is a blank line.
type modelLine struct {
	raw         string
	id          string
	contributor string
	text        string
	class       doc.Class
	witness     string // id
	reason      doc.Reason
	column      int64

	shard   int
	line    int64
	ordinal uint32
	offset  int64
	tokens  uint64
}

func words(from, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "word%d ", from+i)
	}
	return b.String()
}

func used(id, contributor, text, created string, class doc.Class, witness string) *modelLine {
	fields := []string{fmt.Sprintf(`"id":%q`, id), fmt.Sprintf(`"text":%q`, text), fmt.Sprintf(`"created":%q`, created)}
	if contributor != doc.Unattributed {
		fields = append(fields, fmt.Sprintf(`"contributor":%q`, contributor))
	}
	return &modelLine{raw: "{" + strings.Join(fields, ",") + "}", id: id, contributor: contributor, text: text, class: class, witness: witness}
}

func unused(raw, contributor string, reason doc.Reason, column int64) *modelLine {
	return &modelLine{raw: raw, contributor: contributor, class: doc.Rejected, reason: reason, column: column}
}

// model has two inputs: a plain one, cut into two shards, and a gzip one.
func model() (plain, packed []*modelLine, cut int) {
	first := words(0, 60)
	plain = []*modelLine{
		used("a1", "ann", first, "2020-01-01", doc.Kept, ""),
		used("a2", "bob", first, "2021-01-01", doc.ExactDup, "a1"),
		{},
		unused(`{"text": 5, "contributor": "bob"}`, "bob", doc.TextNotString, 10),
		used("a3", "bob", words(100, 50), "soon", doc.Kept, ""),
		used("a4", "zoë", words(0, 59)+"changed", "2020-06-01", doc.NearDup, "a1"),
		// The second shard begins here.
		used("a5", doc.Unattributed, words(200, 30), "2022-01-01", doc.Kept, ""),
		used("a6", "zoë", words(0, 59)+"changed", "2020-07-01", doc.NearDup, "a1"),
		unused(`not json`, doc.Unattributed, doc.InvalidJSON, 2),
		used("a7", "ann", words(300, 20), "2022-01-01", doc.Kept, ""),
	}
	packed = []*modelLine{
		used("b1", "bob", words(300, 20), "2022-02-01", doc.ExactDup, "a7"),
		{},
		used("b2", "bob", words(400, 25), "2019-01-01", doc.Kept, ""),
		used("b3", "ann", words(1, 59)+"other", "2023-01-01", doc.NearDup, "a1"),
		unused(`["text"]`, doc.Unattributed, doc.NotObject, 1),
	}
	return plain, packed, 6
}

// decisionRow is the test's own idea of a row.
type decisionRow struct {
	Shard              int32   `parquet:"shard"`
	Line               int64   `parquet:"line"`
	Offset             int64   `parquet:"offset"`
	ID                 string  `parquet:"id"`
	Contributor        string  `parquet:"contributor"`
	Class              string  `parquet:"class"`
	Bytes              int64   `parquet:"bytes"`
	Tokens             int64   `parquet:"tokens"`
	WitnessShard       int32   `parquet:"witness_shard"`
	WitnessLine        int64   `parquet:"witness_line"`
	WitnessID          string  `parquet:"witness_id"`
	WitnessContributor string  `parquet:"witness_contributor"`
	Overlap            int64   `parquet:"overlap"`
	Union              int64   `parquet:"union"`
	Jaccard            float64 `parquet:"jaccard"`
	SharedBuckets      int32   `parquet:"shared_buckets"`
}

// tallyParquet is the test's own idea of a row of tally.parquet.
type tallyParquet struct {
	Contributor       string `parquet:"contributor"`
	InDocuments       int64  `parquet:"in_documents"`
	InBytes           int64  `parquet:"in_bytes"`
	InTokens          int64  `parquet:"in_tokens"`
	KeptDocuments     int64  `parquet:"kept_documents"`
	KeptBytes         int64  `parquet:"kept_bytes"`
	KeptTokens        int64  `parquet:"kept_tokens"`
	ExactDupDocuments int64  `parquet:"exact_dup_documents"`
	ExactDupBytes     int64  `parquet:"exact_dup_bytes"`
	ExactDupTokens    int64  `parquet:"exact_dup_tokens"`
	NearDupDocuments  int64  `parquet:"near_dup_documents"`
	NearDupBytes      int64  `parquet:"near_dup_bytes"`
	NearDupTokens     int64  `parquet:"near_dup_tokens"`
	ExcludedDocuments int64  `parquet:"excluded_documents"`
	ExcludedBytes     int64  `parquet:"excluded_bytes"`
	ExcludedTokens    int64  `parquet:"excluded_tokens"`
	RejectedDocuments int64  `parquet:"rejected_documents"`
	RejectedBytes     int64  `parquet:"rejected_bytes"`
	RejectedTokens    int64  `parquet:"rejected_tokens"`
}

// artefacts is a run before it is written; tests change it.
type artefacts struct {
	plan      plan.Plan
	decisions [][]decisionRow
	bitmaps   []map[doc.Class]*roaring.Bitmap
	rejects   []rejected
	tally     []tallyRow     // of tally.jsonl
	parquet   []tallyRow     // of tally.parquet; nil: the same
	totals    *classCounts   // nil: the sums of tally
	trailing  map[string]any // bytes to append to a file before sealing
	created   uint64
	lines     map[string]*modelLine // by id
	second    map[string]int64      // tokens by the second tokenizer, by id; nil: there is none
	badRunID  bool

	forgeAlarms func(*alarmsFile)
	audit       *auditFile
}

// unhashed is for shards that nobody scans.
const unhashed = "0000000000000000"

// gpt2 opens the tokenizer of the model once.
func gpt2() (*tokenize.Counter, tokenize.Info, error) {
	gpt2Once.Do(func() { gpt2Counter, gpt2Info, gpt2Err = tokenize.Open("gpt2", tokenize.Options{}) })
	return gpt2Counter, gpt2Info, gpt2Err
}

var (
	gpt2Once    sync.Once
	gpt2Counter *tokenize.Counter
	gpt2Info    tokenize.Info
	gpt2Err     error
)

// build makes a valid run over inputs that it writes to a folder.
func build(t testing.TB) *artefacts {
	t.Helper()
	inputs := t.TempDir()
	plain, packed, cut := model()
	a := &artefacts{lines: make(map[string]*modelLine), created: 1, trailing: make(map[string]any)}
	counter, info, err := gpt2()
	if err != nil {
		t.Fatal(err)
	}

	var content [2]bytes.Buffer
	var cutOffset int64
	for file, lines := range [][]*modelLine{plain, packed} {
		for i, l := range lines {
			l.shard, l.ordinal = 2*file, uint32(i)
			if file == 0 && i >= cut {
				l.shard, l.ordinal = 1, uint32(i-cut)
			}
			if file == 0 && i == cut {
				cutOffset = int64(content[0].Len())
			}
			l.line, l.offset = int64(i+1), int64(content[file].Len())
			content[file].WriteString(l.raw)
			content[file].WriteString([]string{"\n", "\r\n"}[i%2])
			if l.id != "" {
				a.lines[l.id] = l
			}
		}
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(content[1].Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	a.plan = plan.Plan{
		Version: plan.Version,
		Rules: plan.Rules{
			Document: plan.RuleDocument, Token: plan.RuleToken, Shingle: plan.RuleShingle, WordHash: plan.RuleWordHash,
			Sketch: plan.RuleSketch, ExactKey: plan.RuleExactKey, Priority: plan.RulePriority,
		},
		Fields:    plan.Fields{Text: "text", ID: "id", Contributor: "contributor", Created: "created"},
		Tokenizer: plan.Tokenizer{Name: "gpt2", SHA256: info.SHA256, AddedTokens: "match"},
		NearDup:   plan.NearDup{ThresholdNum: 4, ThresholdDen: 5, Recall: "0.99", Bands: 16, Rows: 5, PrefixUpTo: 8},
		ShardSize: 1 << 20, MaxLine: 1 << 20, Partitions: 4,
	}
	for i, file := range []struct {
		name, compression string
		data              []byte
	}{{"plain.jsonl", "none", content[0].Bytes()}, {"packed.jsonl.gz", "gzip", zipped.Bytes()}} {
		path := filepath.Join(inputs, file.name)
		if err := os.WriteFile(path, file.data, 0o666); err != nil {
			t.Fatal(err)
		}
		size := int64(len(file.data))
		a.plan.Files = append(a.plan.Files, plan.File{Path: path, Size: size, SHA256: fmt.Sprintf("%x", sha256.Sum256(file.data)), Compression: file.compression})
		if i == 0 {
			a.plan.Shards = append(a.plan.Shards, plan.Shard{File: 0, Length: cutOffset, FirstLine: 1, XXH64: unhashed},
				plan.Shard{File: 0, Offset: cutOffset, Length: size - cutOffset, FirstLine: int64(cut) + 1, XXH64: unhashed})
		} else {
			a.plan.Shards = append(a.plan.Shards, plan.Shard{File: 1, Length: size, FirstLine: 1, XXH64: unhashed})
		}
	}

	a.decisions = make([][]decisionRow, 3)
	a.bitmaps = []map[doc.Class]*roaring.Bitmap{{}, {}, {}}
	for file, lines := range [][]*modelLine{plain, packed} {
		for _, l := range lines {
			if l.raw == "" {
				continue
			}
			if a.bitmaps[l.shard][l.class] == nil {
				a.bitmaps[l.shard][l.class] = roaring.New()
			}
			a.bitmaps[l.shard][l.class].Add(l.ordinal)
			if l.class == doc.Rejected {
				a.rejects = append(a.rejects, rejected{
					File: a.plan.Files[file].Path, Shard: l.shard, Line: l.line, Offset: l.offset,
					Column: l.column, Reason: l.reason, Contributor: l.contributor,
				})
				a.credit(l.contributor, l.class, 1, 0, 0)
				continue
			}
			tokens, err := counter.TryCount([]byte(l.text))
			if err != nil {
				t.Fatal(err)
			}
			l.tokens = uint64(tokens)
			a.credit(l.contributor, l.class, 1, len(l.text), tokens)
			if l.class != doc.Kept {
				a.decisions[l.shard] = append(a.decisions[l.shard], a.decide(l, a.lines[l.witness]))
			}
		}
	}
	return a
}

// decide makes the row of a dropped line.
func (a *artefacts) decide(l, witness *modelLine) decisionRow {
	row := decisionRow{
		Shard: int32(l.shard), Line: l.line, Offset: l.offset, ID: l.id, Contributor: l.contributor,
		Class: l.class.String(), Bytes: int64(len(l.text)), Tokens: int64(l.tokens),
		WitnessShard: int32(witness.shard), WitnessLine: witness.line, WitnessID: witness.id, WitnessContributor: witness.contributor,
		Jaccard: 1,
	}
	if l.class == doc.NearDup {
		row.Overlap, row.Union = jaccard(l.text, witness.text)
		row.Jaccard, row.SharedBuckets = float64(row.Overlap)/float64(row.Union), 3
	}
	return row
}

// jaccard is enough of the shingle rule for the words of the model.
func jaccard(a, b string) (overlap, union int64) {
	set := func(s string) map[string]bool {
		all := make(map[string]bool)
		for w := strings.Fields(s); len(w) >= 5; w = w[1:] {
			all[strings.Join(w[:5], " ")] = true
		}
		return all
	}
	x, y := set(a), set(b)
	for s := range x {
		if y[s] {
			overlap++
		}
	}
	return overlap, int64(len(x)+len(y)) - overlap
}

// row returns the tally row of a contributor.
func (a *artefacts) row(contributor string) *tallyRow {
	i, found := slices.BinarySearchFunc(a.tally, contributor, func(r tallyRow, name string) int { return strings.Compare(r.Contributor, name) })
	if !found {
		a.tally = slices.Insert(a.tally, i, tallyRow{Contributor: contributor})
	}
	return &a.tally[i]
}

// credit adds to the tally; figures may be negative.
func (a *artefacts) credit(contributor string, class doc.Class, documents, bytes, tokens int) {
	r := a.row(contributor)
	for _, c := range []*doc.Counts{&r.In, r.of(class)} {
		c.Documents += uint64(documents)
		c.Bytes += uint64(bytes)
		c.Tokens += uint64(tokens)
	}
}

// reclass moves a line from one class to another in bitmaps and tally.
func (a *artefacts) reclass(l *modelLine, to doc.Class) {
	a.bitmaps[l.shard][l.class].Remove(l.ordinal)
	if a.bitmaps[l.shard][to] == nil {
		a.bitmaps[l.shard][to] = roaring.New()
	}
	a.bitmaps[l.shard][to].Add(l.ordinal)
	a.credit(l.contributor, l.class, -1, -len(l.text), -int(l.tokens))
	if to == doc.Rejected {
		a.credit(l.contributor, to, 1, 0, 0)
	} else {
		a.credit(l.contributor, to, 1, len(l.text), int(l.tokens))
	}
	l.class = to
}

// dropped returns the row about a document.
func (a *artefacts) dropped(id string) *decisionRow {
	for _, rows := range a.decisions {
		for i := range rows {
			if rows[i].ID == id {
				return &rows[i]
			}
		}
	}
	return nil
}

func parquetBytes[T any](t testing.TB, rows []T, metadata ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	options := []parquet.WriterOption{parquet.Compression(&parquet.Snappy)}
	for i := 0; i < len(metadata); i += 2 {
		options = append(options, parquet.KeyValueMetadata(metadata[i], metadata[i+1]))
	}
	w := parquet.NewGenericWriter[T](&b, options...)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jsonLines[T any](t testing.TB, rows []T) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, r := range rows {
		if err := enc.Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// write writes and seals the run in a new folder.
func (a *artefacts) write(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	files := make(map[string][]byte)
	if !a.badRunID {
		id, err := a.plan.ComputeRunID()
		if err != nil {
			t.Fatal(err)
		}
		a.plan.RunID = id
	}
	planJSON, err := json.MarshalIndent(a.plan, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	files["plan.json"] = planJSON
	files["tally.jsonl"] = jsonLines(t, a.tally)
	files["rejects.jsonl"] = jsonLines(t, a.rejects)
	source := a.tally
	if a.parquet != nil {
		source = a.parquet
	}
	var rows []tallyParquet
	for _, r := range source {
		rows = append(rows, tallyParquet{r.Contributor,
			int64(r.In.Documents), int64(r.In.Bytes), int64(r.In.Tokens),
			int64(r.Kept.Documents), int64(r.Kept.Bytes), int64(r.Kept.Tokens),
			int64(r.ExactDup.Documents), int64(r.ExactDup.Bytes), int64(r.ExactDup.Tokens),
			int64(r.NearDup.Documents), int64(r.NearDup.Bytes), int64(r.NearDup.Tokens),
			int64(r.Excluded.Documents), int64(r.Excluded.Bytes), int64(r.Excluded.Tokens),
			int64(r.Rejected.Documents), int64(r.Rejected.Bytes), int64(r.Rejected.Tokens)})
	}
	digests := []string{"tallystick.tokenizer", a.plan.Tokenizer.SHA256}
	switch {
	case a.row("ann").Credit != nil:
		files["tally.parquet"] = parquetBytes(t, withCredit(rows, source), digests...)
	case a.second == nil:
		files["tally.parquet"] = parquetBytes(t, rows, digests...)
	default:
		digests = append(digests, "tallystick.tokenizer.bytes", a.plan.Further[0].SHA256)
		files["tally.parquet"] = parquetBytes(t, withSecond(rows, source), digests...)
	}
	for shard := range a.decisions {
		metadata := append([]string{"tallystick.run_id", a.plan.RunID}, digests...)
		name := fmt.Sprintf("decisions/%05d.parquet", shard)
		if a.second == nil {
			files[name] = parquetBytes(t, a.decisions[shard], metadata...)
		} else {
			var rows []decisionRowOfTwo
			for _, d := range a.decisions[shard] {
				rows = append(rows, decisionRowOfTwo{d, a.second[d.ID]})
			}
			files[name] = parquetBytes(t, rows, metadata...)
		}
		for class, b := range a.bitmaps[shard] {
			if b.IsEmpty() {
				continue
			}
			data, err := b.ToBytes()
			if err != nil {
				t.Fatal(err)
			}
			files[fmt.Sprintf("bitmaps/%05d.%s.roaring", shard, class)] = data
		}
	}
	alarms := a.alarms()
	if a.forgeAlarms != nil {
		a.forgeAlarms(&alarms)
	}
	if a.audit != nil {
		a.audit.RunID += a.plan.RunID
		if files["audit.json"], err = json.Marshal(a.audit); err != nil {
			t.Fatal(err)
		}
	}
	if files["alarms.json"], err = json.Marshal(alarms); err != nil {
		t.Fatal(err)
	}
	for name, more := range a.trailing {
		files[name] = append(files[name], fmt.Sprint(more)...)
	}
	for name, data := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	m := manifestFile{Version: 2, RunID: a.plan.RunID, Tool: "tallystick", CreatedUnreadable: a.created}
	if a.totals != nil {
		m.Totals = *a.totals
	} else {
		for _, r := range a.tally {
			m.Totals.In.Add(r.In)
			for class := range doc.NumClasses {
				m.Totals.of(class).Add(*r.of(class))
			}
			addFurther(&m.Totals, r.classCounts)
		}
	}
	for name, data := range files {
		m.Files = append(m.Files, listed{name, int64(len(data)), fmt.Sprintf("%x", sha256.Sum256(data))})
	}
	slices.SortFunc(m.Files, func(a, b listed) int { return strings.Compare(a.Path, b.Path) })
	writeManifest(t, dir, m)
	return dir
}

// alarms returns what the artefacts have to say about alarms, but for those.
func (a *artefacts) alarms() alarmsFile {
	f := alarmsFile{Version: 1, RunID: a.plan.RunID, Limits: a.plan.AlarmLimits(), Measured: make(map[string]uint64)}
	for _, r := range a.tally {
		f.Measured["kept"] += r.Kept.Documents
	}
	sizes := make(map[[2]int64]uint64)
	for _, rows := range a.decisions {
		for _, d := range rows {
			if d.Class == "near_dup" && d.Contributor != d.WitnessContributor {
				f.Measured["lost"]++
			}
			group := [2]int64{int64(d.WitnessShard), d.WitnessLine}
			sizes[group] = max(sizes[group], 1) + 1
			f.Measured["largest_group"] = max(f.Measured["largest_group"], sizes[group])
		}
	}
	return f
}

func writeManifest(t testing.TB, dir string, m manifestFile) {
	t.Helper()
	m.SHA256 = ""
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	data = append(data, '\n')
	digest := fmt.Sprintf("%x", sha256.Sum256(data))
	data = bytes.Replace(data, []byte("\"sha256\": \"\"\n}"), []byte("\"sha256\": \""+digest+"\"\n}"), 1)
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), data, 0o666); err != nil {
		t.Fatal(err)
	}
}
