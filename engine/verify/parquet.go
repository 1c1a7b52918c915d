package verify

import (
	"errors"
	"io"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/verify/wary"
)

// checkDigests compares the tokenizers' digests in a file's footer with those
// of the plan.
func (c *checker) checkDigests(name string, p *wary.Table, f *findings) {
	for i, t := range c.plan.Tokenizers() {
		key := "tallystick.tokenizer"
		if i > 0 {
			key += "." + t.Label
		}
		if got := p.Metadata(key); got != t.SHA256 {
			f.add("%s: %s is %q, the plan's digest is %s", name, key, got, t.SHA256)
		}
	}
}

// compareParquet compares tally.parquet with the rows of tally.jsonl.
func (c *checker) compareParquet(rows []tallyRow, f *findings) {
	file := c.open(parquetName)
	if file == nil {
		f.add("%s: not checked, for want of a sound file", parquetName)
		return
	}
	defer file.Close()
	columns := []wary.Column{wary.Text("contributor")}
	for _, group := range []string{"in", "kept", "exact_dup", "near_dup", "excluded", "rejected"} {
		for _, measure := range []string{"documents", "bytes", "tokens"} {
			columns = append(columns, wary.Int64(group+"_"+measure))
		}
	}
	own := len(columns)
	var labels []string
	suffixes := []string{""} // of the columns of a tokenizer
	if c.plan != nil {
		for _, t := range c.plan.Further {
			labels = append(labels, t.Label)
			suffixes = append(suffixes, "_"+t.Label)
			for _, group := range []string{"in", "kept", "exact_dup", "near_dup", "excluded", "rejected"} {
				columns = append(columns, wary.Int64(group+"_tokens_"+t.Label))
			}
		}
	}
	credit := len(columns)
	shared := c.plan != nil && c.plan.SharesCredit() && len(rows) > 0
	if shared {
		for _, suffix := range suffixes {
			columns = append(columns, wary.Int64("credit_tokens"+suffix))
		}
		for _, suffix := range suffixes {
			columns = append(columns, wary.Text("credit_numerator"+suffix), wary.Text("credit_denominator"+suffix))
		}
	}
	p, err := wary.OpenTable(file, columns)
	if err != nil {
		f.add("%s: %v", parquetName, err)
		return
	}
	if c.plan != nil {
		c.checkDigests(parquetName, p, f)
	}
	for i := range rows {
		values, err := p.Row()
		if errors.Is(err, io.EOF) {
			f.add("%s: has %d rows, %s has %d", parquetName, i, jsonlName, len(rows))
			return
		}
		if err != nil {
			f.add("%s: row %d: %v", parquetName, i+1, err)
			return
		}
		got := tallyRow{Contributor: string(values[0].ByteArray())}
		counts := func(at int) doc.Counts {
			return doc.Counts{Documents: values[at].Uint64(), Bytes: values[at+1].Uint64(), Tokens: values[at+2].Uint64()}
		}
		got.In = counts(1)
		for class := range doc.NumClasses {
			*got.of(class) = counts(4 + 3*int(class))
		}
		for k, label := range labels {
			v := values[own+6*k:]
			if got.Further == nil {
				got.Further = make(map[string]furtherTokens)
			}
			got.Further[label] = furtherTokens{
				In: v[0].Uint64(), Kept: v[1].Uint64(), ExactDup: v[2].Uint64(),
				NearDup: v[3].Uint64(), Excluded: v[4].Uint64(), Rejected: v[5].Uint64(),
			}
		}
		for k := range suffixes {
			if !shared {
				break
			}
			text := values[credit+len(suffixes)+2*k:]
			j := creditFields{values[credit+k].Uint64(), string(text[0].ByteArray()), string(text[1].ByteArray())}
			want := rows[i].Credit
			if k > 0 {
				further := rows[i].FurtherCredit[labels[k-1]]
				want = &further
			}
			if want == nil || j != *want {
				f.add("%s: row %d: contributor %q: credit%s %+v is not that of line %d of %s, %+v", parquetName, i+1, got.Contributor, suffixes[k], j, i+1, jsonlName, want)
			}
		}
		if want := rows[i]; got.Contributor != want.Contributor || !got.equal(&want.classCounts) {
			f.add("%s: row %d: contributor %q, %+v; line %d of %s is %q, %+v", parquetName, i+1, got.Contributor, got.classCounts, i+1, jsonlName, want.Contributor, want.classCounts)
		}
	}
	if _, err := p.Row(); err == nil {
		f.add("%s: row %d: %s has only %d lines", parquetName, len(rows)+1, jsonlName, len(rows))
	} else if !errors.Is(err, io.EOF) {
		f.add("%s: row %d: %v", parquetName, len(rows)+1, err)
	}
}
