package main

import (
	"context"
	"time"

	"github.com/tallystick/tallystick/engine/folder"
)

type statusCmd struct {
	Dir      string `arg:"" help:"Output folder of a run or of a plan's tasks."`
	Format   string `enum:"table,jsonl" default:"table" help:"table, or jsonl: a line for each stage."`
	ExitCode bool   `help:"Exit with 4 if the run is not finished."`
}

// Help is shown by "tallystick status --help".
func (*statusCmd) Help() string {
	return `Reads plan.json, the records of finished tasks and the leases of running ones, and
says of every stage which tasks are done, running and missing. A task whose process
died is missing, and so is one whose record is damaged; what a record names is
checked by the task that reads it.

Examples:
  tallystick status out
  tallystick status out --format jsonl | jq -r 'select(.stage == "scan").missing_tasks'
  tallystick status out --exit-code && tallystick verify out

Exit codes: 0 done (whatever the run's state), 1 failed, 2 wrong usage, 130
interrupted; with --exit-code 0 means that the run is finished, 4 that it is not.`
}

// Run tells how far a run is.
func (c *statusCmd) Run(ctx context.Context, env *environment) error {
	s, err := folder.ReadStatus(ctx, c.Dir)
	if err != nil {
		return err
	}
	if c.Format == "jsonl" {
		err = s.WriteJSONL(env.stdout)
	} else {
		err = s.WriteTable(env.stdout, time.Now())
	}
	if err == nil && c.ExitCode && !s.Finished {
		return errUnfinished
	}
	return err
}
