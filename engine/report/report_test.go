package report

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/display"
	"github.com/tallystick/tallystick/engine/plan"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

// counts builds the classes of a row: documents, bytes and tokens of each.
func counts(v ...uint64) (c [doc.NumClasses]doc.Counts) {
	for i := 0; i+2 < len(v); i += 3 {
		c[i/3] = doc.Counts{Documents: v[i], Bytes: v[i+1], Tokens: v[i+2]}
	}
	return c
}

// hostile are names made to break out of a page, a table or a terminal.
var hostile = []string{
	`<script src="https://evil.example/x.js">alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	"line\nend\r\x1b[31mred\x00",
	"\u202egnirts desrever \u2066isolated\u2069",
	strings.Repeat("long ", 200),
	strings.Repeat("W", 500),
	"a" + strings.Repeat("\u0301", 300) + "b",
	"{{.Plan.RunID}}",
	"\xff\xfe",
	"",
}

func sample() Data {
	sha := "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	d := Data{
		Dir:     "out",
		Version: "v0.1.0",
		Plan: plan.Plan{
			Version: 1, RunID: "4be2a7c91d0358f6" + sha[:48],
			Rules: plan.Rules{
				Document: plan.RuleDocument, Shingle: plan.RuleShingle, WordHash: plan.RuleWordHash,
				Sketch: plan.RuleSketch, ExactKey: plan.RuleExactKey, Priority: plan.RulePriority,
			},
			Fields:    plan.Fields{Text: "text", ID: "id", Contributor: "contributor", Created: "created"},
			Tokenizer: plan.Tokenizer{Name: "gpt2", SHA256: sha, AddedTokens: "match"},
			NearDup:   plan.NearDup{ThresholdNum: 4, ThresholdDen: 5, Recall: "0.99", Bands: 16, Rows: 5},
			Seed:      1,
			Files: []plan.File{
				{Path: "testdata/corpus/nsmc-reviews.jsonl.zst", Size: 196_604, Compression: "zstd"},
				{Path: "testdata/corpus/peps-history.jsonl.gz", Size: 31_499, Compression: "gzip"},
				{Path: "testdata/corpus/tldr.jsonl", Size: 344_431, Compression: "none"},
			},
		},
		Classes: counts(4_404, 1_702_118, 701_334, 182, 31_774, 13_902, 446, 1_101_450, 289_321, 0, 0, 0, 4, 0, 0),
		Contributors: []ContributorRow{
			{"Sean Wheeler", counts(23, 118_113, 29_914, 0, 0, 0, 118, 604_112, 161_210)},
			{"Mike F. Robbins", counts(6, 21_906, 5_577, 0, 0, 0, 74, 301_331, 77_119)},
			{"Hugo van Kemenade", counts(2, 5_310, 1_733, 0, 0, 0, 28, 71_322, 21_919)},
			{"takagi", counts(17, 38_021, 22_540)},
			{"unknown", counts(35, 22_118, 12_004, 118, 22_001, 9_807)},
			{"山田 太郎", counts(3, 9_310, 4_870, 1, 1_204, 612)},
			{doc.Unattributed, counts(12, 19_001, 5_011, 1, 812, 208, 0, 0, 0, 0, 0, 0, 4, 0, 0)},
			{"فاطمة الزهراء", counts(3, 4_411, 2_870)},
			{hostile[0], counts(1, 10, 3)},
		},
		ContributorCount: 2_787,
		Flows: []Flow{
			{"Sean Wheeler", "Sean Wheeler", counts()[0], doc.Counts{Documents: 97, Bytes: 498_110, Tokens: 132_811}},
			{"Mike F. Robbins", "Sean Wheeler", counts()[0], doc.Counts{Documents: 61, Bytes: 255_320, Tokens: 64_420}},
			{"unknown", "Managor", doc.Counts{Documents: 96, Bytes: 17_660, Tokens: 7_911}, doc.Counts{Documents: 3, Bytes: 902, Tokens: 377}},
			{hostile[1], hostile[5], doc.Counts{Documents: 1, Bytes: 9, Tokens: 3}, doc.Counts{}},
		},
		FlowCount: 214,
		Rejects: []RejectReason{
			{doc.InvalidJSON, 3, "testdata/corpus/tldr.jsonl", 118, 60_114},
			{doc.TextMissing, 1, "testdata/corpus/" + strings.Repeat("deep/", 12) + "file.jsonl", 1_204, 881_002},
		},
		Notes:   []string{"24 documents have no date and come last in priority order."},
		Seconds: 1.94,
		Stages: []StageTiming{
			{"scan", 1.21, 3_106_733, 184_000_000, 8},
			{"match", 0.42, 0, 196_000_000, 16},
			{"resolve", 0.0312, 0, 196_000_000, 1},
			{"tally", 0.19, 0, 201_000_000, 8},
			{"seal", 0.09, 2_201_998, 201_000_000, 1},
		},
		Machine: "AMD EPYC, 2 cores, 23 GB",
		Engine:  "native",
		Kernels: "avx2",
		Files: []File{
			{"tally.parquet", 91_022, "a row per contributor"},
			{"tally.jsonl", 611_934, "the same, as JSON lines"},
			{"decisions/part-00000.parquet", 48_911, "a row per dropped document"},
			{"rejects.jsonl", 812, "a record per unusable line"},
			{"plan.json", 4_120, "configuration, inputs and their digests"},
			{"manifest.json", 2_011, "every file with size and SHA-256"},
			{"timings.json", 3_007, "seconds, bytes and memory per task"},
		},
	}
	for percent := 0; percent <= 100; percent += 5 {
		s := float64(percent) / 100
		miss := 1.0
		for range 16 {
			miss *= 1 - s*s*s*s*s
		}
		d.Plan.NearDup.Curve = append(d.Plan.NearDup.Curve, plan.Point{JaccardPercent: percent, RecallPPM: int64(1e6 * (1 - miss))})
	}
	d.Scores = make([]uint64, 101)
	for i, c := range []uint64{4, 6, 3, 7, 9, 8, 12, 11, 14, 13, 18, 22, 19, 27, 31, 36, 44, 51, 60, 38, 13} {
		d.Scores[80+i] = c
	}
	return d
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; rewrite with -rewrite):\n%s", name, diff)
	}
}

func write(t *testing.T, d Data) string {
	t.Helper()
	var b strings.Builder
	if err := Write(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func summary(t *testing.T, d Data, width int) string {
	t.Helper()
	var b strings.Builder
	if err := Summary(&b, d, width); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	golden(t, "report.html", write(t, sample()))
	golden(t, "empty.html", write(t, Data{}))
	golden(t, "summary.txt", summary(t, sample(), 80))
	golden(t, "empty.txt", summary(t, Data{}, 80))
}

// withHostileNames puts every hostile name everywhere a string can come from
// outside.
func withHostileNames() Data {
	d := sample()
	for _, s := range hostile {
		d.Contributors = append(d.Contributors, ContributorRow{s, counts(1, 1, 1)})
		d.Flows = append(d.Flows, Flow{From: s, To: s}, Flow{From: s, To: "x"})
		d.Rejects = append(d.Rejects, RejectReason{doc.InvalidJSON, 1, s, 1, 0})
		d.Plan.Files = append(d.Plan.Files, plan.File{Path: s})
		d.Files = append(d.Files, File{Name: s, What: s})
	}
	d.Plan.Tokenizer.Name = hostile[0]
	d.Machine = hostile[1]
	d.Notes = hostile
	return d
}

// tags are the elements of the page, attributes included.
var tags = regexp.MustCompile(`(?s)<[a-zA-Z/!][^>]*>`)

// The page loads nothing, runs nothing, and names cannot change that.
func TestPageIsSelfContained(t *testing.T) {
	plain := write(t, sample())
	page := write(t, withHostileNames())
	allowed := regexp.MustCompile(`^</?(html|head|meta|title|style|body|header|main|footer|section|div|h1|h2|p|dl|dt|dd|table|caption|thead|tbody|tfoot|tr|th|td|span|bdi|code|small|a|ul|li|details|summary|svg|line|rect|polyline|text)\b`)
	page, _, sealed := strings.Cut(page, "<!-- SHA-256 of this page ") // digits follow
	if !sealed {
		t.Error("the page does not end in its digest")
	}
	for _, tag := range tags.FindAllString(strings.TrimPrefix(page, "<!doctype html>"), -1) {
		if !allowed.MatchString(tag) {
			t.Errorf("element %q", tag)
		}
		lower := strings.ToLower(tag)
		for _, bad := range []string{" src=", "srcset", "@import", "url(", " on", "javascript:", "http:", "https:", "href=\"//"} {
			if strings.Contains(regexp.MustCompile(`(title|aria-label|href)="[^"]*"`).ReplaceAllString(lower, ""), bad) {
				t.Errorf("element %q has %q", tag, bad)
			}
		}
	}
	if strings.Contains(style, "url(") || strings.Contains(style, "@import") {
		t.Error("style sheet refers to another file")
	}
	for _, href := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(href[1], "./") {
			t.Errorf("link %q leaves the folder", href[1])
		}
	}
	if got, want := strings.Count(page, "<h2"), strings.Count(plain, "<h2"); got != want {
		t.Errorf("%d sections with hostile names, %d without", got, want)
	}
	for _, r := range []string{"\x1b", "\x00", "\u202e", "\u2066"} {
		if strings.Contains(page, r) {
			t.Errorf("page holds %q", r)
		}
	}
}

