package bench

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/cpuid/v2"

	"github.com/tallystick/tallystick/engine/tokenize"
	"github.com/tallystick/tallystick/kernels"
)

var recordFor = flag.Duration("record", 0, "TestRecord measures for about this long and writes results/DATE-CPU.csv")

// leastSample is how long a cell runs for one sample.
const leastSample = 100 * time.Millisecond

// TestRecord takes one sample of every cell in each round, odd rounds forwards
// and even ones backwards, until the time is up and every cell has a sample; so
// contenders at the same job share whatever else the machine was doing.
func TestRecord(t *testing.T) {
	if *recordFor <= 0 {
		t.Skip("records only with the flag -record")
	}
	header := machine()
	samples, err := measure(t, time.Now().Add(*recordFor))
	if err != nil {
		t.Fatal(err)
	}
	header = append(header, [2]string{"load after", loadAverage()})
	b, err := format(header, samples)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("results", time.Now().UTC().Format(time.DateOnly)+"-"+cpuSlug()+".csv")
	if err := os.MkdirAll("results", 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	t.Logf("wrote bench/%s:\n%s", filepath.ToSlash(path), b)
}

// measured is a cell and its samples in MB/s.
type measured struct {
	cell
	bytes int64
	rates []float64
}

func measure(t *testing.T, deadline time.Time) ([]measured, error) {
	var out []measured
	for _, c := range allCells() {
		if c.skip == "" {
			out = append(out, measured{cell: c})
		} else {
			t.Logf("%s: %s", c.name(), c.skip)
		}
	}
	l := newLedger()
	works := make([]work, len(out))
	for round := 0; round == 0 || time.Now().Before(deadline); round++ {
		for n := range out {
			i := n
			if round%2 == 1 {
				i = len(out) - 1 - n
			}
			if round > 0 && time.Now().After(deadline) {
				break
			}
			rate, err := out[i].sample(l, &works[i], leastSample)
			if err != nil {
				return nil, err
			}
			out[i].bytes = works[i].bytes
			out[i].rates = append(out[i].rates, rate)
		}
	}
	return out, nil
}

var columns = []string{"job", "text", "contender", "threads", "bytes", "samples", "median_mb_per_s", "min", "max"}

// format writes the machine as comments, then a row for each cell.
func format(header [][2]string, results []measured) ([]byte, error) {
	var b bytes.Buffer
	for _, h := range header {
		fmt.Fprintf(&b, "# %s: %s\n", h[0], h[1])
	}
	w := csv.NewWriter(&b)
	rows := [][]string{columns}
	for _, m := range results {
		slices.Sort(m.rates)
		rows = append(rows, []string{
			m.job, m.text, m.contender, strconv.Itoa(m.threads), strconv.FormatInt(m.bytes, 10), strconv.Itoa(len(m.rates)),
			figure(median(m.rates)), figure(m.rates[0]), figure(m.rates[len(m.rates)-1]),
		})
	}
	err := w.WriteAll(rows)
	return b.Bytes(), err
}

// median of ascending, at least one.
func median(rates []float64) float64 {
	n := len(rates)
	return (rates[(n-1)/2] + rates[n/2]) / 2
}

// figure has three significant digits: more would be noise.
func figure(rate float64) string {
	s := strconv.FormatFloat(rate, 'g', 3, 64)
	if v, err := strconv.ParseFloat(s, 64); err == nil {
		s = strconv.FormatFloat(v, 'f', -1, 64)
	}
	return s
}

// machine says where and how the figures are made.
func machine() [][2]string {
	cpu := &cpuid.CPU
	var chosen []string
	for _, k := range kernels.Chosen() {
		chosen = append(chosen, k.Kernel+"="+k.Implementation)
	}
	return [][2]string{
		{"date", time.Now().UTC().Format(time.RFC3339)},
		{"cpu", fmt.Sprintf("%s, family %d model %d stepping %d", cpuName(), cpu.Family, cpu.Model, cpu.Stepping)},
		{"features", kernels.Features().String()},
		{"cores", strconv.Itoa(runtime.NumCPU())},
		{"cache", fmt.Sprintf("L1d %d KiB, L2 %d KiB, L3 %d KiB", cpu.Cache.L1D>>10, cpu.Cache.L2>>10, cpu.Cache.L3>>10)},
		{"memory", memory()},
		{"system", runtime.GOOS + "/" + runtime.GOARCH},
		{"go", runtime.Version()},
		{"kernels", strings.Join(chosen, " ")},
		{"hf", strconv.FormatBool(tokenize.HFAvailable)},
		{"gomaxprocs", "1, or the workers of a contender workers=N"},
		{"revision", revision()},
		{"load before", loadAverage()},
	}
}

func cpuName() string { return cmp.Or(cpuid.CPU.BrandName, runtime.GOARCH) }

// cpuSlug is the CPU as a part of a file name. Virtual machines hide which
// Xeon it is; the model number tells.
func cpuSlug() string {
	name := strings.NewReplacer("(R)", "", "(TM)", "").Replace(cpuName())
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return fmt.Sprintf("%s-%d-%d-%dcores", strings.Join(words, "-"), cpuid.CPU.Family, cpuid.CPU.Model, runtime.NumCPU())
}

// memory and loadAverage are known where there is a /proc.
func memory() string {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(strings.TrimPrefix(line, "MemTotal:"))
}

func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(b))[:3], " ")
}

// revision is that of the source, "-dirty" if it was changed since.
func revision() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=12").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// TestResults reads every checked-in result back: figures that somebody quotes
// must name their machine and revision, and stand in the form written now.
func TestResults(t *testing.T) {
	fresh, err := format(machine(), []measured{{cell: cell{job: "J", text: "t", contender: "c", threads: 1}, bytes: 7, rates: []float64{1234.5, 1, 0.05678}}})
	if err != nil {
		t.Fatal(err)
	}
	checkResults(t, "fresh", fresh)
	if last := "J,t,c,1,7,3,1,0.0568,1230\n"; !bytes.HasSuffix(fresh, []byte("\n"+last)) {
		t.Errorf("written %q, want the last line %q", fresh, last)
	}
	files, err := filepath.Glob("results/*.csv")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		checkResults(t, f, b)
	}
}

func checkResults(t *testing.T, name string, b []byte) {
	t.Helper()
	for _, key := range []string{"date", "cpu", "cores", "go", "kernels", "revision", "load before"} {
		if !bytes.Contains(b, []byte("# "+key+": ")) {
			t.Errorf("%s: no %s", name, key)
		}
	}
	r := csv.NewReader(bytes.NewReader(b))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil || len(rows) < 2 || !slices.Equal(rows[0], columns) {
		t.Fatalf("%s: not a table of results: %v", name, err)
	}
	for _, row := range rows[1:] {
		var v [6]float64
		for i := range v {
			if v[i], err = strconv.ParseFloat(row[i+3], 64); err != nil {
				t.Errorf("%s: %v: %v", name, row, err)
			}
		}
		if median, low, high := v[3], v[4], v[5]; low <= 0 || median < low || median > high {
			t.Errorf("%s: %v: median outside of the range", name, row)
		}
	}
}
