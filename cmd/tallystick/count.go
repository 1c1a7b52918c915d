package main

import (
	"bufio"
	"context"
	"fmt"
	"os"

	"github.com/tallystick/tallystick/engine/count"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/request"
)

// defaultTokenizer is that of a count that names none: that of OpenAI's models
// since GPT-4o, the likeliest that a person means who does not say.
const defaultTokenizer = "o200k_base"

type countCmd struct {
	Inputs        []string `arg:"" optional:"" name:"input" help:"Files, folders, globs, s3://bucket/prefix, or - for standard input, also .gz or .zst (default: standard input)."`
	Input         string   `enum:"auto,text,jsonl" default:"auto" help:"What the inputs are: text (each file one text), jsonl, or auto, by their names (below)."`
	By            string   `enum:"total,file,document,contributor" default:"total" help:"A row per file or document (in input order), per contributor (sorted), or the total."`
	Format        string   `enum:"table,tsv,jsonl" default:"table" help:"table, tsv or jsonl."`
	documentFlags `embed:"" group:"Documents of JSON lines:"`
	rejectFlags   `embed:"" group:"Documents of JSON lines:"`
	Tokenizer     []string `sep:"none" group:"Counting:" placeholder:"[NAME=]FILE" help:"A tokenizer.json (plain, .gz, .zst) or a built-in one (${builtins}; default: ${default_tokenizer}). Several add a column each."`
	countingFlags `embed:"" group:"Counting:"`
}

// Help is shown by "tallystick count --help".
func (*countCmd) Help() string {
	return `How many tokens is this? Counts tokens and nothing else: duplicates count every
time. Counts are exact.

A file is one text, but for .jsonl and .ndjson files and compressed .json: they hold
a document a line. A plain .json and standard input hold that too if their first
line is a document. A folder means its files of JSON lines or, where it has none,
all its files but hidden and binary ones. What is not UTF-8 counts as U+FFFD.

A document without id is shown as FILE:LINE. In tsv a row is the label and its
tokens by each tokenizer, between tabs; a tab, newline, carriage return or
backslash in a label is written \t, \n, \r or \\. The total in tsv has no label.

What was made of a tokenizer is kept for the next time in the user's cache folder,
or that which TALLYSTICK_CACHE names ("off": nowhere). It can be deleted at will.

Examples:
  tallystick count README.md
  git diff | tallystick count
  tallystick count --by file docs/ --tokenizer llama3/tokenizer.json
  tallystick count corpus.jsonl.zst --by contributor
  tallystick count book.txt --tokenizer gpt2 --tokenizer q3=qwen3/tokenizer.json
  zcat big.jsonl.gz | tallystick count --by document --format tsv`
}

// Run counts.
func (c *countCmd) Run(ctx context.Context, env *environment) error {
	if len(c.Inputs) == 0 {
		if isTerminal(os.Stdin) {
			return fmt.Errorf("%w: nothing to count: name files or folders, or pipe text in", doc.ErrUsage)
		}
		c.Inputs = []string{"-"}
	}
	if len(c.Tokenizer) == 0 { // with a label, lest its tokens be taken for those of another
		c.Tokenizer = []string{defaultTokenizer + "=" + defaultTokenizer}
	}
	m := request.Means{
		Engine: c.Engine, CacheBytes: int64(c.Cache), Parser: c.Parser, Workers: workers(c.Workers), Progress: env.briefProgress(),
	}
	tokenizers, err := request.OpenTokenizers(c.Tokenizer, c.AddedTokens, m)
	if err != nil {
		return err
	}
	dir, cleanup, err := scratch()
	if err != nil {
		return err
	}
	defer cleanup()
	var labels []string
	for _, t := range tokenizers.Plan {
		labels = append(labels, t.Label)
	}
	out := bufio.NewWriterSize(env.stdout, 1<<16)
	rows := newCountWriter(out, c.By, c.Format, labels)
	var rejected natural
	err = count.Each(ctx, c.rules(), m, tokenizers.Counters, count.InputKind(c.Input), dir, func(batch []count.Counted) error {
		for i := range batch {
			d := &batch[i]
			if d.Reason != doc.OK {
				rejected++
				fmt.Fprintf(env.stderr, "tallystick: %s: line %d, byte %d: rejected: %s\n", d.File, d.Line, d.Offset, d.Reason)
				continue
			}
			if err := rows.add(d); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	env.close()
	if err := rows.close(); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if rejected > c.MaxRejects {
		return errRejects{rejected: rejected, allowed: c.MaxRejects}
	}
	return nil
}

func (c *countCmd) rules() request.Rules {
	return request.Rules{
		Inputs: c.Inputs, Tokenizers: c.Tokenizer, AddedTokens: c.AddedTokens,
		Fields: c.fields(), MaxLine: int64(c.MaxLine), ShardSize: countShard,
	}
}

// countShard is small, so that all workers have something to do soon.
const countShard = 4 << 20

// scratch makes a private folder for standard input and spilled sets.
func scratch() (dir string, cleanup func(), err error) {
	dir, err = os.MkdirTemp("", "tallystick-")
	return dir, func() { os.RemoveAll(dir) }, err
}
