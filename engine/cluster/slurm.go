package cluster

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// SlurmOptions are where the jobs run and what sbatch is asked for.
type SlurmOptions struct {
	Size
	Binary     string   // absolute path of tallystick on the nodes
	Plan       string   // of plan.json, likewise
	Workdir    string   // that relative paths of inputs start from, likewise
	Jobs       string   // folder of the files that are written, likewise
	Tokenizers []string // values of --tokenizer for scan
	Partition  string
	Account    string
	ArrayLimit int      // jobs of a stage that run at once; 0: no limit
	MaxRejects int64    // of seal
	Sbatch     []string // further options of sbatch, such as "--qos=low"
	StageArgs  []string // further options of every stage
}

// Slurm returns a script for sbatch for each stage, and submit.sh, which
// submits them so that each waits for the one before it.
func Slurm(p plan.Plan, o SlurmOptions) ([]File, []Stage, error) {
	stages, err := Stages(p, o.Size)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range []struct{ what, path string }{{"the program", o.Binary}, {"the plan", o.Plan}, {"the working folder", o.Workdir}, {"the folder of jobs", o.Jobs}} {
		if err := checkPath(c.what, c.path); err != nil {
			return nil, nil, err
		}
	}
	for what, texts := range map[string][]string{"partition": {o.Partition}, "account": {o.Account}, "option of sbatch": o.Sbatch, "tokenizer": o.Tokenizers, "option": o.StageArgs} {
		for _, s := range texts {
			if err := checkText(what, s); err != nil {
				return nil, nil, err
			}
		}
	}
	if o.ArrayLimit < 0 || o.MaxRejects < 0 {
		return nil, nil, fmt.Errorf("%w: limits are not negative", doc.ErrUsage)
	}
	var files []File
	for _, s := range stages {
		f, err := fill(string(s.Name)+".sbatch", 0o666, "stage.sbatch", struct {
			Stage
			O SlurmOptions
		}{s, o})
		if err != nil {
			return nil, nil, err
		}
		files = append(files, f)
	}
	f, err := fill("submit.sh", 0o777, "submit.sh", stages)
	return append(files, f), stages, err
}

// slurmTime spells a limit as sbatch takes it: days-hours:minutes:seconds.
func slurmTime(d time.Duration) string {
	m := int(d.Minutes())
	return fmt.Sprintf("%d-%02d:%02d:00", m/(24*60), m/60%24, m%60)
}

// slurmPath makes a path part of a file name pattern of sbatch.
func slurmPath(s string) string { return strings.ReplaceAll(s, "%", "%%") }

// ParseTime reads a time limit as sbatch takes it: minutes, minutes:seconds,
// hours:minutes:seconds, days-hours, days-hours:minutes,
// days-hours:minutes:seconds; or as Go does: 90m, 2h30m.
func ParseTime(s string) (time.Duration, error) {
	bad := fmt.Errorf("%w: %q is no time limit such as 90m, 2:00:00 or 1-12", doc.ErrUsage, s)
	if d, err := time.ParseDuration(s); err == nil {
		if d <= 0 {
			return 0, bad
		}
		return d, nil
	}
	units := map[int][]time.Duration{1: {time.Minute}, 2: {time.Minute, time.Second}, 3: {time.Hour, time.Minute, time.Second}}
	var total time.Duration
	rest := s
	if days, after, ok := strings.Cut(s, "-"); ok {
		n, err := strconv.ParseUint(days, 10, 14)
		if err != nil {
			return 0, bad
		}
		total, rest = time.Duration(n)*24*time.Hour, after
		units = map[int][]time.Duration{1: {time.Hour}, 2: {time.Hour, time.Minute}, 3: {time.Hour, time.Minute, time.Second}}
	}
	parts := strings.Split(rest, ":")
	if units[len(parts)] == nil {
		return 0, bad
	}
	for i, unit := range units[len(parts)] {
		n, err := strconv.ParseUint(parts[i], 10, 21) // in hours: 239 years, of the 292 of a Duration
		if err != nil {
			return 0, bad
		}
		total += time.Duration(n) * unit
	}
	if total <= 0 {
		return 0, bad
	}
	return total, nil
}
