package bench

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

// tempDir holds plain copies of the texts and the outputs of runs.
var tempDir string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(inTempDir(m.Run))
}

func inTempDir(run func() int) int {
	var err error
	if tempDir, err = os.MkdirTemp("", "tallystick-bench-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(tempDir)
	if f := flag.Lookup("test.bench"); f != nil && f.Value.String() != "" {
		for _, h := range machine() {
			fmt.Printf("%s: %s\n", strings.ReplaceAll(h[0], " ", "-"), h[1])
		}
	}
	return run()
}

// expected are the answers on the bundled corpus: for all contenders, then the
// digests of single ones (the run's is of the totals of every class).
var expected = map[string]answer{
	"JSONL/bundled":                  {documents: 5036, total: 2497479},
	"Count/gpt2/bundled":             {documents: 5036, total: 1039761},
	"Count/gpt2/bundled/head":        {documents: 1836, total: 194506},
	"Count/llama3/bundled":           {documents: 5036, total: 628678},
	"Count/llama3/bundled/head":      {documents: 1836, total: 80014},
	"Count/qwen3/bundled":            {documents: 5036, total: 659254},
	"Count/qwen3/bundled/head":       {documents: 1836, total: 84393},
	"Count/deepseek_v3/bundled":      {documents: 5036, total: 653586},
	"Count/deepseek_v3/bundled/head": {documents: 1836, total: 88667},
	"MinHash/bundled":                {documents: 5033, total: 314498},
	"Run/bundled":                    {documents: 5036, total: 1039761},

	"MinHash/bundled/native":               {5033, 314498, 12190729374778984533},
	"MinHash/bundled/rival-classic-sketch": {5033, 314498, 1193535622994513087},
	"MinHash/bundled/rival-classic":        {5033, 314498, 8447738332692363069},
	"Run/bundled/workers=1":                {5036, 1039761, 3319251936982419202},
}

// TestAnswers runs every cell of the bundled corpus once.
func TestAnswers(t *testing.T) {
	l := newLedger()
	for _, c := range allCells() {
		if c.text != bundledName {
			continue
		}
		// Opening a tokenizer takes long: the others once, by one engine.
		if strings.HasPrefix(c.job, "Count/") && c.job != "Count/gpt2" && (testing.Short() || c.contender != "native") {
			continue
		}
		t.Run(c.name(), func(t *testing.T) {
			if c.skip != "" {
				t.Skip(c.skip)
			}
			if _, known := expected[c.group()]; !known {
				t.Errorf("no expected answer for %s", c.group())
			}
			if _, err := c.sample(l, new(work), 0); err != nil {
				t.Error(err)
			}
			t.Logf("%+v", l[c.name()])
		})
	}
}
