package pipeline

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
)

var validTexts = []string{
	``, ` `, `{}`, `[]`, `[1]`, ` {"a" : [1, -2.5e+3, true,false,null ] , "b":{"c":"d"}} `, `{"a":1,}`, `[1,]`, `[,]`, `{,}`, `{"a"}`, `{"a":}`,
	`{1:2}`, `01`, `-`, `-0`, `1.`, `.5`, `1e`, `1e+`, `1E-7`, `0e1`, `0x1`, `"\u12G4"`, `"\u12ab"`, `"\uABCD\n\/"`, `"\x"`, `"`, `"\`, `"\"`, `"\u1`,
	"\"a\tb\"", "\"a\x00b\"", "\"\x7f\"", `"é漢𝒳"`, `tru`, `truee`, `nul`, `[true false]`, `{"a":1 "b":2}`, `[[[]]]`, `[[]`, `]`, `{]`, `[}`, "\v1", "1\v",
	"1 2", "\u00a01", `"\u 123"`, `"\u-123"`, "\"\\u\x10123\"", "-x", "+1", "1\x00", "[1\x00]",
	strings.Repeat("[", 9999) + strings.Repeat("]", 9999), strings.Repeat("[", 10001) + strings.Repeat("]", 10001),
}

func TestValidJSON(t *testing.T) {
	for _, text := range validTexts {
		if got, want := validJSON([]byte(text)), json.Valid([]byte(text)); got != want {
			t.Errorf("%.80q: %v, want %v", text, got, want)
		}
	}
	rng := rand.New(rand.NewPCG(1, 0))
	const parts = "{}[]\"\\:,  \n01.-+eEutrufalsn\x00\x1fé"
	for range 200_000 {
		text := []byte(validTexts[rng.IntN(len(validTexts)-2)])
		for range 1 + rng.IntN(2) {
			at, c := rng.IntN(len(text)+1), parts[rng.IntN(len(parts))]
			if at < len(text) && rng.IntN(2) == 0 {
				text[at] = c
			} else {
				text = append(text[:at], append([]byte{c}, text[at:]...)...)
			}
		}
		if got, want := validJSON(text), json.Valid(text); got != want {
			t.Fatalf("%q: %v, want %v", text, got, want)
		}
	}
}

func FuzzValidJSON(f *testing.F) {
	for _, text := range validTexts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, want := validJSON([]byte(text)), json.Valid([]byte(text)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	})
}
