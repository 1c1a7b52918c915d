package jsonl

import (
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
)

// What a released parser leaves behind shows in no record of a later one, and two that
// live at the same time share nothing.
func TestReleasedParser(t *testing.T) {
	for _, kind := range []string{Native, Simdjson} {
		other, err := New(kind, Options{Text: "text", ID: "id"})
		if err != nil {
			t.Fatal(err)
		}
		for round, n := range []int{10, 100_000, 0, 3, 300_000, 50_000} {
			p, err := New(kind, Options{Text: "text", ID: "id"})
			if err != nil {
				t.Fatal(err)
			}
			var rec, theirs Record
			body := strings.Repeat(`a\u00e9\n`, n)
			line := []byte(`{"id":"\u0069d","text":"` + body + `"}`)
			if reason := p.Parse(line, &rec); reason != doc.OK {
				t.Fatal(reason)
			}
			if reason := other.Parse([]byte(`{"id":"\u006f","text":"`+strings.Repeat(`\u0062`, 2*n)+`"}`), &theirs); reason != doc.OK {
				t.Fatal(reason)
			}
			if string(rec.ID) != "id" || string(rec.Text) != strings.Repeat("aé\n", n) || string(theirs.ID) != "o" || string(theirs.Text) != strings.Repeat("b", 2*n) {
				t.Errorf("%s, round %d: records are wrong", kind, round)
			}
			p.Release()
			if round%2 == 0 {
				other.Release()
			}
		}
	}
}
