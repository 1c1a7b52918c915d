package unigram

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestMatcher compares what ends at every place with all pieces tried there, text
// by parts of any size.
func TestMatcher(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	letters := []string{"a", "b", "c", "é", "中", "文", "😀"}
	for range 100 {
		scores := map[string]float64{}
		for range 1 + rng.IntN(40) {
			var piece strings.Builder
			for range 1 + rng.IntN(6) {
				piece.WriteString(letters[rng.IntN(1+rng.IntN(len(letters)))])
			}
			scores[piece.String()] = -rng.Float64()
		}
		var entries []entry
		for piece, score := range scores {
			entries = append(entries, entry{piece: piece, score: score})
		}
		slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.piece, b.piece) })
		for i := range entries {
			entries[i].id = i
		}
		unknown := rng.IntN(len(entries))
		m := newMatcher(entries, unknown)
		if got := m.ends[m.unknown]; int(got.size) != len(entries[unknown].piece) || got.score != entries[unknown].score {
			t.Fatalf("%q is unknown, not %+v", entries[unknown].piece, got)
		}
		var text []byte
		for range rng.IntN(200) {
			text = append(text, letters[rng.IntN(len(letters))]...)
		}
		found := make([]uint32, len(text))
		state := uint32(0)
		for at := 0; at < len(text); {
			n := min(1+rng.IntN(70), len(text)-at)
			state = m.find(found[at:], text[at:at+n], state)
			at += n
		}
		for i, number := range found {
			before := text[:i+1]
			plain, next := number&plainEnd != 0, number&^plainEnd
			alone, odd := false, false
			for size := len(before); size > 0; size-- {
				piece := string(before[len(before)-size:])
				score, ok := scores[piece]
				if !ok {
					continue
				}
				e := m.ends[next]
				if next == 0 || int(e.size) != size || e.score != score {
					t.Fatalf("%v: after %q %+v, want %q of %v", entries, before, e, piece, score)
				}
				alone = len([]rune(piece)) == 1
				odd = odd || piece == entries[unknown].piece
				next = e.next
			}
			if next != 0 || plain != (alone && !odd) {
				t.Fatalf("%v, unknown %q: after %q more than there is, or plain %v", entries, entries[unknown].piece, before, plain)
			}
		}
	}
}

// TestScoresAboveZero counts with scores on both sides of 0.
func TestScoresAboveZero(t *testing.T) {
	for _, config := range files(t) {
		var file map[string]json.RawMessage
		var model map[string]any
		if err := json.Unmarshal(config, &file); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(file["model"], &model); err != nil {
			t.Fatal(err)
		}
		for i, e := range model["vocab"].([]any) {
			e.([]any)[1] = e.([]any)[1].(float64) + []float64{2.5, 1.75}[i%2]
		}
		var err error
		if file["model"], err = json.Marshal(model); err != nil {
			t.Fatal(err)
		}
		if config, err = json.Marshal(file); err != nil {
			t.Fatal(err)
		}
		c, r := open(t, config), newReference(t, config)
		rng := rand.New(rand.NewPCG(7, 8))
		units := []string{"a", "b", "c", "ab", " ", "the", "中", "文", "é", "<unk>", "q", "…", "."}
		for range 500 {
			var text bytes.Buffer
			for range rng.IntN(40) {
				text.WriteString(units[rng.IntN(len(units))])
			}
			check(t, c, r, text.String())
		}
	}
}
