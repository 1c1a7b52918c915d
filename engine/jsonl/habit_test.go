package jsonl

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestHabits: what a parser has read before changes nothing, whatever order the
// keys come in and however they are spelt.
func TestHabits(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	keys := []string{`"text"`, `"id"`, `"contributor"`, `"created"`, `"x"`, `"te\u0078t"`, `"id "`, `"source"`, `"i`, `"text`, `"`}
	spaces := []string{"", "", "", " ", "  ", "\t"}
	values := []string{`"a"`, `"b\n"`, `1`, `{"text":"c"}`, `[1]`, `null`, `"2015-08-25T00:00:00Z"`, ``, `"`}
	space := func() string { return spaces[rng.IntN(len(spaces))] }
	experienced, err := newNative(defaults)
	if err != nil {
		t.Fatal(err)
	}
	for range 200_000 {
		var fields []string
		for k := range 1 + rng.IntN(5) {
			key := keys[k]
			if rng.IntN(4) == 0 {
				key = keys[rng.IntN(len(keys))]
			}
			fields = append(fields, key+space()+":"+space()+values[rng.IntN(len(values))])
		}
		line := "{" + strings.Join(fields, ","+space()) + "}"
		fresh, err := newNative(defaults)
		if err != nil {
			t.Fatal(err)
		}
		var got, want Record
		gotReason := experienced.Parse([]byte(line), &got)
		wantReason := fresh.Parse([]byte(line), &want)
		if diff := cmp.Diff(want, got); gotReason != wantReason || diff != "" {
			t.Fatalf("%s: %s instead of %s: %s", line, gotReason, wantReason, diff)
		}
	}
}

// TestWholeSecond compares with package time on every day of nine centuries, and
// some times of the others.
func TestWholeSecond(t *testing.T) {
	check := func(s string) {
		t.Helper()
		got, ok := wholeSecond([]byte(s))
		want, err := time.Parse(time.RFC3339, s)
		if ok && (err != nil || got.Sec != want.Unix() || got.Nsec != 0 || !got.Set) {
			t.Fatalf("%s: %+v, want %d, %v", s, got, want.Unix(), err)
		}
		if !ok && err == nil && want.Day() <= 28 {
			t.Fatalf("%s is refused", s)
		}
	}
	for d := time.Date(1600, 1, 1, 23, 59, 58, 0, time.UTC); d.Year() < 2500; d = d.AddDate(0, 0, 1) {
		check(d.Format(time.RFC3339))
	}
	rng := rand.New(rand.NewPCG(3, 3))
	for range 100_000 {
		s := fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", rng.IntN(10_000), rng.IntN(14), rng.IntN(33), rng.IntN(26), rng.IntN(62), rng.IntN(62))
		check(s)
		b := []byte(s)
		b[rng.IntN(len(b))] = "0123456789-:TZ/+ "[rng.IntN(17)]
		check(string(b))
	}
}
