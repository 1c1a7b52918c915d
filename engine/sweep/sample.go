package sweep

import (
	"cmp"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/worddiff"
)

// Ref names a document.
type Ref struct {
	ID          string `json:"id"` // empty if it has none
	File        string `json:"file"`
	Line        int64  `json:"line"` // one-based
	Contributor string `json:"contributor"`
}

// Sample is a document that a threshold drops, but not the next one, and its
// witness.
type Sample struct {
	Dropped Ref     `json:"dropped"`
	Witness Ref     `json:"witness"`
	Overlap uint32  `json:"overlap"` // shingles
	Union   uint32  `json:"union"`
	Jaccard float64 `json:"jaccard"` // their quotient, for people
	// Diff leads from the witness to the dropped document; absent where the
	// texts could not be read.
	Diff []worddiff.Part `json:"diff,omitempty"`
}

// Threshold is a Jaccard threshold, the exact fraction Num/Den.
type Threshold struct {
	Num, Den int64
	Text     string // decimal
}

// Edge returns some of the documents that are near_dup by these fates with a
// score below next, which may be nil: at most one of each witness, at most
// most, drawn by the hash of their text.
func Edge(c *Corpus, fates []Fate, next *Threshold, most int) []int32 {
	var found []int32
	for i, f := range fates {
		if f.Class != doc.NearDup || next != nil && int64(f.Overlap)*next.Den >= next.Num*int64(f.Union) {
			continue
		}
		found = append(found, int32(i))
	}
	slices.SortStableFunc(found, func(a, b int32) int { return cmp.Compare(c.Documents[a].Hash, c.Documents[b].Hash) })
	taken := map[int32]bool{}
	var edge []int32
	for _, i := range found {
		if w := fates[i].Witness; !taken[w] && len(edge) < most {
			taken[w] = true
			edge = append(edge, i)
		}
	}
	return edge
}
