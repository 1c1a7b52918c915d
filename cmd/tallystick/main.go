// Command tallystick tells whose tokens are in a training corpus, and how
// many. This package only binds flags to package engine.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/estimate"
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/headroom"
	"github.com/tallystick/tallystick/engine/store/s3"
	"github.com/tallystick/tallystick/engine/tokenize"
	"github.com/tallystick/tallystick/kernels"
)

// Exit codes, as documented in docs/formats.md.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitRejects     = 3
	exitUnfinished  = 4 // status --exit-code alone
	exitInterrupted = 130
)

type cli struct {
	Run     runCmd     `cmd:"" help:"Do the whole job: deduplicate, count, tally."`
	Count   countCmd   `cmd:"" help:"Count tokens alone."`
	Pairs   pairsCmd   `cmd:"" help:"List proven near-duplicate pairs."`
	Sweep   sweepCmd   `cmd:"" help:"Show what every threshold would drop, and from whom."`
	Explain explainCmd `cmd:"" help:"Say why a document was kept or dropped."`
	Verify  verifyCmd  `cmd:"" help:"Check a finished run without trusting the code that wrote it."`
	Pay     payCmd     `cmd:"" help:"Turn a tally into amounts."`

	Rethreshold rethresholdCmd `cmd:"" help:"Write what a sweepable run would have been at another threshold."`

	Plan    planCmd    `cmd:"" help:"Freeze inputs and rules in plan.json, for tasks of a cluster."`
	Stage   stageCmd   `cmd:"" help:"Do one task of one stage of a plan, or a few."`
	Status  statusCmd  `cmd:"" help:"Show how far a run is: tasks done, running and missing."`
	Cluster clusterCmd `cmd:"" help:"Write the jobs that do a plan's tasks on a cluster."`
	Version versionCmd `cmd:"" help:"Print the version and what this machine offers."`

	Output outputFlags `embed:"" group:"Output:"`
}

// errUnfinished is the answer of status --exit-code about a run that is not
// finished.
var errUnfinished = errors.New("the run is not finished")

// errRejects ends a command that finished but rejected more lines than
// allowed.
type errRejects struct {
	rejected, allowed natural
	where             string // file that names them; empty: they were named already
}

func (e errRejects) Error() string {
	lines := "lines"
	if e.rejected == 1 {
		lines = "line"
	}
	text := fmt.Sprintf("%d %s rejected, %d allowed (--max-rejects); the output is complete without them", e.rejected, lines, e.allowed)
	if e.where != "" {
		text += "; " + e.where + " names them"
	}
	return text
}

func main() {
	os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr))
}

// grammarFor returns what kong is to parse args by, a pointer to a cli, and the
// flags of all commands in it. Where args begin with a command the others are left
// out: to read the tags of all takes longer than many a command.
func grammarFor(args []string) (grammar any, output *outputFlags) {
	var c cli
	all := reflect.TypeOf(c)
	for i := range all.NumField() {
		field := all.Field(i)
		if _, command := field.Tag.Lookup("cmd"); !command || len(args) == 0 || args[0] != strings.ToLower(field.Name) {
			continue
		}
		flags, _ := all.FieldByName("Output")
		one := reflect.New(reflect.StructOf([]reflect.StructField{
			{Name: field.Name, Type: field.Type, Tag: field.Tag},
			{Name: flags.Name, Type: flags.Type, Tag: flags.Tag},
		}))
		return one.Interface(), one.Elem().Field(1).Addr().Interface().(*outputFlags)
	}
	return &c, &c.Output
}

