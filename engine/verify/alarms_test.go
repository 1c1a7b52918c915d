package verify

import (
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/plan"
)

// TestForgedAlarms changes alarms.json, or leaves out what must be in it.
func TestForgedAlarms(t *testing.T) {
	low := plan.DefaultAlarms
	low.Documents, low.LossPPM, low.LossExcessPPM = 1, 1, 1
	groups := plan.DefaultAlarms
	groups.Group = 1
	for _, c := range []struct {
		name   string
		limits *plan.Alarms
		forge  func(f *alarmsFile)
		want   string
	}{
		{"other limits", nil, func(f *alarmsFile) { f.Limits.Group++ }, "alarms.json: version 1 of run"},
		{"another run", nil, func(f *alarmsFile) { f.RunID = "x" }, "alarms.json: version 1 of run x"},
		{"less lost", nil, func(f *alarmsFile) { f.Measured["lost"]-- }, "lost to others, tally and decisions have"},
		{"more kept", nil, func(f *alarmsFile) { f.Measured["kept"]++ }, "documents kept and"},
		{"a smaller group", nil, func(f *alarmsFile) { f.Measured["largest_group"]-- }, "the decisions have one of"},
		{"no loss told", &low, func(*alarmsFile) {}, "which is no alarm there"},
		{"no group told", &groups, func(*alarmsFile) {}, "no large_group, but the decisions have one of"},
		{"a loss made up", nil, func(f *alarmsFile) {
			f.Alarms = append(f.Alarms, raised{Kind: "loss", Contributor: "ann", Count: 1, Of: 2})
		}, `contributor "ann" is said to lose 1 of 2`},
		{"of nobody", nil, func(f *alarmsFile) {
			f.Alarms = append(f.Alarms, raised{Kind: "loss", Contributor: "nobody", Count: 1, Of: 2})
		}, `contributor "nobody" of an alarm is not in tally.jsonl`},
	} {
		a := build(t)
		a.plan.Alarms = c.limits
		a.forgeAlarms = c.forge
		if r := run(t, a.write(t), false); !strings.Contains(text(r), c.want) {
			t.Errorf("%s: not found:\n%s", c.name, text(r))
		}
	}
}

// TestAuditIsThere: a run that asked for an audit has one.
func TestAuditIsThere(t *testing.T) {
	a := build(t)
	a.plan.AuditPPM = 1000
	if r := run(t, a.write(t), false); !strings.Contains(text(r), "audit.json: is not listed in manifest.json") {
		t.Errorf("not found:\n%s", text(r))
	}
}
