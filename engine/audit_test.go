package engine

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/alarm"
	"github.com/tallystick/tallystick/engine/audit"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/request/requesttest"
	"github.com/tallystick/tallystick/engine/shingle"
	"github.com/tallystick/tallystick/engine/task"
)

// auditCorpus is of families of edited texts, with copies and lines that are
// rejected among them.
func auditCorpus(rng *rand.Rand) (lines, texts []string) {
	seen := make(map[string]bool)
	for family := range 60 {
		words := make([]string, 40+rng.IntN(120))
		for i := range words {
			words[i] = fmt.Sprintf("w%d", rng.IntN(3000))
		}
		if family%7 == 0 {
			copy(words, strings.Fields(strings.Repeat("all rights of this template are reserved ", 4)))
		}
		for v := range 1 + rng.IntN(6) {
			for range 1 + v {
				words[rng.IntN(len(words))] = fmt.Sprintf("e%d", rng.IntN(3000))
			}
			text := strings.Join(words, " ")
			copies := 1 + rng.IntN(8)/7
			for c := range copies {
				lines = append(lines, fmt.Sprintf(`{"id":"f%dv%dc%d","text":%q,"contributor":"c%d"}`, family, v, c, text, rng.IntN(5)))
			}
			if !seen[text] {
				seen[text] = true
				texts = append(texts, text)
			}
		}
	}
	lines = append(lines, `{"text":1}`, `{"id":"empty","text":"..."}`)
	texts = append(texts, "...")
	rng.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	return lines, texts
}

// auditOf runs lines, cut into files, with an audit, by the bands given or, if
// that is 0, by the plan's own.
func auditOf(t *testing.T, lines []string, files, bands, workers int, ppm int64) audit.File {
	t.Helper()
	tree := make(map[string]string)
	for k := range files {
		tree[fmt.Sprintf("%02d.jsonl", k)] = strings.Join(lines[k*len(lines)/files:(k+1)*len(lines)/files], "\n")
	}
	r := requesttest.Rules(requesttest.Folder(t, tree))
	r.Tokenizers, r.Threshold, r.AuditPPM = []string{"../testdata/tokenizers/bytes.json"}, "0.7", ppm
	r.ShardSize = int64(max(8000, 10*len(lines)))
	m := request.Means{Engine: "native", Parser: "native", Workers: workers}
	out := t.TempDir()
	p, err := request.MakePlan(t.Context(), r, m, out)
	if err != nil {
		t.Fatal(err)
	}
	if bands > 0 {
		p.Plan.NearDup.Bands = bands
	}
	if p.Plan.RunID, err = p.Plan.ComputeRunID(); err != nil {
		t.Fatal(err)
	}
	if err := folder.Make(t.Context(), out, false, p.Plan); err != nil {
		t.Fatal(err)
	}
	job, err := newJob(p.Plan, p.Counters, m, out)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range task.Order {
		if _, err := runStage(t.Context(), job, name, m); err != nil {
			t.Fatal(err)
		}
	}
	alarms, err := folder.ReadAlarms(out)
	if err != nil {
		t.Fatal(err)
	}
	low := slices.ContainsFunc(alarms.Alarms, func(a alarm.Alarm) bool { return a.Kind == alarm.LowRecall })
	b, err := os.ReadFile(filepath.Join(out, audit.Name))
	if err != nil {
		t.Fatal(err)
	}
	f, err := audit.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if low != (f.ByFamilies.HighPPM < 990_000) {
		t.Errorf("an alarm: %v; %s", low, f.Sentence())
	}
	sealed, err := folder.ReadManifest(out)
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := json.Marshal(sealed.Files); !strings.Contains(string(text), audit.Name) {
		t.Error("the manifest does not list the audit")
	}
	return f
}

