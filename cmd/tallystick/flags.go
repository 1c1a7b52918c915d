package main

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/request"
)

// byteSize is a flag such as 64MiB.
type byteSize int64

// UnmarshalText parses a number of bytes with an optional unit.
func (b *byteSize) UnmarshalText(text []byte) error {
	s := string(text)
	units := []struct {
		suffix string
		factor int64
	}{
		{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
		{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1},
	}
	for _, u := range units {
		digits, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n <= 0 || n > (1<<62)/u.factor {
			break
		}
		*b = byteSize(n * u.factor)
		return nil
	}
	return fmt.Errorf("%w: %q is not a size such as 64MiB or 2GB", doc.ErrUsage, s)
}

// natural is a flag that counts something.
type natural int64

// UnmarshalText parses a whole number from 0.
func (n *natural) UnmarshalText(text []byte) error {
	v, err := strconv.ParseInt(string(text), 10, 63)
	if err != nil || v < 0 {
		return fmt.Errorf("%w: %q is not a whole number from 0", doc.ErrUsage, text)
	}
	*n = natural(v)
	return nil
}

type inputFlags struct {
	Inputs []string `arg:"" name:"input" help:"Files, folders, globs, s3://bucket/prefix, or - for standard input: JSONL, plain, .gz or .zst."`
	documentFlags
}

// documentFlags say how documents are read from JSON lines.
type documentFlags struct {
	TextField          string   `default:"text" placeholder:"PATH" help:"Dotted path of the text (default: text)."`
	IDField            string   `default:"id" placeholder:"PATH" help:"Dotted path of the id, a label (default: id)."`
	ContributorField   string   `default:"contributor" placeholder:"PATH" help:"Dotted path of who is credited (default: contributor)."`
	CreatedField       string   `default:"created" placeholder:"PATH" help:"Dotted path of the time that decides who was first (default: created)."`
	RequireContributor bool     `help:"Reject a document without contributor instead of crediting (unattributed)."`
	MaxLine            byteSize `default:"256MiB" placeholder:"SIZE" help:"Reject a longer line (default: 256MiB)."`
	Parser             string   `enum:"native,simdjson" default:"native" help:"JSON parser: native or simdjson; the results are the same."`
	Workers            natural  `default:"0" placeholder:"N" help:"Goroutines that work (default: one per core); the results are the same."`
}

// rejectFlags are those of commands that read all lines themselves.
type rejectFlags struct {
	MaxRejects natural `default:"0" placeholder:"N" help:"Exit with 3 if more lines than this are rejected (default: 0)."`
}

func (f *documentFlags) fields() plan.Fields {
	return plan.Fields{
		Text: f.TextField, ID: f.IDField, Contributor: f.ContributorField, Created: f.CreatedField,
		RequireContributor: f.RequireContributor,
	}
}

func workers(n natural) int {
	if n > 0 {
		return int(min(n, 1<<16)) // more would only cost
	}
	return runtime.GOMAXPROCS(0)
}

type tokenizerFlags struct {
	Tokenizer []string `required:"" sep:"none" placeholder:"[NAME=]FILE" help:"A tokenizer.json (plain, .gz, .zst) or a built-in one (${builtins}). Each further one adds columns named after it."`
	countingFlags
}

type countingFlags struct {
	Engine      string   `enum:"auto,native,hf" default:"auto" help:"Who counts: native, hf (Hugging Face, needs a build with it), or auto: native where it is exact, else hf."`
	AddedTokens string   `enum:"match,text" default:"match" help:"Added tokens in the text: match them as Hugging Face does, or treat them as text."`
	Cache       byteSize `placeholder:"SIZE" help:"Memory for counts of words, per worker and tokenizer (default: the engine's choice); the counts are the same."`
}

type nearDupFlags struct {
	Threshold string   `default:"0.8" placeholder:"T" help:"Jaccard at which a document is a near duplicate, 0 < T <= 1 (default: 0.8)."`
	Recall    float64  `default:"0.99" placeholder:"R" help:"Least predicted recall at the threshold; chooses the bands (default: 0.99)."`
	Shingle   natural  `name:"shingle-words" default:"5" placeholder:"N" help:"Words in a shingle, 1 to 32; 5 is fast, fewer find looser likeness (default: 5)."`
	Seed      uint64   `default:"1" placeholder:"N" help:"Keys all hashes that decide anything; draw it after the delivery closes (default: 1)."`
	ShardSize byteSize `placeholder:"SIZE" help:"Nominal size of a shard of an uncompressed file (default: about a 16th of the inputs, from 4MiB to 64MiB)."`
}

// defaultFloor is that of a sweepable run that names none.
const defaultFloor = "0.5"

type sweepableFlags struct {
	Sweepable bool   `help:"Also keep what sweep, rethreshold and explain need for other thresholds (DIR/sweep)."`
	Floor     string `placeholder:"F" help:"Lowest threshold that a sweepable run can answer for, whose bands it chooses; implies --sweepable (default: ${default_floor})."`
}

// floor is empty for a run that is not sweepable.
func (f *sweepableFlags) floor() string {
	if f.Sweepable && f.Floor == "" {
		return defaultFloor
	}
	return f.Floor
}

// shingleWords makes 0, which is none, a number that is refused as well.
func shingleWords(n natural) int {
	if n == 0 {
		return -1
	}
	return int(min(n, 1<<16))
}

func rules(in *inputFlags, tok *tokenizerFlags, near *nearDupFlags) request.Rules {
	r := request.Rules{Inputs: in.Inputs, Fields: in.fields(), MaxLine: int64(in.MaxLine)}
	if tok != nil {
		r.Tokenizers, r.AddedTokens = tok.Tokenizer, tok.AddedTokens
	}
	if near != nil {
		r.Threshold, r.Recall, r.Seed, r.ShardSize = near.Threshold, near.Recall, near.Seed, int64(near.ShardSize)
		r.Shingle = shingleWords(near.Shingle)
	}
	return r
}

type outputFlags struct {
	Quiet   bool   `short:"q" help:"No progress, no summary; errors only."`
	JSONLog bool   `name:"json-log" help:"Progress and errors as JSON lines on standard error."`
	Metrics string `placeholder:"ADDR|FILE" help:"Progress for Prometheus: over HTTP at an address such as :9090 while the command runs, or in a file."`
}