// No line but a path is wider than the terminal, and no name writes outside
// its cell.
func TestSummaryFits(t *testing.T) {
	for _, width := range []int{0, 60, 80, 120} {
		for name, d := range map[string]Data{"sample": sample(), "hostile": withHostileNames(), "empty": {}} {
			d.Rejects, d.Notes = nil, nil // hold paths and sentences
			text := summary(t, d, width)
			for line := range strings.Lines(text) {
				line = strings.TrimSuffix(line, "\n")
				if got := display.Width(line); got > max(width, minSummaryWidth) {
					t.Errorf("%s at %d: %d columns: %q", name, width, got, line)
				}
				if strings.ContainsAny(line, "\x1b\r\x00\u202e") || strings.TrimRight(line, " ") != line {
					t.Errorf("%s: line %q", name, line)
				}
			}
			if !strings.HasSuffix(text, filepath.Join(d.Dir, "tally.parquet")+"\n  "+filepath.Join(d.Dir, "report.html")+"\n") {
				t.Errorf("%s: ends in %q", name, text[max(0, len(text)-60):])
			}
		}
	}
}

// Thresholds and score ranges of every kind give a drawing with bars inside
// its frame that add up.
func TestHistogram(t *testing.T) {
	if newHistogram(nil, plan.NearDup{}) != nil || newHistogram(make([]uint64, 101), plan.NearDup{ThresholdNum: 1, ThresholdDen: 2}) != nil {
		t.Error("drawing of nothing")
	}
	one := make([]uint64, 101)
	one[100] = 1 << 62
	for _, c := range []struct {
		scores []uint64
		num    int64
		bins   int
	}{
		{sample().Scores, 80, 21},
		{one, 100, 2},
		{one, 99, 2},
		{[]uint64{1}, 80, 26},
		{sample().Scores, 1, 26},
		{sample().Scores, 50, 26},
	} {
		h := newHistogram(c.scores, plan.NearDup{ThresholdNum: c.num, ThresholdDen: 100})
		if h == nil || len(h.Columns) != c.bins {
			t.Errorf("threshold %d: %+v, want %d bars", c.num, h, c.bins)
		}
	}
}

