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

// TestForgedAudit changes audit.json, or an alarm that is of it.
func TestForgedAudit(t *testing.T) {
	sampled := func() *auditFile {
		return &auditFile{
			Version: 1, SamplePPM: 1000, Documents: 3, Probes: 3, Pairs: 40, Found: 30, RecallPPM: 750_000, PredictedPPM: 990_000,
			ByPairs: interval{598_060, 858_129}, Families: 2, ByFamilies: interval{190_000, 970_000}, Dropped: 1, Missed: 1,
			Bins: []auditBin{{80, 20, 10, 990_000}, {95, 20, 20, 999_000}},
		}
	}
	low := func(f *alarmsFile) { f.Alarms = append(f.Alarms, raised{Kind: "low_recall", Count: 30, Of: 40}) }
	for _, c := range []struct {
		name  string
		forge func(*auditFile)
		alarm func(*alarmsFile)
		want  string // empty: all is well
	}{
		{"true", func(*auditFile) {}, low, ""},
		{"no alarm", func(*auditFile) {}, nil, "no low_recall, but all of the interval"},
		{"needless alarm", func(a *auditFile) { a.ByFamilies.HighPPM = 990_000 }, low, "a low_recall of 30 of 40 pairs"},
		{"another alarm", func(*auditFile) {}, func(f *alarmsFile) { low(f); f.Alarms[0].Of-- }, "a low_recall of 30 of 39 pairs"},
		{"another run", func(a *auditFile) { a.RunID = "x" }, low, "audit.json: version 1 of run x"},
		{"another share", func(a *auditFile) { a.SamplePPM++ }, low, "with a sample of 1001 ppm"},
		{"recall", func(a *auditFile) { a.RecallPPM = 990_000 }, low, "recall 990000 ppm"},
		{"interval", func(a *auditFile) { a.ByPairs.LowPPM += 3 }, low, "30 of 40 pairs make 750000 and {598060 858129}"},
		{"narrow interval", func(a *auditFile) { a.ByFamilies.LowPPM = 600_000 }, low, "is not wider than"},
		{"pairs", func(a *auditFile) { a.Bins[1].Pairs++ }, low, "the bins have 30 of 41"},
		{"bins", func(a *auditFile) { a.Bins[1].JaccardPercent = 80 }, low, "bin 80 after 80"},
		{"more than all", func(a *auditFile) { a.Documents, a.Probes = 1000, 1000 }, low, "1000 of 1000 texts sampled"},
		{"too few", func(a *auditFile) { a.Probes = 2 }, low, "2 of 3 texts sampled"},
	} {
		a := build(t)
		a.plan.AuditPPM, a.plan.AuditLeast, a.plan.AuditMost = 1000, 100, 1000
		a.audit = sampled()
		c.forge(a.audit)
		a.forgeAlarms = c.alarm
		r := run(t, a.write(t), false)
		if c.want == "" && strings.Contains(text(r), "audit") || !strings.Contains(text(r), c.want) {
			t.Errorf("%s: not found, or more:\n%s", c.name, text(r))
		}
	}
	a := build(t)
	a.forgeAlarms = low
	if r := run(t, a.write(t), false); !strings.Contains(text(r), "the plan has no audit") {
		t.Errorf("no audit:\n%s", text(r))
	}
}

// TestForgedBuckets: alarms of buckets follow from what was measured.
func TestForgedBuckets(t *testing.T) {
	limits := plan.DefaultAlarms
	limits.Documents = 1
	for name, c := range map[string]struct {
		forge func(*alarmsFile)
		want  string
	}{
		"bucket":      {func(f *alarmsFile) { f.Measured["largest_bucket"] = 5001 }, "no hot_bucket"},
		"candidates":  {func(f *alarmsFile) { f.Measured["most_candidates"] = 10_001 }, "no many_candidates"},
		"percolation": {func(f *alarmsFile) { f.Measured["kept_pairs"], f.Measured["component"] = 100, 3 }, "no percolation"},
		"made up":     {func(f *alarmsFile) { f.Alarms = append(f.Alarms, raised{Kind: "hot_bucket", Count: 7}) }, "a hot_bucket of 7"},
		"another": {func(f *alarmsFile) {
			f.Measured["largest_bucket"] = 5001
			f.Alarms = append(f.Alarms, raised{Kind: "hot_bucket", Count: 5002})
		}, "a hot_bucket of 5002"},
	} {
		a := build(t)
		a.plan.Alarms = &limits
		a.forgeAlarms = c.forge
		if r := run(t, a.write(t), false); !strings.Contains(text(r), c.want) {
			t.Errorf("%s: not found:\n%s", name, text(r))
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
