package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/progress"
	"github.com/tallystick/tallystick/engine/verify"
)

type verifyCmd struct {
	Dir       string   `arg:"" help:"Output folder of a finished run."`
	Inputs    bool     `xor:"much" help:"Also read the corpus again: recount every document, prove every drop."`
	Digests   bool     `xor:"much" help:"Only compare files with their digests, as after copying a run."`
	Tokenizer []string `sep:"none" placeholder:"[NAME=]FILE" help:"Where the plan's tokenizer is here, if not where it was; of several by name, or in their order."`
	Engine    string   `enum:"auto,native,hf" default:"auto" help:"Who recounts; hf shares no code with native."`
	Workers   natural  `default:"0" placeholder:"N" help:"Goroutines that work (default: one per core)."`
}

// Help is shown by "tallystick verify --help".
func (*verifyCmd) Help() string {
	return `Derives every digest, sum and decision again from the files on disk, with readers
of its own: it shares no code with what decided and wrote them. --inputs reads the
corpus with the same JSON rule, recounts (--engine hf: by another engine) and
compares shingles as strings instead of hashes. Exit code 1 if anything is wrong;
every failure names file and line. Of a run that read standard input --inputs fails:
nobody kept it. A run in a store is copied to a temporary folder (TMPDIR) first.

Examples:
  tallystick verify out
  tallystick verify s3://bucket/runs/1
  tallystick verify /mnt/backup/out --digests
  tallystick verify out --inputs --engine hf`
}

// Run verifies.
func (c *verifyCmd) Run(ctx context.Context, env *environment) error {
	dir, cleanup, err := localRun(ctx, c.Dir, wholeRun)
	defer cleanup()
	if err != nil && !errors.Is(err, doc.ErrCorrupt) { // that it finds by itself, and whatever else is wrong
		return err
	}
	p := &verifyProgress{p: env.progress()}
	report, err := verify.Run(ctx, dir, verify.Options{
		Inputs: c.Inputs, Digests: c.Digests, Engine: c.Engine, Tokenizers: c.Tokenizer, Workers: workers(c.Workers), Progress: p.tell,
	})
	p.end()
	env.close()
	failed := 0
	for _, check := range report.Checks {
		if !check.OK {
			failed++
		}
		if check.OK && env.output.Quiet {
			continue
		}
		verdict := "ok"
		if !check.OK {
			verdict = "FAILED"
		}
		fmt.Fprintf(env.stdout, "%-11s %-6s  %s\n", check.Name, verdict, named(check.Detail, dir, c.Dir))
		for _, f := range check.Failures {
			fmt.Fprintf(env.stdout, "            %s\n", named(f, dir, c.Dir))
		}
		if check.More > 0 {
			fmt.Fprintf(env.stdout, "            and %d more\n", check.More)
		}
	}
	if err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%s: %w: %d of %d checks failed", c.Dir, errVerify, failed, len(report.Checks))
	}
	return nil
}

var errVerify = errors.New("verification failed")

// verifyProgress turns totals into the steps that a bar wants.
type verifyProgress struct {
	p     progress.Listener
	stage string
	begun time.Time
	done  int64
}

func (v *verifyProgress) tell(stage string, done, total int64) {
	if v.p == nil {
		return
	}
	if stage != v.stage {
		v.end()
		v.stage, v.begun, v.done = stage, time.Now(), 0
		unit := "bytes"
		if stage == "decisions" {
			unit = "shards"
		}
		v.p.Start(stage, total, unit)
	}
	v.p.Add(done - v.done)
	v.done = done
}

func (v *verifyProgress) end() {
	if v.p != nil && v.stage != "" {
		v.p.End(progress.Timing{Stage: v.stage, Seconds: time.Since(v.begun).Seconds()})
		v.stage = ""
	}
}
