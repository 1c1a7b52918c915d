package jsonl

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/kernels/strscan"
	"github.com/tallystick/tallystick/kernels/utf8valid"
)

var defaults = Options{Text: "text", ID: "id", Contributor: "contributor", Created: "created", Source: "source"}

func newParser(t testing.TB, kind string, o Options) Parser {
	t.Helper()
	p, err := New(kind, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// outcome is a record as a value, for comparison.
type outcome struct {
	Reason                         doc.Reason
	At                             int
	Text, ID, Contributor, Created string
	Source                         string // empty for none
}

func parse(parse func([]byte, *Record) doc.Reason, line []byte) outcome {
	rec := Record{Text: []byte("stale"), Contributor: []byte("stale"), ErrorOffset: 77}
	reason := parse(line, &rec)
	show := func(b []byte) string {
		if b == nil {
			return "nil"
		}
		return fmt.Sprintf("%q", b)
	}
	created := fmt.Sprintf("%+v", rec.Created)
	if rec.CreatedUnreadable {
		created = "unreadable"
	}
	return outcome{reason, rec.ErrorOffset, show(rec.Text), show(rec.ID), show(rec.Contributor), created, strings.TrimPrefix(show(rec.Source), "nil")}
}

// agreement compares both parsers with the reference.
type agreement struct {
	options          Options
	native, simdjson Parser
}

func newAgreement(t testing.TB, o Options) *agreement {
	return &agreement{o, newParser(t, Native, o), newParser(t, Simdjson, o)}
}

func (a *agreement) check(t testing.TB, line []byte) outcome {
	t.Helper()
	before := bytes.Clone(line)
	want := parse(func(l []byte, r *Record) doc.Reason { return reference(l, a.options, r) }, line)
	if got := parse(a.native.Parse, line); got != want {
		t.Fatalf("native: %q (-reference +native):\n%s", line, cmp.Diff(want, got))
	}
	if got := parse(a.simdjson.Parse, line); got != want {
		t.Fatalf("simdjson: %q (-reference +simdjson):\n%s", line, cmp.Diff(want, got))
	}
	if !bytes.Equal(before, line) {
		t.Fatalf("line was changed: %q, was %q", line, before)
	}
	return want
}

func TestRejects(t *testing.T) {
	a := newAgreement(t, defaults)
	deep := func(n int) string {
		return `{"x":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `,"text":"a"}`
	}
	for _, c := range []struct {
		line   string
		reason doc.Reason
		at     int
	}{
		{``, doc.InvalidJSON, 0},
		{`   `, doc.InvalidJSON, 3},
		{`{`, doc.InvalidJSON, 1},
		{`{"text":"a"`, doc.InvalidJSON, 11},
		{`{"text":"a`, doc.InvalidJSON, 10},
		{`{"text":"a\`, doc.InvalidJSON, 11},
		{`{"text":"a\u12`, doc.InvalidJSON, 14},
		{`{"text":"a"} x`, doc.InvalidJSON, 13},
		{`{"text":"a"}{"text":"a"}`, doc.InvalidJSON, 12},
		{`{"text":"a",}`, doc.InvalidJSON, 12},
		{`{"text" "a"}`, doc.InvalidJSON, 8},
		{`{text:"a"}`, doc.InvalidJSON, 1},
		{`{'text':'a'}`, doc.InvalidJSON, 1},
		{`{"text":"a\x"}`, doc.InvalidJSON, 11},
		{`{"text":"a\u00g0"}`, doc.InvalidJSON, 14},
		{`{"text":"a","n":01}`, doc.InvalidJSON, 17},
		{`{"text":"a","n":-01.5}`, doc.InvalidJSON, 18},
		{`{"text":"a","n":1.}`, doc.InvalidJSON, 18},
		{`{"text":"a","n":.5}`, doc.InvalidJSON, 16},
		{`{"text":"a","n":+1}`, doc.InvalidJSON, 16},
		{`{"text":"a","n":-}`, doc.InvalidJSON, 17},
		{`{"text":"a","n":1e}`, doc.InvalidJSON, 18},
		{`{"text":"a","n":1e+}`, doc.InvalidJSON, 19},
		{`{"text":"a","n":0x1}`, doc.InvalidJSON, 17},
		{`{"text":"a","n":NaN}`, doc.InvalidJSON, 16},
		{`{"text":"a","n":tru}`, doc.InvalidJSON, 19},
		{`{"text":"a","n":truex}`, doc.InvalidJSON, 20},
		{`{"text":"a","n":nul`, doc.InvalidJSON, 19},
		{`{"text":"a","n":[1,]}`, doc.InvalidJSON, 19},
		{`{"text":"a","n":[1}`, doc.InvalidJSON, 18},
		{`{"text":"a","n":}`, doc.InvalidJSON, 16},
		{`{"text":"a"]`, doc.InvalidJSON, 11},
		{"\ufeff" + `{"text":"a"}`, doc.InvalidJSON, 0},
		{"\u00a0" + `{"text":"a"}`, doc.InvalidJSON, 0},
		{"\v" + `{"text":"a"}`, doc.InvalidJSON, 0},
		{`{"text":"a"}` + "\x00", doc.InvalidJSON, 12},
		{"{\x00" + `"text":"a"}`, doc.InvalidJSON, 1},
		{deep(MaxDepth + 1), doc.InvalidJSON, 5 + MaxDepth - 1},

		{`{"text":"a` + "\xff" + `"}`, doc.InvalidUTF8, 10},
		{`{"text":"a","x":"` + "\xc0\x80" + `"}`, doc.InvalidUTF8, 17},
		{`{"text":"a","x":"` + "\xed\xa0\x80" + `"}`, doc.InvalidUTF8, 17},
		{`{"text":"a","x":"` + "\xf4\x90\x80\x80" + `"}`, doc.InvalidUTF8, 17},
		{`{"text":"a","` + "\xe3\x81" + `":1}`, doc.InvalidUTF8, 13},
		{`{"text":"` + "\xe3\x81" + `\n"}`, doc.InvalidUTF8, 9},
		{`{"text":"` + "\xe3\x81", doc.InvalidUTF8, 9},
		{`{"text":"` + strings.Repeat("é", 100) + "\xe9" + `"}`, doc.InvalidUTF8, 209},
		{`{"text":"a"}` + "\xff", doc.InvalidUTF8, 12},
		{"\xff\xfe{", doc.InvalidUTF8, 0},

		{`{"text":"a` + "\x01" + `"}`, doc.ControlCharacter, 10},
		{`{"text":"a` + "\t" + `"}`, doc.ControlCharacter, 10},
		{`{"text":"a` + "\x00" + `"}`, doc.ControlCharacter, 10},
		{`{"text":"a","x` + "\x1f" + `":1}`, doc.ControlCharacter, 14},
		{`{"text":"` + strings.Repeat("x", 100) + "\n" + `"}`, doc.ControlCharacter, 109},

		{`{"text":"a\ud800"}`, doc.LoneSurrogate, 10},
		{`{"text":"a\udc00"}`, doc.LoneSurrogate, 10},
		{`{"text":"a\uDBFF\uDBFF"}`, doc.LoneSurrogate, 10},
		{`{"text":"a\udc00\ud800"}`, doc.LoneSurrogate, 10},
		{`{"text":"a\ud800\u0041"}`, doc.LoneSurrogate, 10},
		{`{"text":"a\ud800x"}`, doc.LoneSurrogate, 10},
		{`{"text":"a\ud83d\`, doc.LoneSurrogate, 10},
		{`{"text":"a\ud83d\u12"}`, doc.LoneSurrogate, 10},
		{`{"text":"a","x":"\ud800"}`, doc.LoneSurrogate, 17},
		{`{"text":"a","\ud800":1}`, doc.LoneSurrogate, 13},

		// The first in byte order counts.
		{`{"text":"\ud800` + "\xff", doc.LoneSurrogate, 9},
		{`{"text":"` + "\xff" + `\ud800`, doc.InvalidUTF8, 9},
		{`{"text":"` + "\x01\xff", doc.ControlCharacter, 9},
		{`[x,"` + "\xff" + `"]`, doc.InvalidJSON, 1},

		{`[]`, doc.NotObject, 0},
		{` [{"text":"a"}] `, doc.NotObject, 1},
		{`"text"`, doc.NotObject, 0},
		{`null`, doc.NotObject, 0},
		{`12`, doc.NotObject, 0},
		{`[1`, doc.InvalidJSON, 2},

		{`{"text":"a","text":"a"}`, doc.DuplicateKey, 12},
		{`{"text":"a","t\u0065xt":"a"}`, doc.DuplicateKey, 12},
		{`{"text":1,"text":"a"}`, doc.DuplicateKey, 10},
		{`{"id":"a","text":"a", "id":"a"}`, doc.DuplicateKey, 22},
		{`{"contributor":"a","contributor":"b"}`, doc.DuplicateKey, 19},
		{`{"created":1,"created":1,"text":"a"}`, doc.DuplicateKey, 13},
		{`{"text":"a","text":"a"`, doc.InvalidJSON, 22},

		{`{}`, doc.TextMissing, 0},
		{` {"Text":"a","TEXT":"b"}`, doc.TextMissing, 1},
		{`{"x":{"text":"a"}}`, doc.TextMissing, 0},
		{`{"text":null}`, doc.TextNotString, 8},
		{`{"text":1}`, doc.TextNotString, 8},
		{`{"text": ["a"]}`, doc.TextNotString, 9},
		{`{"text":{"text":"a"}}`, doc.TextNotString, 8},
		{`{"text":true}`, doc.TextNotString, 8},

		{`{"text":"a","contributor":1}`, doc.ContributorNotString, 26},
		{`{"text":"a","contributor":false}`, doc.ContributorNotString, 26},
		{`{"text":"a","contributor":["b"]}`, doc.ContributorNotString, 26},
		{`{"contributor":{},"text":2}`, doc.TextNotString, 25},
	} {
		got := a.check(t, []byte(c.line))
		if got.Reason != c.reason || got.At != c.at {
			t.Errorf("%.80q: %s at %d, want %s at %d", c.line, got.Reason, got.At, c.reason, c.at)
		}
	}
	if got := a.check(t, []byte(deep(MaxDepth))); got.Reason != doc.OK {
		t.Errorf("depth %d: %s, want a usable line", MaxDepth, got.Reason)
	}
}

func TestFields(t *testing.T) {
	a := newAgreement(t, defaults)
	const none = "{Sec:0 Nsec:0 Set:false}"
	for _, c := range []struct {
		line string
		want outcome
	}{
		{`{"text":"a"}`, outcome{Text: `"a"`, ID: "nil", Contributor: "nil", Created: none}},
		{`{"text":"a","source":"w\u0065b"}`, outcome{Text: `"a"`, ID: "nil", Contributor: "nil", Created: none, Source: `"web"`}},
		{`{"text":"a","source":""}`, outcome{Text: `"a"`, ID: "nil", Contributor: "nil", Created: none, Source: `""`}},
		{`{"text":"a","source":7}`, outcome{Text: `"a"`, ID: "nil", Contributor: "nil", Created: none}},
		{`{"text":""}`, outcome{Text: `""`, ID: "nil", Contributor: "nil", Created: none}},
		{` { "text" : "a" , "id" : "b" , "contributor" : "c" , "created" : 5 } `,
			outcome{Text: `"a"`, ID: `"b"`, Contributor: `"c"`, Created: "{Sec:5 Nsec:0 Set:true}"}},
		{"\t{\r\"text\"\n:\t\"a\"}\r", outcome{Text: `"a"`, ID: "nil", Contributor: "nil", Created: none}},
		{`{"text":"\u0000\"\\\/\b\f\n\r\t\u00e9\u20AC\ud83d\uDE00é€😀"}`,
			outcome{Text: `"\x00\"\\/\b\f\n\r\té€😀é€😀"`, ID: "nil", Contributor: "nil", Created: none}},
		{`{"\u0074ext":"a","i\u0064":"\n"}`, outcome{Text: `"a"`, ID: `"\n"`, Contributor: "nil", Created: none}},
		{`{"text":"a","Text":"b","x":"1","x":"2"}`, outcome{Text: `"a"`, ID: "nil", Contributor: "nil", Created: none}},
		{`{"text":"a","x":{"text":"b","text":"c"}}`, outcome{Text: `"a"`, ID: "nil", Contributor: "nil", Created: none}},
		{`{"text":"a","x":[{"text":"b"},[],{},[[]],1.5e-3,-0,true,false,null]}`, outcome{Text: `"a"`, ID: "nil", Contributor: "nil", Created: none}},
		{`{"text":"a","id":"","contributor":"","created":""}`, outcome{Text: `"a"`, ID: `""`, Contributor: "nil", Created: none}},
		{`{"text":"a","id":null,"contributor":null,"created":null}`, outcome{Text: `"a"`, ID: "nil", Contributor: "nil", Created: none}},
		{`{"text":"a","contributor":"(unattributed)"}`, outcome{Text: `"a"`, ID: "nil", Contributor: "nil", Created: none}},
		{`{"text":"a","contributor":"\u0028unattributed)"}`, outcome{Text: `"a"`, ID: "nil", Contributor: "nil", Created: none}},
		{`{"text":"a","id":12}`, outcome{Text: `"a"`, ID: `"12"`, Contributor: "nil", Created: none}},
		{`{"text":"a","id":-0}`, outcome{Text: `"a"`, ID: `"-0"`, Contributor: "nil", Created: none}},
		{`{"text":"a","id":-7,"created":-7}`, outcome{Text: `"a"`, ID: `"-7"`, Contributor: "nil", Created: "{Sec:-7 Nsec:0 Set:true}"}},
		{`{"text":"a","id":18446744073709551615}`, outcome{Text: `"a"`, ID: `"18446744073709551615"`, Contributor: "nil", Created: none}},
		{`{"text":"a","id":1.50E+2}`, outcome{Text: `"a"`, ID: `"1.50E+2"`, Contributor: "nil", Created: none}},
		{`{"text":"a","id":123456789012345678901234567890}`, outcome{Text: `"a"`, ID: `"123456789012345678901234567890"`, Contributor: "nil", Created: none}},
		{`{"text":"a","id":true,"created":true}`, outcome{Text: `"a"`, ID: "nil", Contributor: "nil", Created: "unreadable"}},
		{`{"text":"a","id":[1],"created":{}}`, outcome{Text: `"a"`, ID: "nil", Contributor: "nil", Created: "unreadable"}},

		// A rejected line is credited if it can be.
		{`{"contributor":"c"}`, outcome{Reason: doc.TextMissing, Text: "nil", ID: "nil", Contributor: `"c"`, Created: none}},
		{`{"text":1,"contributor":"c","id":"x","created":1}`, outcome{Reason: doc.TextNotString, At: 8, Text: "nil", ID: "nil", Contributor: `"c"`, Created: none}},
		{`{"text":"a","text":"b","contributor":"c"}`, outcome{Reason: doc.DuplicateKey, At: 12, Text: "nil", ID: "nil", Contributor: `"c"`, Created: none}},
		{`{"text":"a","contributor":"c","contributor":"c"}`, outcome{Reason: doc.DuplicateKey, At: 30, Text: "nil", ID: "nil", Contributor: "nil", Created: none}},
		{`{"contributor":"c","text":"a` + "\xff" + `"}`, outcome{Reason: doc.InvalidUTF8, At: 28, Text: "nil", ID: "nil", Contributor: "nil", Created: none}},
	} {
		if diff := cmp.Diff(c.want, a.check(t, []byte(c.line))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.line, diff)
		}
	}
}

func TestPaths(t *testing.T) {
	nested := Options{Text: "body.text", ID: "id", Contributor: `meta.who\.name`, Created: "meta.when"}
	for _, c := range []struct {
		options Options
		line    string
		want    outcome
	}{
		{nested, `{"body":{"text":"a","id":"no"},"id":"i","meta":{"who.name":"c","who":{"name":"d"},"when":1}}`,
			outcome{Text: `"a"`, ID: `"i"`, Contributor: `"c"`, Created: "{Sec:1 Nsec:0 Set:true}"}},
		{nested, `{"body":"text"}`, outcome{Reason: doc.TextMissing, Text: "nil", ID: "nil", Contributor: "nil"}},
		{nested, `{"body":[{"text":"a"}]}`, outcome{Reason: doc.TextMissing, Text: "nil", ID: "nil", Contributor: "nil"}},
		{nested, `{"body":{"text":"a","text":"a"},"meta":{"who.name":"c"}}`,
			outcome{Reason: doc.DuplicateKey, At: 20, Text: "nil", ID: "nil", Contributor: `"c"`}},
		{nested, `{"meta":{"who.name":"c"},"meta":1,"body":{"text":"a"}}`,
			outcome{Reason: doc.DuplicateKey, At: 25, Text: "nil", ID: "nil", Contributor: "nil"}},
		{nested, `{"meta":{"when":1,"when":2,"who.name":"c"},"body":{"text":"a"}}`,
			outcome{Reason: doc.DuplicateKey, At: 18, Text: "nil", ID: "nil", Contributor: `"c"`}},
		{nested, `{"body":{"text":"a"},"meta":[]}`, outcome{Text: `"a"`, ID: "nil", Contributor: "nil"}},
		{Options{Text: "a", ID: "a", Contributor: "a.b"}, `{"a":"x"}`, outcome{Text: `"x"`, ID: `"x"`, Contributor: "nil"}},
		{Options{Text: "a", ID: "a", Contributor: "a.b"}, `{"a":{"b":"c"}}`,
			outcome{Reason: doc.TextNotString, At: 5, Text: "nil", ID: "nil", Contributor: `"c"`}},
		{Options{Text: `a\\b`}, `{"a\\b":"x","id":"i","contributor":5}`, outcome{Text: `"x"`, ID: "nil", Contributor: "nil"}},
		{Options{Text: "text", Contributor: "who", RequireContributor: true}, `{"text":"x"}`,
			outcome{Reason: doc.ContributorMissing, Text: "nil", ID: "nil", Contributor: "nil"}},
		{Options{Text: "text", Contributor: "who", RequireContributor: true}, `{"text":"x","who":""}`,
			outcome{Reason: doc.ContributorMissing, At: 18, Text: "nil", ID: "nil", Contributor: "nil"}},
		{Options{Text: "text", Contributor: "who", RequireContributor: true}, `{"text":"x","who":"(unattributed)"}`,
			outcome{Reason: doc.ContributorMissing, At: 18, Text: "nil", ID: "nil", Contributor: "nil"}},
		{Options{Text: "text", Contributor: "who", RequireContributor: true}, `{"text":"x","who":"w"}`,
			outcome{Text: `"x"`, ID: "nil", Contributor: `"w"`}},
	} {
		if c.want.Created == "" {
			c.want.Created = "{Sec:0 Nsec:0 Set:false}"
		}
		if diff := cmp.Diff(c.want, newAgreement(t, c.options).check(t, []byte(c.line))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.line, diff)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, o := range []Options{
		{}, {Text: "a..b"}, {Text: ".a"}, {Text: "a."}, {Text: `a\b`}, {Text: `a\`},
		{Text: "text", ID: "\xff"}, {Text: "text", Created: "."},
	} {
		if _, err := New(Native, o); !errors.Is(err, doc.ErrUsage) {
			t.Errorf("New(native, %+v): error %v, want a usage error", o, err)
		}
	}
	if _, err := New("fastjson", defaults); !errors.Is(err, doc.ErrUsage) {
		t.Errorf("New(fastjson): error %v, want a usage error", err)
	}
	if !Supported(Native) || Supported("fastjson") {
		t.Error("Supported: want native and not fastjson")
	}
}

func TestCreated(t *testing.T) {
	a := newAgreement(t, defaults)
	for _, c := range []struct{ value, want string }{
		{`"2015-10-16T14:28:16-07:00"`, "{Sec:1445030896 Nsec:0 Set:true}"},
		{`"2015-10-16T21:28:16Z"`, "{Sec:1445030896 Nsec:0 Set:true}"},
		{`"2015-10-16t21:28:16z"`, "{Sec:1445030896 Nsec:0 Set:true}"},
		{`"2015-10-16 21:28:16+00:00"`, "{Sec:1445030896 Nsec:0 Set:true}"},
		{`"2015-10-16 21:28:16-00:00"`, "{Sec:1445030896 Nsec:0 Set:true}"},
		{`"2015-10-17T03:13:16+05:45"`, "{Sec:1445030896 Nsec:0 Set:true}"},
		{`"2015-10-16T21:28:16.5Z"`, "{Sec:1445030896 Nsec:500000000 Set:true}"},
		{`"2015-10-16T21:28:16.1234567899Z"`, "{Sec:1445030896 Nsec:123456789 Set:true}"},
		{`"2015-10-16"`, "{Sec:1444953600 Nsec:0 Set:true}"},
		{`"2016-12-31T23:59:60Z"`, "{Sec:1483228800 Nsec:0 Set:true}"},
		{`"0000-01-01"`, "{Sec:-62167219200 Nsec:0 Set:true}"},
		{`"2000-02-29"`, "{Sec:951782400 Nsec:0 Set:true}"},
		{`1445030896`, "{Sec:1445030896 Nsec:0 Set:true}"},
		{`"1445030896"`, "{Sec:1445030896 Nsec:0 Set:true}"},
		{`1445030896.25`, "{Sec:1445030896 Nsec:250000000 Set:true}"},
		{`14450.30896E+5`, "{Sec:1445030896 Nsec:0 Set:true}"},
		{`144503089625e-2`, "{Sec:1445030896 Nsec:250000000 Set:true}"},
		{`-1.5`, "{Sec:-2 Nsec:500000000 Set:true}"},
		{`5e-9`, "{Sec:0 Nsec:5 Set:true}"},
		{`-5e-10`, "{Sec:0 Nsec:0 Set:true}"},
		{`0`, "{Sec:0 Nsec:0 Set:true}"},
		{`0e99999999999999999999`, "{Sec:0 Nsec:0 Set:true}"},
		{`1e-99999999999999999999`, "{Sec:0 Nsec:0 Set:true}"},
		{`9223372036854775807.999999999`, "{Sec:9223372036854775807 Nsec:999999999 Set:true}"},
		{`9223372036854775808`, "unreadable"},
		{`1e99999999999999999999`, "unreadable"},
		{`"1e9"`, "unreadable"},
		{`"-5"`, "unreadable"},
		{`" 5"`, "unreadable"},
		{`"2001-02-29"`, "unreadable"},
		{`"2001-00-10"`, "unreadable"},
		{`"2001-13-10"`, "unreadable"},
		{`"2001-01-00"`, "unreadable"},
		{`"2001-01-32"`, "unreadable"},
		{`"2001-1-1"`, "unreadable"},
		{`"2001-01-01T"`, "unreadable"},
		{`"2001-01-01T00:00:00"`, "unreadable"},
		{`"2001-01-01T00:00Z"`, "unreadable"},
		{`"2001-01-01T24:00:00Z"`, "unreadable"},
		{`"2001-01-01T00:60:00Z"`, "unreadable"},
		{`"2001-01-01T00:00:61Z"`, "unreadable"},
		{`"2001-01-01T00:00:00.Z"`, "unreadable"},
		{`"2001-01-01T00:00:00,5Z"`, "unreadable"},
		{`"2001-01-01T00:00:00+24:00"`, "unreadable"},
		{`"2001-01-01T00:00:00+0000"`, "unreadable"},
		{`"2001-01-01T00:00:00Z "`, "unreadable"},
		{`"2001-01-01T00:00:00ZZ"`, "unreadable"},
		{`"2001/01/01"`, "unreadable"},
		{`"yesterday"`, "unreadable"},
		{`"２００１-01-01"`, "unreadable"},
	} {
		if got := a.check(t, []byte(`{"text":"a","created":`+c.value+`}`)); got.Created != c.want {
			t.Errorf("created %s: %s, want %s", c.value, got.Created, c.want)
		}
	}
}

// Slices given out stay right until the next line, also when several fields
// have to be decoded.
func TestScratchIsNotOverwritten(t *testing.T) {
	a := newAgreement(t, defaults)
	for n := range 200 {
		long := strings.Repeat(`x\n`, n)
		line := fmt.Sprintf(`{"id":"i\t%s","contributor":"c\t%s","text":"%s","created":"201\u0035-10-16"}`, long, long, long)
		a.check(t, []byte(line))
	}
}

func TestNoAllocations(t *testing.T) {
	p := newParser(t, Native, defaults)
	lines := [][]byte{
		[]byte(`{"id":"a\tb","text":"` + strings.Repeat(`some é text\n`, 300) + `","contributor":"c","created":"2015-10-16T14:28:16-07:00"}`),
		[]byte(`{"id":5,"text":"short","contributor":"c","created":1e3,"more":{"deep":[1,2,{"x":null}]}}`),
		[]byte(`{"id":5,"text":"bro`),
	}
	var rec Record
	if n := testing.AllocsPerRun(100, func() {
		for _, line := range lines {
			p.Parse(line, &rec)
		}
	}); n != 0 {
		t.Errorf("%v allocations per run, want none", n)
	}
}

func TestGenericKernels(t *testing.T) {
	defer strscan.ForceGeneric()()
	defer utf8valid.ForceGeneric()()
	TestRejects(t)
	TestFields(t)
}
