// Package manifest is manifest.json: every file of a finished run with its
// size and digest, and the totals that its tallies add up to. It is written
// last, so a folder with a manifest is a complete run.
package manifest

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/jsonfile"
	"github.com/tallystick/tallystick/engine/internal/selfsum"
)

// Version of manifest.json. A reader refuses a version it does not know.
const Version = 2

// Tool is what Manifest.Tool must be.
const Tool = "tallystick"

// Name of the manifest in the folder of a run.
const Name = "manifest.json"

// Unlisted are the names that a manifest does not list: itself, and the files
// that hold times and so differ between runs of the same plan.
var Unlisted = []string{Name, "timings.json", "report.html", "estimate.json"}

// Manifest is the content of manifest.json.
type Manifest struct {
	Version           int    `json:"version"`
	RunID             string `json:"run_id"`
	Tool              string `json:"tool"`
	Files             []File `json:"files"` // ascending by path
	Totals            Totals `json:"totals"`
	CreatedUnreadable uint64 `json:"created_unreadable"` // usable lines whose created field could not be read
	// UnseenSources are the ranked sources that no usable line of the delivery has,
	// in the order of the ranking.
	UnseenSources []string `json:"unseen_sources,omitempty"`
	// Standing are the documents that the delivery was compared with and that
	// are not tallied: a reference corpus, or what earlier runs kept.
	Standing *Standing `json:"standing,omitempty"`
	// SHA256 is the digest of manifest.json without these digits (package selfsum):
	// no other file has it. Marshal fills it in.
	SHA256 string `json:"sha256"`
}

// Standing counts lines that are not tallied.
type Standing struct {
	Documents uint64 `json:"documents"`
	Rejected  uint64 `json:"rejected"` // lines among them that could not be used
}

// AddStanding adds lines to Standing.
func (m *Manifest) AddStanding(documents, rejected int64) {
	if m.Standing == nil {
		m.Standing = new(Standing)
	}
	m.Standing.Documents += uint64(documents)
	m.Standing.Rejected += uint64(rejected)
}

// File is one output.
type File struct {
	Path   string `json:"path"` // relative, with slashes
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

// Totals are what all rows of the tally add up to.
type Totals struct {
	In       doc.Counts `json:"in"`
	Kept     doc.Counts `json:"kept"`
	ExactDup doc.Counts `json:"exact_dup"`
	NearDup  doc.Counts `json:"near_dup"`
	Excluded doc.Counts `json:"excluded"`
	Rejected doc.Counts `json:"rejected"`
	// Tokens of the further tokenizers, by their labels.
	Further map[string]doc.ClassTokensJSON `json:"further_tokens,omitempty"`
}

// TotalsOf returns the totals of the counts per class.
func TotalsOf(class [doc.NumClasses]doc.Counts, further map[string]doc.ClassTokensJSON) Totals {
	t := Totals{
		Kept:     class[doc.Kept],
		ExactDup: class[doc.ExactDup],
		NearDup:  class[doc.NearDup],
		Excluded: class[doc.Excluded],
		Rejected: class[doc.Rejected],
		Further:  further,
	}
	t.In = t.sum()
	return t
}

func (t *Totals) sum() doc.Counts {
	var in doc.Counts
	for _, c := range []doc.Counts{t.Kept, t.ExactDup, t.NearDup, t.Excluded, t.Rejected} {
		in.Add(c)
	}
	return in
}

// Check returns an error unless m may be written: known version, a run id,
// files ascending by clean relative path, conserved totals.
func (m *Manifest) Check() error {
	switch {
	case m.Version != Version:
		return fmt.Errorf("manifest version %d is not %d", m.Version, Version)
	case m.Tool != Tool:
		return fmt.Errorf("manifest of tool %q", m.Tool)
	case !isDigest(m.RunID):
		return fmt.Errorf("run id %q is not a hex SHA-256", m.RunID)
	case m.Totals.In != m.Totals.sum():
		return errors.New("totals: in is not the sum of the classes")
	}
	for label, t := range m.Totals.Further {
		if classes := t.ClassTokens(); t.In != classes.In() {
			return fmt.Errorf("totals: %s: in is not the sum of the classes", label)
		}
	}
	for i, f := range m.Files {
		switch {
		case f.Path == "" || f.Path == "." || path.IsAbs(f.Path) || path.Clean(f.Path) != f.Path || strings.HasPrefix(f.Path, ".."):
			return fmt.Errorf("file %d: path %q is not clean and relative", i+1, f.Path)
		case slices.Contains(Unlisted, f.Path):
			return fmt.Errorf("file %d: %s is never listed", i+1, f.Path)
		case i > 0 && m.Files[i-1].Path >= f.Path:
			return fmt.Errorf("file %d: %s does not sort after %s", i+1, f.Path, m.Files[i-1].Path)
		case f.Size < 0 || !isDigest(f.SHA256):
			return fmt.Errorf("file %d: %s has no valid size and digest", i+1, f.Path)
		}
	}
	return nil
}

func isDigest(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && s == strings.ToLower(s)
}

// Marshal returns the bytes of manifest.json. It sorts the files by path; the
// result depends on the content of m alone.
func (m Manifest) Marshal() ([]byte, error) {
	m.Files = slices.Clone(m.Files)
	if m.Files == nil {
		m.Files = []File{}
	}
	slices.SortFunc(m.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	if err := m.Check(); err != nil {
		return nil, fmt.Errorf("write manifest.json: %w", err)
	}
	m.SHA256 = ""
	b, err := jsonfile.Marshal(m)
	if err == nil {
		b, err = selfsum.Fill(b, selfsum.JSONEnd)
	}
	if err != nil {
		return nil, fmt.Errorf("write manifest.json: %w", err)
	}
	return b, nil
}

// Write writes manifest.json.
func (m Manifest) Write(w io.Writer) error {
	b, err := m.Marshal()
	if err != nil {
		return err
	}
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("write manifest.json: %w", err)
	}
	return nil
}

// Parse reads what Marshal wrote and accepts nothing else; errors wrap
// doc.ErrCorrupt, but for that of another version.
func Parse(data []byte) (Manifest, error) {
	var m Manifest
	if err := jsonfile.Parse(data, Name, Version, &m); err != nil {
		return Manifest{}, err
	}
	if err := m.Check(); err != nil {
		return Manifest{}, fmt.Errorf("manifest.json: %w: %w", doc.ErrCorrupt, err)
	}
	again, err := m.Marshal()
	if err != nil {
		return Manifest{}, err
	}
	if !bytes.Equal(again, data) {
		return Manifest{}, fmt.Errorf("manifest.json: %w: not in the form it is written in", doc.ErrCorrupt)
	}
	return m, nil
}