func TestScales(t *testing.T) {
	for n, want := range map[uint64]uint64{0: 2, 1: 2, 3: 4, 10: 10, 11: 20, 61: 80, 99: 100, 1 << 63: 1 << 63} {
		if got := niceCeiling(n); got < n || (n < 1e9 && got != want) {
			t.Errorf("niceCeiling(%d) = %d, want %d", n, got, want)
		}
	}
	for s, want := range map[float64]string{0: "0 ms", 0.0312: "31 ms", 0.0999: "0.1 s", 1.94: "1.9 s", 99.94: "99.9 s", 99.96: "1 min 40 s", 3599.6: "1 h 00 min", 7384: "2 h 03 min"} {
		if got := seconds(s); got != want {
			t.Errorf("seconds(%v) = %q, want %q", s, got, want)
		}
	}
	for n, want := range map[[2]int64]string{{4, 5}: "0.8", {7, 10}: "0.7", {1, 3}: "1/3", {1, 1}: "1", {0, 0}: "–"} {
		if got := threshold(plan.NearDup{ThresholdNum: n[0], ThresholdDen: n[1]}); got != want {
			t.Errorf("threshold(%v) = %q, want %q", n, got, want)
		}
	}
}

func TestWriteErrors(t *testing.T) {
	full := fullDisk{}
	if err := Write(full, sample()); !errors.Is(err, errFull) {
		t.Errorf("Write: %v", err)
	}
	if err := Summary(full, sample(), 80); !errors.Is(err, errFull) {
		t.Errorf("Summary: %v", err)
	}
}

var errFull = errors.New("disk full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }
