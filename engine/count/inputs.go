package count

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/jsonl"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/progress"
	"github.com/tallystick/tallystick/engine/request"
)

// InputKind says what the inputs of Each are.
type InputKind string

const (
	// InputAuto tells by the name: .jsonl, .ndjson and compressed .json are
	// JSON lines, other files are texts. A plain .json, and standard input, are
	// JSON lines if the first line is a document.
	InputAuto  InputKind = "auto"
	InputJSONL InputKind = "jsonl"
	InputText  InputKind = "text"
)

// source is an input of Each.
type source struct {
	path   string // as given
	opened string // as it can be opened here
	named  bool   // by the user, rather than found in a folder
	isText bool
	text   []byte // of standard input
}

// unit is what one worker counts: a text, or a shard of JSON lines.
type unit struct {
	source
	size    int64 // of a text, bytes on disk
	planned plan.File
	shard   plan.Shard
}

// findSources lists the inputs and tells texts from JSON lines.
func findSources(ctx context.Context, r request.Rules, m request.Means, kind InputKind, dir string) ([]source, error) {
	expand := func(ctx context.Context, args []string) ([]string, error) {
		return corpus.ExpandText(ctx, args, kind == InputText)
	}
	if kind == InputJSONL {
		expand = corpus.Expand
	}
	paths, err := expand(ctx, r.Inputs)
	if err != nil {
		return nil, err
	}
	if paths, err = folder.LeaveOutRuns(ctx, paths, r.Inputs, m.Progress); err != nil {
		return nil, err
	}
	named := map[string]bool{}
	for _, a := range r.Inputs {
		named[folder.CleanInput(a)] = true
	}
	parser, err := r.Parser(m)
	if err != nil {
		return nil, err
	}
	sources := make([]source, len(paths))
	for i, p := range paths {
		s := source{path: p, opened: p, named: named[folder.CleanInput(p)]}
		switch {
		case p == "-":
			s, err = stdinSource(ctx, r, m, kind, parser, dir)
		case kind == InputAuto && corpus.IsJSON(p) && !corpus.IsJSONLines(p):
			s.isText, err = beginsAsText(ctx, p, r.MaxLine, parser)
		default:
			s.isText = kind == InputText || kind == InputAuto && !corpus.IsJSONLines(p)
		}
		if err != nil {
			return nil, err
		}
		sources[i] = s
	}
	return sources, nil
}

// beginsAsText reports whether the first line of a file is no document.
func beginsAsText(ctx context.Context, path string, maxLine int64, parser jsonl.Parser) (bool, error) {
	line, err := corpus.FirstLine(ctx, path, maxLine)
	if err != nil {
		return false, err
	}
	var rec jsonl.Record
	return parser.Parse(bytes.TrimRight(line, "\r"), &rec) != doc.OK, nil
}

// stdinPeek is how much of standard input is looked at before it is decided
// where it goes.
const stdinPeek = 64 << 10

// stdinSource reads standard input: a text into memory, JSON lines, which are
// cut into shards, and what is compressed into a file.
func stdinSource(ctx context.Context, r request.Rules, m request.Means, kind InputKind, parser jsonl.Parser, dir string) (source, error) {
	s := source{path: "-", named: true}
	in := corpus.Stdin(ctx)
	head := make([]byte, stdinPeek)
	n, err := io.ReadFull(in, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return s, fmt.Errorf("standard input: %w: %w", doc.ErrInput, err)
	}
	head = head[:n]
	all := io.MultiReader(bytes.NewReader(head), in)
	plain := !bytes.HasPrefix(head, []byte("\x1f\x8b")) && !bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd"))
	object := bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte("{"))
	if plain && (kind == InputText || kind == InputAuto && !object) {
		s.isText = true
		text := bytes.NewBuffer(make([]byte, 0, stdinPeek))
		if read, err := text.ReadFrom(io.LimitReader(all, maxText+1)); err != nil {
			return s, fmt.Errorf("standard input: %w: %w", doc.ErrInput, err)
		} else if read > maxText {
			return s, errTooLong("standard input")
		}
		s.text = text.Bytes()
		return s, nil
	}
	if s.opened, err = folder.SpoolFrom(ctx, all, dir); err != nil {
		return s, err
	}
	switch kind {
	case InputText:
		s.isText = true
	case InputAuto:
		s.isText, err = beginsAsText(ctx, s.opened, r.MaxLine, parser)
		if s.isText && object && m.Progress != nil {
			m.Progress.Notice(fmt.Sprintf("standard input has no document in its first line (a JSON object with %q): it counts as one text; --input jsonl reads JSON lines", r.Fields.Text))
		}
	}
	return s, err
}

// cutUnits cuts JSON lines into shards. Nothing is read but where files are cut,
// unless that cannot be known without reading them (corpus.Draft).
func cutUnits(ctx context.Context, r request.Rules, m request.Means, sources []source) (units []unit, total int64, err error) {
	shards := make([][]unit, len(sources))
	var unread []int // sources that no draft can be made of
	for i, s := range sources {
		if s.isText {
			continue
		}
		if files, cuts, ok := corpus.Draft(ctx, []string{s.opened}, r.ShardSize); ok {
			shards[i] = s.shards(files[0], cuts)
		} else {
			unread = append(unread, i)
		}
	}
	if err := planUnits(ctx, r, m, sources, unread, shards); err != nil {
		return nil, 0, err
	}
	for i, s := range sources {
		if !s.isText {
			for _, u := range shards[i] {
				total += u.shard.Length
			}
			units = append(units, shards[i]...)
			continue
		}
		u := unit{source: s, size: int64(len(s.text))}
		if s.text == nil {
			if size, err := corpus.Size(ctx, s.opened); err == nil {
				u.size = size
			}
		}
		total += u.size
		units = append(units, u)
	}
	return units, total, nil
}

// planUnits reads the sources of these numbers and stores their shards.
func planUnits(ctx context.Context, r request.Rules, m request.Means, sources []source, numbers []int, shards [][]unit) error {
	if len(numbers) == 0 {
		return nil
	}
	paths := make([]string, len(numbers))
	for i, n := range numbers {
		paths[i] = sources[n].opened
	}
	total := corpus.TotalSize(ctx, paths)
	track := progress.Start(m.Progress, "plan", total, "bytes")
	files, cuts, err := corpus.Plan(ctx, paths, corpus.PlanOptions{
		ShardSize: r.ShardSize, Workers: m.Workers, SkipDigest: true, Progress: track.Add,
	})
	if err != nil {
		return err
	}
	track.End(1, total)
	for _, c := range cuts {
		n := numbers[c.File]
		shards[n] = append(shards[n], sources[n].shards(files[c.File], []plan.Shard{c})...)
	}
	return nil
}

// shards returns the units of a source of JSON lines.
func (s source) shards(file plan.File, cuts []plan.Shard) (units []unit) {
	for _, c := range cuts {
		units = append(units, unit{source: s, planned: file, shard: c})
	}
	return units
}