// An audit of every text counts each pair of brute force twice, from either
// side, whatever the bands find; and it shows what crippled bands miss.
func TestAuditOfEverything(t *testing.T) {
	lines, texts := auditCorpus(rand.New(rand.NewPCG(1, 1)))
	var want uint64
	bins := make(map[int]uint64)
	sets := make([]map[string]struct{}, len(texts))
	for i, text := range texts {
		sets[i] = shingle.Reference([]byte(text))
		for j := range i {
			overlap := 0
			for s := range sets[i] {
				if _, both := sets[j][s]; both {
					overlap++
				}
			}
			if union := len(sets[i]) + len(sets[j]) - overlap; union > 0 && 10*overlap >= 7*union {
				want += 2
				bins[100*overlap/union/audit.BinWidth*audit.BinWidth] += 2
			}
		}
	}
	if want < 100 {
		t.Fatalf("only %d pairs: nothing is tested", want)
	}
	good := auditOf(t, lines, 3, 0, 2, 1e6)
	if good.Documents != uint64(len(texts)) || good.Probes != good.Documents || good.Pairs != want {
		t.Errorf("%d of %d texts, %d pairs; want %d texts and %d pairs", good.Probes, good.Documents, good.Pairs, len(texts), want)
	}
	got := make(map[int]uint64)
	for _, b := range good.Bins {
		got[b.JaccardPercent] = b.Pairs
	}
	if diff := cmp.Diff(bins, got); diff != "" {
		t.Errorf("bins: %s", diff)
	}
	if good.RecallPPM < 980_000 || good.PredictedPPM < 980_000 {
		t.Errorf("recall %d, predicted %d", good.RecallPPM, good.PredictedPPM)
	}

	poor := auditOf(t, lines, 3, 1, 2, 1e6)
	if poor.Pairs != want {
		t.Errorf("%d pairs by another number of bands, want %d", poor.Pairs, want)
	}
	if d := poor.RecallPPM - poor.PredictedPPM; poor.PredictedPPM > 700_000 || d > 120_000 || d < -120_000 {
		t.Errorf("one band: recall %d, predicted %d", poor.RecallPPM, poor.PredictedPPM)
	}
	if poor.ByFamilies.HighPPM > 900_000 || poor.Missed == 0 || len(poor.Examples) != 20 || poor.Dropped >= good.Dropped {
		t.Errorf("one band: %s, %d examples", poor.Sentence(), len(poor.Examples))
	}
	if e := poor.Examples[0]; 10*e.Overlap < 7*e.Union || e.A.ID == e.B.ID {
		t.Errorf("example %+v", e)
	}
}

// Of more probes than are compared by outlines every text is read again: each of many
// couples is found, whatever the bands do.
func TestAuditOfManyProbes(t *testing.T) {
	var lines []string
	for i := range 2100 {
		words := make([]string, 24)
		for k := range words {
			words[k] = fmt.Sprintf("w%d", (i*7919+k*k*31)%100_003)
		}
		text := strings.Join(words, " ")
		lines = append(lines, fmt.Sprintf(`{"id":"a%d","text":%q}`, i, text), fmt.Sprintf(`{"id":"b%d","text":"%s end"}`, i, text))
	}
	f := auditOf(t, lines, 2, 1, 2, 1e6)
	if f.Probes != 4200 || f.Pairs != 4200 || f.Families != 2100 || f.Found == f.Pairs || f.Missed == 0 {
		t.Errorf("%s", f.Sentence())
	}
	few := auditOf(t, lines, 2, 1, 2, 100_000)
	if few.Probes < 300 || few.Probes > 550 || few.Pairs != few.Probes {
		t.Errorf("a tenth: %s", few.Sentence())
	}
}

// A sample is a function of the documents: the same in other files and order, by
// any number of workers, but for places.
func TestAuditIsAFunctionOfTheDocuments(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	lines, _ := auditCorpus(rng)
	var want audit.File
	for i, files := range []int{1, 4, 9} {
		got := auditOf(t, lines, files, 2, 1+i, 300_000)
		got.RunID = ""
		for k := range got.Examples {
			for _, d := range []*audit.Document{&got.Examples[k].A, &got.Examples[k].B} {
				d.Shard, d.Line = 0, 0
			}
		}
		if i == 0 {
			want = got
			if want.Pairs < 20 || want.Found == want.Pairs || want.Probes > want.Documents/2 || len(want.Examples) == 0 {
				t.Fatalf("nothing is tested: %+v", want)
			}
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d files: %s", files, diff)
		}
		rng.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	}
}

// A text that changes between scan and audit is not audited.
func TestAuditOfChangedInput(t *testing.T) {
	lines := []string{`{"text":"one two three four five six seven","id":"a"}`, `{"text":"eight nine ten eleven twelve","id":"b"}`}
	dir := requesttest.Folder(t, map[string]string{"a.jsonl": strings.Join(lines, "\n")})
	r := requesttest.Rules(dir)
	r.Tokenizers, r.Threshold, r.AuditPPM = []string{"../testdata/tokenizers/bytes.json"}, "0.7", 1e6
	m := request.Means{Engine: "native", Parser: "native", Workers: 1}
	out := t.TempDir()
	p, err := request.MakePlan(t.Context(), r, m, out)
	if err != nil {
		t.Fatal(err)
	}
	job, err := newJob(p.Plan, p.Counters, m, out)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []task.Stage{task.Scan, task.Match} {
		if _, err := runStage(t.Context(), job, name, m); err != nil {
			t.Fatal(err)
		}
	}
	changed := strings.Replace(strings.Join(lines, "\n"), "seven", "SEVEN", 1)
	if err := os.WriteFile(filepath.Join(dir, "a.jsonl"), []byte(changed), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := runStage(t.Context(), job, task.Resolve, m); err == nil || !strings.Contains(err.Error(), doc.ErrInputChanged.Error()) {
		t.Errorf("error %v, want %v", err, doc.ErrInputChanged)
	}
}
