package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/doc"
)

var digest = strings.Repeat("0a", 32)

func sample() Manifest {
	var class [doc.NumClasses]doc.Counts
	class[doc.Kept] = doc.Counts{Documents: 2, Bytes: 20, Tokens: 5}
	class[doc.Rejected] = doc.Counts{Documents: 1}
	return Manifest{
		Version: Version, RunID: digest, Tool: Tool, CreatedUnreadable: 4,
		Files: []File{
			{Path: "tally.jsonl", Size: 3, SHA256: digest},
			{Path: "bitmaps/00000.kept.roaring", Size: 9, SHA256: digest},
		},
		Totals: TotalsOf(class, nil),
	}
}

func TestRoundTrip(t *testing.T) {
	var b bytes.Buffer
	if err := sample().Write(&b); err != nil {
		t.Fatal(err)
	}
	got, err := Parse(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	want := sample()
	want.Files[0], want.Files[1] = want.Files[1], want.Files[0]
	want.SHA256 = got.SHA256
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.Totals.In != (doc.Counts{Documents: 3, Bytes: 20, Tokens: 5}) {
		t.Errorf("in = %+v", got.Totals.In)
	}
}

func TestMarshalRefuses(t *testing.T) {
	for name, change := range map[string]func(m *Manifest){
		"version":       func(m *Manifest) { m.Version = Version + 1 },
		"run id":        func(m *Manifest) { m.RunID = "x" },
		"upper case":    func(m *Manifest) { m.RunID = strings.ToUpper(m.RunID) },
		"tool":          func(m *Manifest) { m.Tool = "abacus" },
		"same path":     func(m *Manifest) { m.Files[1].Path = m.Files[0].Path },
		"absolute path": func(m *Manifest) { m.Files[0].Path = "/etc/passwd" },
		"parent path":   func(m *Manifest) { m.Files[0].Path = "../x" },
		"unclean path":  func(m *Manifest) { m.Files[0].Path = "a//b" },
		"itself":        func(m *Manifest) { m.Files[0].Path = Name },
		"negative size": func(m *Manifest) { m.Files[0].Size = -1 },
		"digest":        func(m *Manifest) { m.Files[0].SHA256 = "00" },
		"conservation":  func(m *Manifest) { m.Totals.In.Tokens++ },
	} {
		m := sample()
		change(&m)
		if _, err := m.Marshal(); err == nil {
			t.Errorf("%s: written", name)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	b, err := sample().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	good := string(b)
	for name, bad := range map[string]string{
		"empty":        "",
		"truncated":    good[:len(good)/2],
		"trailing":     good + "{}",
		"unknown key":  strings.Replace(good, `"tool"`, `"x": 1, "tool"`, 1),
		"other totals": strings.Replace(good, `"documents": 3`, `"documents": 4`, 1),
	} {
		if bad == good {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := Parse([]byte(bad)); !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
	}
	for i := range b {
		for bit := range 8 {
			bad := bytes.Clone(b)
			bad[i] ^= 1 << bit
			if _, err := Parse(bad); err == nil {
				t.Errorf("bit %d of byte %d: taken", bit, i)
			}
		}
	}
	old := strings.Replace(good, fmt.Sprintf(`"version": %d`, Version), `"version": 1`, 1)
	if _, err := Parse([]byte(old)); err == nil || errors.Is(err, doc.ErrCorrupt) || !strings.Contains(err.Error(), "version 1") {
		t.Errorf("another version: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	b, err := sample().Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(bytes.Replace(b, []byte("tally.jsonl"), []byte("../../x"), 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data)
		if err != nil {
			return
		}
		if again, err := m.Marshal(); err != nil || !bytes.Equal(again, data) {
			t.Errorf("taken, but not as it is written: %v", err)
		}
	})
}
