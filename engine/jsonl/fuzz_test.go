package jsonl

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
)

var seeds = []string{
	`{"text":"a","id":"b","contributor":"c","created":"2015-10-16T14:28:16-07:00"}`,
	`{"id":12,"text":"\u0000\"\\\/\b\f\n\r\té\ud83d\ude00","created":1.5e9,"x":[{},[],null,true,false,-0.5]}`,
	`{"meta":{"who":"x","who":"y"},"text":"a","text":"b"}`,
	`{"text":"\ud800\u0041","created":"2016-12-31 23:59:60.5z"}`,
	"{\"text\":\"\xe3\x81\",\"n\":01}",
	"\u00a0{\"text\":\"tab\there\"}",
	`{"text":"` + strings.Repeat(`long enough for vectors and \"blocks\" é `, 8) + `"}`,
	`[1,2`, `nul`, ``,
}

var fuzzed = Options{Text: "text", ID: "id", Contributor: "meta.who", Created: "created", Source: "meta.source"}

// FuzzNativeVsEncodingJSON compares the native parser with the rule written on
// top of encoding/json.
func FuzzNativeVsEncodingJSON(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	a := newAgreement(f, fuzzed)
	a.simdjson = a.native
	f.Fuzz(func(t *testing.T, line []byte) { a.check(t, line) })
}

// FuzzSimdjsonVsNative compares the two parsers behind New.
func FuzzSimdjsonVsNative(f *testing.F) {
	if !Supported(Simdjson) {
		f.Skip("simdjson-go does not run here")
	}
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	native, simdjson := newParser(f, Native, fuzzed), newParser(f, Simdjson, fuzzed)
	f.Fuzz(func(t *testing.T, line []byte) {
		want, got := parse(native.Parse, line), parse(simdjson.Parse, line)
		if want != got {
			t.Fatalf("%q:\nsimdjson %+v\nnative   %+v", line, got, want)
		}
	})
}

// Lines put together from pieces of JSON, many of them nearly valid: what plain
// fuzzing takes long to find.
func TestPieces(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	scalars := []string{
		`"text"`, `"id"`, `"meta"`, `"who"`, `"created"`, `"source"`, `"x"`, `""`, `"\n\u00e9"`, `"t\u0065xt"`, `"\ud83d\ude00"`,
		`"\ud800"`, `"\q"`, `"\uD8"`, "\"\xff\"", "\"\x02\"", "\"é\"", `"2015-10-16"`, `"2015-10-16T14:28:16.5-07:00"`, `"12"`,
		`0`, `-0`, `01`, `-01`, `-01.5`, `1.5`, `1e3`, `1E+400`, `-`, `1.`, `12345678901234567890123`, `-9223372036854775809`,
		`true`, `false`, `null`, `truex`, `nul`, `tru`, `'a'`, `x`, "\x00", "\xff",
	}
	pick := func() string { return scalars[rng.IntN(len(scalars))] }
	var value func(depth int) string
	value = func(depth int) string {
		var b strings.Builder
		punctuation := func(s string) {
			switch rng.IntN(150) {
			case 0: // left out
			case 1:
				b.WriteString(s + s)
			case 2:
				b.WriteString(pick())
			case 3:
				b.WriteString(" " + s + "\t")
			default:
				b.WriteString(s)
			}
		}
		switch kind := rng.IntN(6); {
		case depth == 0 || kind < 2 && depth < 4:
			punctuation("{")
			for i := range rng.IntN(5) {
				if i > 0 {
					punctuation(",")
				}
				b.WriteString(scalars[rng.IntN(9)]) // mostly a wanted key
				punctuation(":")
				b.WriteString(value(depth + 1))
			}
			punctuation("}")
		case kind == 2 && depth < 4:
			punctuation("[")
			for i := range rng.IntN(4) {
				if i > 0 {
					punctuation(",")
				}
				b.WriteString(value(depth + 1))
			}
			punctuation("]")
		case rng.IntN(4) > 0:
			b.WriteString(scalars[rng.IntN(9)])
		default:
			b.WriteString(pick())
		}
		return b.String()
	}
	a := newAgreement(t, fuzzed)
	usable := 0
	const lines = 15_000
	for range lines {
		if a.check(t, []byte(value(0))).Reason == doc.OK {
			usable++
		}
	}
	if usable < lines/50 || usable > lines/2 {
		t.Errorf("%d of %d lines were usable: the pieces test too little", usable, lines)
	}
}
