package sweep

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/tallystick/tallystick/engine/internal/display"
)

// WriteTSV writes a line for each row, without losers and samples, below a
// line of names.
func WriteTSV(w io.Writer, rows []Row) error {
	out := bufio.NewWriter(w)
	out.WriteString("threshold\trecall_ppm\tkept_documents\tkept_bytes\tkept_tokens\t" +
		"exact_dup_documents\texact_dup_bytes\texact_dup_tokens\tnear_dup_documents\tnear_dup_bytes\tnear_dup_tokens\t" +
		"lost_documents\tlost_bytes\tlost_tokens\tcontributors_losing\tcontributors_losing_all\tgroups\tlargest_group\n")
	for i := range rows {
		r := &rows[i]
		lost := r.Lost()
		out.WriteString(r.Threshold)
		for _, n := range []uint64{
			uint64(r.RecallPPM), r.Kept.Documents, r.Kept.Bytes, r.Kept.Tokens,
			r.ExactDup.Documents, r.ExactDup.Bytes, r.ExactDup.Tokens, r.NearDup.Documents, r.NearDup.Bytes, r.NearDup.Tokens,
			lost.Documents, lost.Bytes, lost.Tokens, r.Contributors.Losing, r.Contributors.LosingAll, r.Groups.Count, r.Groups.Largest,
		} {
			out.WriteByte('\t')
			out.WriteString(strconv.FormatUint(n, 10))
		}
		out.WriteByte('\n')
	}
	return out.Flush()
}

// WriteJSONL writes each row as a line of JSON.
func WriteJSONL(w io.Writer, rows []Row) error {
	out := bufio.NewWriter(w)
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	for i := range rows {
		if err := e.Encode(&rows[i]); err != nil {
			return fmt.Errorf("write sweep: %w", err)
		}
	}
	return out.Flush()
}

// WriteTable writes the rows for people.
func WriteTable(w io.Writer, rows []Row) error {
	t := display.Table{
		Head:  []string{"threshold", "recall", "documents lost", "text", "tokens lost", "", "contributors losing", "all they have", "groups", "largest"},
		Right: []bool{true, true, true, true, true, true, true, true, true, true},
	}
	for i := range rows {
		r := &rows[i]
		lost := r.Lost()
		t.Add(r.Threshold, Recall(r.RecallPPM), display.Count(lost.Documents), display.Bytes(lost.Bytes), display.Count(lost.Tokens),
			display.Percent(lost.Tokens, r.In.Tokens), display.Count(r.Contributors.Losing), display.Count(r.Contributors.LosingAll),
			display.Count(r.Groups.Count), display.Count(r.Groups.Largest))
	}
	return t.Write(w, 0)
}

// Recall spells a probability that is given in parts per million.
func Recall(ppm int64) string { return strconv.FormatFloat(float64(ppm)/1e6, 'f', 4, 64) }
