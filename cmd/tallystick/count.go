package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/tallystick/tallystick/engine"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/tokenize"
)

type countCmd struct {
	inputFlags     `embed:"" group:"Documents:"`
	tokenizerFlags `embed:"" group:"Counting:"`
	By             string `enum:"document,contributor,total" default:"total" help:"A row per document (in input order), per contributor (sorted), or the total."`
	Format         string `enum:"table,tsv,jsonl" default:"table" help:"table, tsv or jsonl."`
}

// Help is shown by "tallystick count --help".
func (*countCmd) Help() string {
	return `Counts tokens and nothing else: duplicates count every time. A document without
id is shown as FILE:LINE. In tsv by document a row is id<TAB>tokens; a tab,
newline, carriage return or backslash in a label is written \t, \n, \r or \\.

Examples:
  tallystick count corpus.jsonl --tokenizer gpt2
  tallystick count corpus/ --tokenizer gpt2 --by contributor
  zcat big.jsonl.gz | tallystick count - --tokenizer llama3/tokenizer.json --by document --format tsv`
}

// Run counts.
func (c *countCmd) Run(ctx context.Context, env *environment) error {
	m := engine.Means{Engine: c.Engine, Parser: c.Parser, Workers: workers(c.Workers), Progress: env.progress()}
	counter, _, err := tokenize.Open(c.Tokenizer, tokenize.Options{Engine: c.Engine, AddedTokens: c.AddedTokens})
	if err != nil {
		return err
	}
	dir, cleanup, err := scratch()
	if err != nil {
		return err
	}
	defer cleanup()
	out := bufio.NewWriterSize(env.stdout, 1<<16)
	rows := newCountWriter(out, c.By, c.Format)
	var rejected natural
	err = engine.Count(ctx, rules(&c.inputFlags, &c.tokenizerFlags, nil), m, counter, dir, func(batch []engine.Counted) error {
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

// scratch makes a private folder for standard input and spilled sets.
func scratch() (dir string, cleanup func(), err error) {
	dir, err = os.MkdirTemp("", "tallystick-")
	return dir, func() { os.RemoveAll(dir) }, err
}

// countRow is a row of output; Name is empty for the total.
type countRow struct {
	name   string
	counts doc.Counts
}

// countWriter prints documents as they come, or sums when they have.
type countWriter struct {
	by, format string
	sums       map[string]*doc.Counts
	total      doc.Counts
	put        func(countRow) error
	finish     func() error
}

func newCountWriter(w io.Writer, by, format string) *countWriter {
	c := &countWriter{by: by, format: format, sums: map[string]*doc.Counts{}, finish: func() error { return nil }}
	switch format {
	case "tsv":
		c.put = func(r countRow) error {
			var err error
			switch by {
			case "total":
				_, err = fmt.Fprintf(w, "%d\n", r.counts.Tokens)
			default:
				_, err = fmt.Fprintf(w, "%s\t%d\n", escapeTSV(r.name), r.counts.Tokens)
			}
			return err
		}
	case "jsonl":
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		c.put = func(r countRow) error {
			switch by {
			case "document":
				return enc.Encode(struct {
					ID     string `json:"id"`
					Bytes  uint64 `json:"bytes"`
					Tokens uint64 `json:"tokens"`
				}{r.name, r.counts.Bytes, r.counts.Tokens})
			case "contributor":
				return enc.Encode(struct {
					Contributor string `json:"contributor"`
					doc.Counts
				}{r.name, r.counts})
			}
			return enc.Encode(r.counts)
		}
	default:
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		head := "documents\tbytes\ttokens\t"
		if by != "total" {
			head += " " + by
		}
		fmt.Fprintln(t, head)
		c.put = func(r countRow) error {
			_, err := fmt.Fprintf(t, "%d\t%d\t%d\t %s\n", r.counts.Documents, r.counts.Bytes, r.counts.Tokens, escapeTSV(r.name))
			return err
		}
		c.finish = t.Flush
	}
	return c
}

func (c *countWriter) add(d *engine.Counted) error {
	switch c.by {
	case "document":
		return c.put(countRow{d.Label(), d.Counts})
	case "contributor":
		sum := c.sums[d.Contributor]
		if sum == nil {
			sum = new(doc.Counts)
			c.sums[d.Contributor] = sum
		}
		sum.Add(d.Counts)
	default:
		c.total.Add(d.Counts)
	}
	return nil
}

func (c *countWriter) close() error {
	if c.by == "total" {
		if err := c.put(countRow{"", c.total}); err != nil {
			return err
		}
	}
	names := make([]string, 0, len(c.sums))
	for n := range c.sums {
		names = append(names, n)
	}
	slices.SortFunc(names, cmp.Compare[string])
	for _, n := range names {
		if err := c.put(countRow{n, *c.sums[n]}); err != nil {
			return err
		}
	}
	return c.finish()
}

var tsvEscaper = strings.NewReplacer("\\", `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)

func escapeTSV(s string) string { return tsvEscaper.Replace(s) }
