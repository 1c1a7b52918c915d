package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/pay"
	"github.com/tallystick/tallystick/engine/store"
)

type payCmd struct {
	Dir       string  `arg:"" help:"Output folder of a finished run."`
	Tokenizer string  `placeholder:"NAME" help:"Pay by the tokens of this one of the run's tokenizers (default: the first)."`
	Pool      string  `required:"" placeholder:"AMOUNT" help:"The pool, in major units, such as 500000000 or 1234.56."`
	Currency  string  `required:"" placeholder:"CODE" help:"ISO 4217 code, such as USD."`
	Share     string  `default:"1" placeholder:"S" help:"Share of the pool that is paid out, such as 0.2 or 20% (default: 1)."`
	Minimum   string  `placeholder:"AMOUNT" help:"Carry what is owed below this payout to the next statement."`
	CarryIn   string  `placeholder:"FILE" help:"The JSONL statement before this one, whose carries are added."`
	Format    string  `enum:"table,jsonl,csv" default:"table" help:"table (amounts shown rounded to six decimals), jsonl or csv (exact)."`
	Limit     natural `default:"0" placeholder:"N" help:"Rows of the table (default: 0, all)."`
	Output    string  `short:"o" name:"output" placeholder:"FILE" help:"Write here, whole or not at all, instead of to standard output."`
}

// Help is shown by "tallystick pay --help".
func (*payCmd) Help() string {
	return `amount = tokens kept / total kept x pool x share, in integers of 10^-9 minor
units, rounded down at the end; what rounding leaves is in the row (carry).
Payments are whole minor units; fractions, and dues below --minimum, are carried.
Tokens without contributor are held in the row (unattributed). The sum of all
payments and carries is the pool times the share, always. A run with --credit
shared is paid by its credits instead of the tokens kept, exactly, fractions and
all.

Examples:
  tallystick pay out --pool 500000000 --currency USD --share 20%
  tallystick pay out --pool 1000000 --currency EUR --minimum 25 --format jsonl -o 2026Q3.jsonl
  tallystick pay out --pool 1000000 --currency EUR --carry-in 2026Q3.jsonl
  tallystick pay out --pool 1000000 --currency EUR --tokenizer llama3
  tallystick pay s3://bucket/runs/1 --pool 1000000 --currency EUR`
}

// Run computes amounts.
func (c *payCmd) Run(ctx context.Context, env *environment) error {
	o := pay.Options{Pool: c.Pool, Currency: c.Currency, Share: c.Share, Minimum: c.Minimum}
	if c.CarryIn != "" {
		carry, err := readCarry(c.CarryIn)
		if err != nil {
			// Not wrapped: the hints are about the files of a run.
			return fmt.Errorf("carry in: %s: %v", c.CarryIn, err)
		}
		o.CarryIn = &carry
	}
	if c.Output != "" {
		if err := folder.RefuseInRun(c.Output); err != nil {
			return err
		}
	}
	dir, cleanup, err := localRun(ctx, c.Dir, payFiles)
	defer cleanup()
	if err != nil {
		return err
	}
	s, err := pay.OfRun(ctx, dir, c.Tokenizer, o)
	if err != nil {
		return err
	}
	write := func(w io.Writer) error {
		switch c.Format {
		case "jsonl":
			return pay.WriteJSONL(w, s)
		case "csv":
			return pay.WriteCSV(w, s)
		}
		return pay.WriteTable(w, s, int(c.Limit))
	}
	if c.Output == "" {
		return write(env.stdout)
	}
	return store.WriteFile(ctx, c.Output, write)
}

func readCarry(path string) (carry pay.Carry, err error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return carry, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return pay.ReadCarry(f)
}