// Main runs the program and returns its exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	s3.Register()
	grammar, output := grammarFor(args)
	helped := false
	if err := kernels.CheckEnv(); err != nil {
		fmt.Fprintln(stderr, "tallystick:", err)
		return exitUsage
	}
	parser, err := kong.New(grammar,
		kong.Name("tallystick"),
		kong.Description("Whose tokens are in this training set, and how many?\n\nReads JSONL corpora, proves and removes duplicates, counts tokens exactly as Hugging Face tokenizers would, and writes a tally per contributor."),
		kong.Writers(stdout, stderr),
		kong.Vars{"builtins": strings.Join(tokenize.Builtins(), ", "), "default_tokenizer": defaultTokenizer, "default_floor": defaultFloor},
		kong.Exit(func(int) { helped = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 100}),
		kong.ShortUsageOnError(),
	)
	if err != nil {
		fmt.Fprintln(stderr, "tallystick:", err)
		return exitFailed
	}
	// What people type first, whatever a tool calls its commands.
	switch {
	case len(args) == 0, len(args) == 1 && args[0] == "help":
		args = []string{"--help"}
	case len(args) == 1 && args[0] == "--version":
		args = []string{"version"}
	}
	k, err := parser.Parse(args)
	if helped {
		return exitDone
	}
	if err != nil {
		output.complain(stderr, fmt.Errorf("%w: %v", doc.ErrUsage, err), "")
		return exitUsage
	}
	garbage := uint64(headroom.Least)
	if k.Selected().Name == "verify" { // which leaves 25 times its input
		garbage = headroom.LeastOfBig
	}
	headroom.Bound(garbage)
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals()...)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	// A closed pipe is an error to return, after which folders are cleaned
	// up, not a signal to die of.
	signal.Ignore(syscall.SIGPIPE)
	env := &environment{stdout: stdout, stderr: stderr, output: *output}
	k.BindTo(ctx, (*context.Context)(nil))
	if output.Metrics != "" {
		env.metrics, err = newMetrics(output.Metrics)
	}
	if err == nil {
		err = k.Run(env)
	}
	env.close()
	if env.metrics != nil {
		if metricsErr := env.metrics.stop(); err == nil {
			err = metricsErr
		}
	}
	var rejects errRejects
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &rejects):
		output.complain(stderr, err, "")
		return exitRejects
	case errors.Is(err, errUnfinished):
		return exitUnfinished
	case errors.Is(err, syscall.EPIPE):
		return exitDone // the reader of our output has had enough
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		output.complain(stderr, interruption(k.Selected().Name), "")
		return exitInterrupted
	case errors.Is(err, doc.ErrUsage):
		output.complain(stderr, err, "")
		return exitUsage
	}
	output.complain(stderr, err, k.Selected().Name)
	return exitFailed
}

// stopSignals are those that stop a command. A terminal that was closed is one, unless whoever
// began the command (nohup) has it go on then.
func stopSignals() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// interruption says what becomes of what a command has done until it was stopped.
func interruption(command string) error {
	switch command {
	case "run":
		return errors.New("interrupted (a run goes on with --resume)")
	case "stage":
		return errors.New("interrupted (the task left nothing behind; run it again)")
	case "plan":
		return errors.New("interrupted (there is no plan; run it again)")
	case "rethreshold":
		return errors.New("interrupted (the run in the output folder is not finished; write it again with --force)")
	}
	return errors.New("interrupted")
}

// complain prints an error of a command and, where one is known, a hint.
func (o *outputFlags) complain(w io.Writer, err error, command string) {
	text := err.Error()
	if word := doc.ErrUsage.Error(); errors.Is(err, doc.ErrUsage) { // says nothing more to people
		text = strings.TrimSuffix(strings.TrimPrefix(text, word+": "), ": "+word)
		text = strings.ReplaceAll(text, ": "+word+": ", ": ")
	}
	h := hint(err, command)
	switch {
	case o.JSONLog && h != "":
		slog.New(slog.NewJSONHandler(w, nil)).Error(text, slog.String("hint", h))
	case o.JSONLog:
		slog.New(slog.NewJSONHandler(w, nil)).Error(text)
	default:
		fmt.Fprintln(w, "tallystick:", text)
		if h != "" {
			fmt.Fprintln(w, "tallystick: hint:", h)
		}
	}
}

func hint(err error, command string) string {
	again := "run it again"
	if command == "run" {
		again = "run again with --resume"
	}
	var estimated estimate.UselessError
	var planned folder.DamagedPlanError
	switch {
	case errors.As(err, &estimated):
		return "remove the file, then memory and limits are guessed, or plan again with --estimate"
	case errors.Is(err, syscall.ENOSPC):
		return "the disk of that file is full; free some space, then " + again
	case errors.Is(err, syscall.EDQUOT):
		return "that file is beyond the quota of its user or group; remove others, or have it raised, then " + again
	case errors.Is(err, syscall.EFBIG):
		return "that file is larger than its file system or this process (ulimit -f) may have it; have that raised, then " + again
	case errors.Is(err, doc.ErrInUse):
		return "wait for it to end, or stop it; \"tallystick status\" shows who works in a folder"
	case errors.Is(err, doc.ErrInputChanged):
		return "inputs must not change while they are read or between plan and run; plan again"
	case errors.Is(err, doc.ErrUnsupported):
		return "\"make hf\" builds the Hugging Face engine, which counts what the native one refuses"
	case errors.As(err, &planned):
		return "the plan was damaged or edited, and without it nothing can be gone on with; run or plan anew with --force"
	case errors.Is(err, doc.ErrCorrupt) && command == "stage":
		return "the file was damaged after it was written; do the task that wrote it again, whose stage and number are in its name, or all stages"
	case errors.Is(err, doc.ErrCorrupt):
		return "the file is damaged or was edited; remove it and run again with --resume, or run anew with --force"
	case errors.Is(err, os.ErrPermission):
		return "check the permissions of that file or folder"
	}
	return ""
}
