package alarm

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

func party(name string, in, lost, tokens, tokensLost uint64) Party {
	return Party{Contributor: name, In: doc.Counts{Documents: in, Tokens: tokens}, Lost: doc.Counts{Documents: lost, Tokens: tokensLost}}
}

// known is evidence of parties in memory.
type known struct {
	Evidence
	Parties []Party
}

func (k *known) raise(limits plan.Alarms) File {
	for _, p := range k.Parties {
		if p.File == "" { // files are the same documents again
			k.Contributors.In.Add(p.In)
			k.Contributors.Lost.Add(p.Lost)
		}
	}
	k.Evidence.Parties = func(yield func(*Party) bool) {
		for i := range k.Parties {
			if !yield(&k.Parties[i]) {
				return
			}
		}
	}
	return Raise("id", limits, &k.Evidence)
}

// calm is evidence that exhausts the default limits without exceeding one.
func calm() *known {
	return &known{
		Parties: []Party{
			party("half", 100, 50, 1000, 500), party("few documents", 99, 99, 99, 99), party("rest", 10_000, 0, 100_000, 0),
			{File: "a.jsonl", In: doc.Counts{Documents: 5000, Tokens: 5000}},
		},
		Evidence: Evidence{
			Measured:       Measured{Kept: 1000, KeptPairs: 5000, Component: 100, LargestBucket: 5000, MostCandidates: 10_000, LargestGroup: 1000},
			Groups:         []Group{{Document{ID: "g", Contributor: "half"}, 1000}},
			MostCandidates: Document{Line: 7, Shard: 1, Contributor: "rest"},
		},
	}
}

func kinds(f File) (k []string) {
	for _, a := range f.Alarms {
		k = append(k, string(a.Kind))
	}
	return k
}

func TestLimitsAreNotExceededByEquals(t *testing.T) {
	if f := calm().raise(plan.DefaultAlarms); f.Raised() != 0 {
		t.Errorf("alarms: %+v", f.Alarms)
	}
}

func TestEachAlarm(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(e *known, l *plan.Alarms)
		want   []string
		text   string
	}{
		{"documents lost", func(e *known, _ *plan.Alarms) { e.Parties[0].Lost.Documents++ }, []string{"loss"}, `contributor "half" loses 51 of 100 documents`},
		{"tokens lost", func(e *known, _ *plan.Alarms) { e.Parties[0].Lost.Tokens++ }, []string{"loss"}, "501 of 1000 tokens"},
		{"a file", func(e *known, _ *plan.Alarms) { e.Parties[3].Lost.Documents = 2501 }, []string{"loss"}, "input a.jsonl loses 2501 of 5000 documents"},
		{"everybody loses", func(e *known, _ *plan.Alarms) {
			e.Parties[0].Lost.Documents = 100
			e.Parties[2].Lost.Documents = 5000
		}, nil, ""},
		{"everybody loses, whatever all lose", func(e *known, l *plan.Alarms) {
			e.Parties[0].Lost.Documents = 100
			e.Parties[2].Lost.Documents = 5001
			l.LossExcessPPM = 0
		}, []string{"loss", "loss"}, `"half" loses 100 of 100`}, // the worst first
		{"few documents count too", func(_ *known, l *plan.Alarms) { l.Documents = 99 }, []string{"loss"}, "few documents"},
		{"a group", func(e *known, _ *plan.Alarms) { e.Groups[0].Size++ }, []string{"large_group"}, `document "g" of "half" stands for a group of 1001`},
		{"percolation", func(e *known, _ *plan.Alarms) { e.Measured.Component++ }, []string{"percolation"}, "with 10.00 others"},
		{"clumps that do not hang together", func(e *known, _ *plan.Alarms) { e.Measured.KeptPairs = 1e6 }, nil, ""},
		{"one family, few pairs", func(e *known, _ *plan.Alarms) { e.Measured.Component, e.Measured.KeptPairs = 500, 500 }, nil, ""},
		{"a bucket", func(e *known, _ *plan.Alarms) { e.Measured.LargestBucket++ }, []string{"hot_bucket"}, "5001 kept documents"},
		{"candidates", func(e *known, _ *plan.Alarms) { e.Measured.MostCandidates++ }, []string{"many_candidates"}, `document "line 7 of shard 1" of "rest" was compared with 10001`},
		{"an audit as asked for", func(e *known, _ *plan.Alarms) { e.Audit = &Audit{90, 100, 990_000, 990_000} }, nil, ""},
		{"an audit that shows less", func(e *known, _ *plan.Alarms) { e.Audit = &Audit{90, 100, 989_999, 990_000} }, []string{"low_recall"}, "90 of 100 pairs in a bucket together: a recall of at most 0.989999, the plan asks for 0.99"},
		{"buckets of a floor", func(e *known, _ *plan.Alarms) {
			e.Floor = true
			e.Measured.Component++
			e.Measured.LargestBucket++
			e.Measured.MostCandidates++
		}, nil, ""},
		{"no limits", func(e *known, l *plan.Alarms) {
			*l = plan.Alarms{}
			e.Measured.Component, e.Measured.LargestBucket, e.Measured.MostCandidates, e.Groups[0].Size = 1000, 1e6, 1e6, 1e6
			e.Parties[0].Lost.Documents = 100
		}, nil, ""},
	} {
		e, limits := calm(), plan.DefaultAlarms
		c.change(e, &limits)
		f := e.raise(limits)
		if diff := cmp.Diff(c.want, kinds(f)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		} else if len(c.want) > 0 && !strings.Contains(f.Alarms[0].Message, c.text) {
			t.Errorf("%s: %q does not say %q", c.name, f.Alarms[0].Message, c.text)
		}
	}
}

func TestManyAlarmsAreCounted(t *testing.T) {
	e := calm()
	for i := range 3500 {
		e.Parties = append(e.Parties, party(fmt.Sprintf("c%d", i), 100, 60, 1, 0))
	}
	e.Parties = append(e.Parties, party("honest", 1e6, 0, 1, 0))
	f := e.raise(plan.DefaultAlarms)
	if len(f.Alarms) != mostListed || f.Raised() != 3500 || f.Alarms[0].Contributor != "c0" {
		t.Errorf("%d listed of %d, first %q", len(f.Alarms), f.Raised(), f.Alarms[0].Contributor)
	}
}

func TestRoundTrip(t *testing.T) {
	e := calm()
	e.Groups[0].Size = 5000
	f := e.raise(plan.DefaultAlarms)
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	back, err := Parse(b.Bytes())
	if diff := cmp.Diff(f, back); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if _, err := Parse([]byte(`{"versio": 1}`)); !errors.Is(err, doc.ErrCorrupt) {
		t.Errorf("%v, want ErrCorrupt", err)
	}
	if _, err := Parse([]byte(`{"version": 2}`)); err == nil {
		t.Error("a later version: accepted")
	}
}

func TestShares(t *testing.T) {
	const most = ^uint64(0)
	for _, c := range []struct {
		a, b, c, d uint64
		want       int
	}{{1, 2, 2, 4, 0}, {1, 2, 1, 3, 1}, {0, 0, 1, 5, -1}, {most, most, 1, 1, 0}, {most - 1, most, 1, 1, -1}} {
		if got := compareShares(c.a, c.b, c.c, c.d); got != c.want {
			t.Errorf("%d/%d against %d/%d: %d, want %d", c.a, c.b, c.c, c.d, got, c.want)
		}
	}
	for n, want := range map[int64]string{500_000: "0.5", 2_000_000: "2", 1: "0.000001", 0: "0", 1_250_000: "1.25"} {
		if got := ppm(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
