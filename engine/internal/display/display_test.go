package display

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestTable(t *testing.T) {
	tab := Table{Head: []string{"name", "n", "note"}, Right: []bool{false, true}}
	tab.Add("a", "1")
	tab.Add("山田", "1,000", "wide")
	var b strings.Builder
	if err := tab.Write(&b, 2); err != nil {
		t.Fatal(err)
	}
	want := "  name      n  note\n" +
		"  a         1\n" +
		"  山田  1,000  wide\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", math.MaxUint64: "18,446,744,073,709,551,615"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
	for s, want := range map[string]string{"1234.5678": "1,234.5678", "0.20": "0.20", "100000.00": "100,000.00"} {
		if got := Group(s); got != want {
			t.Errorf("Group(%q) = %q, want %q", s, got, want)
		}
	}
	for n, want := range map[uint64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 5e12: "5.0 TB", math.MaxUint64: "18446.7 PB"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
	for _, c := range []struct {
		part, whole uint64
		want        string
	}{{0, 0, "–"}, {0, 5, "0.0 %"}, {5, 5, "100.0 %"}, {1, 3, "33.3 %"}, {1, 1e9, "<0.1 %"}, {1e9 - 1, 1e9, ">99.9 %"}} {
		if got := Percent(c.part, c.whole); got != c.want {
			t.Errorf("Percent(%d, %d) = %q, want %q", c.part, c.whole, got, c.want)
		}
	}
}

func TestName(t *testing.T) {
	for s, want := range map[string]string{
		"Ada":                  "Ada",
		"":                     "(empty)",
		"0123456789":           "0123456789",
		"0123456789a":          "012345678…",
		"山田太郎花子":               "山田太郎…",
		"山田太郎花":                "山田太郎花",
		"a\nb\tc":              `a\nb\tc`,
		"\x1b[31m":             `\x1b[31m`,
		"\u202eabc":            `\u{202e}a…`,
		"\xffx":                "\ufffdx",
		"می\u200cخواهم":        "می\u200cخواهم",
		"e\u0301\u0301\u0301x": "e\u0301\u0301x",
	} {
		if got := Name(s, 10); got != want {
			t.Errorf("Name(%q) = %q, want %q", s, got, want)
		}
	}
}

// Whatever the name, what is shown fits, is valid and has no controls.
func TestNameProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "name")
		width := rapid.IntRange(8, 40).Draw(t, "width")
		got := Name(s, width)
		if Width(got) > width || !utf8.ValidString(got) || got == "" {
			t.Fatalf("Name(%q, %d) = %q", s, width, got)
		}
		if strings.ContainsFunc(got, func(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e }) {
			t.Fatalf("Name(%q) = %q holds a control", s, got)
		}
	})
}
