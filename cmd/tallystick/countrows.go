package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/tallystick/tallystick/engine/count"
	"github.com/tallystick/tallystick/engine/doc"
)

// countRow is a row of output; name is empty for the total.
type countRow struct {
	name    string
	counts  doc.Counts
	further []uint64 // tokens by the further tokenizers
}

func (r *countRow) addRow(o *countRow) {
	r.counts.Add(o.counts)
	for len(r.further) < len(o.further) {
		r.further = append(r.further, 0)
	}
	for i, n := range o.further {
		r.further[i] += n
	}
}

// countWriter prints documents as they come, or sums when they have.
type countWriter struct {
	by     string
	put    func(*countRow) error
	finish func(total *countRow) error

	total countRow
	file  *countRow            // by file: the one that is being counted
	sums  map[string]*countRow // by contributor
}

// newCountWriter makes a writer of rows. labels are those of the tokenizers;
// a single one may have none.
func newCountWriter(w io.Writer, by, format string, labels []string) *countWriter {
	c := &countWriter{by: by, sums: map[string]*countRow{}, finish: func(*countRow) error { return nil }}
	switch format {
	case "tsv":
		c.put = func(r *countRow) error { return putTSV(w, by, r) }
	case "jsonl":
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		c.put = func(r *countRow) error { return enc.Encode(toCountJSON(by, r, labels)) }
	default:
		c.table(w, labels)
	}
	return c
}

func putTSV(w io.Writer, by string, r *countRow) error {
	line := strconv.FormatUint(r.counts.Tokens, 10)
	for _, n := range r.further {
		line += "\t" + strconv.FormatUint(n, 10)
	}
	if by != "total" {
		line = escapeTSV(r.name) + "\t" + line
	}
	_, err := io.WriteString(w, line+"\n")
	return err
}

// countJSON is a row of --format jsonl. A document has no count of documents.
type countJSON struct {
	ID          *string           `json:"id,omitempty"`
	File        *string           `json:"file,omitempty"`
	Contributor *string           `json:"contributor,omitempty"`
	Documents   *uint64           `json:"documents,omitempty"`
	Bytes       uint64            `json:"bytes"`
	Tokens      uint64            `json:"tokens"`
	Further     map[string]uint64 `json:"further_tokens,omitempty"`
}

func toCountJSON(by string, r *countRow, labels []string) countJSON {
	j := countJSON{Documents: &r.counts.Documents, Bytes: r.counts.Bytes, Tokens: r.counts.Tokens}
	switch by {
	case "document":
		j.ID, j.Documents = &r.name, nil
	case "file":
		j.File = &r.name
	case "contributor":
		j.Contributor = &r.name
	}
	if len(labels) > 1 {
		j.Further = make(map[string]uint64, len(labels)-1)
		for i, label := range labels[1:] {
			j.Further[label] = r.further[i]
		}
	}
	return j
}

// table lays rows out in columns, with their total at the end.
func (c *countWriter) table(w io.Writer, labels []string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	head := "documents\tbytes"
	for _, label := range labels {
		if label == "" {
			label = "tokens"
		}
		head += "\t" + label
	}
	head += "\t"
	if c.by != "total" {
		head += " " + c.by
	}
	fmt.Fprintln(t, head)
	rows := 0
	c.put = func(r *countRow) error {
		rows++
		line := fmt.Sprintf("%d\t%d\t%d", r.counts.Documents, r.counts.Bytes, r.counts.Tokens)
		for _, n := range r.further {
			line += fmt.Sprintf("\t%d", n)
		}
		_, err := fmt.Fprintf(t, "%s\t %s\n", line, shown(r.name))
		return err
	}
	c.finish = func(total *countRow) error {
		if c.by != "total" && rows > 1 {
			total.name = "(total)"
			if err := c.put(total); err != nil {
				return err
			}
		}
		return t.Flush()
	}
}

// add takes the next document in input order.
func (c *countWriter) add(d *count.Counted) error {
	row := countRow{counts: d.Counts, further: d.Further}
	c.total.addRow(&row)
	switch c.by {
	case "document":
		row.name = d.Label()
		return c.put(&row)
	case "file":
		if c.file != nil && c.file.name != d.File {
			if err := c.put(c.file); err != nil {
				return err
			}
			c.file = nil
		}
		if c.file == nil {
			c.file = &countRow{name: d.File}
		}
		c.file.addRow(&row)
	case "contributor":
		sum := c.sums[d.Contributor]
		if sum == nil {
			sum = &countRow{name: d.Contributor}
			c.sums[d.Contributor] = sum
		}
		sum.addRow(&row)
	}
	return nil
}

// close prints the rows that are sums, and the total.
func (c *countWriter) close() error {
	if c.by == "total" {
		if err := c.put(&c.total); err != nil {
			return err
		}
	}
	if c.file != nil {
		if err := c.put(c.file); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.sums)) {
		if err := c.put(c.sums[name]); err != nil {
			return err
		}
	}
	return c.finish(&c.total)
}

var tsvEscaper = strings.NewReplacer("\\", `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)

func escapeTSV(s string) string { return tsvEscaper.Replace(s) }

// shown is a name of a stranger's choice, safe to show on a terminal.
func shown(s string) string {
	var b strings.Builder
	for _, r := range escapeTSV(s) {
		if unicode.IsGraphic(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}
