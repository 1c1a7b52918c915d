package unigram

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
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

// rescored is a file with other scores.
func rescored(t *testing.T, config []byte, score func(i int, was float64) float64) []byte {
	t.Helper()
	var file map[string]json.RawMessage
	var model map[string]any
	if err := json.Unmarshal(config, &file); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(file["model"], &model); err != nil {
		t.Fatal(err)
	}
	for i, e := range model["vocab"].([]any) {
		e.([]any)[1] = score(i, e.([]any)[1].(float64))
	}
	var err error
	if file["model"], err = json.Marshal(model); err != nil {
		t.Fatal(err)
	}
	if config, err = json.Marshal(file); err != nil {
		t.Fatal(err)
	}
	return config
}

// checkRescored compares a file's counter with the reference.
func checkRescored(t *testing.T, config []byte, texts int) {
	t.Helper()
	c, r := open(t, config), newReference(t, config)
	rng := rand.New(rand.NewPCG(7, 8))
	units := []string{"a", "b", "c", "ab", " ", "the", "th", "e", "中", "文", "é", "<unk>", "q", "…", "."}
	for i := range texts {
		most := 40
		if i%20 == 0 {
			most = 400
		}
		var text bytes.Buffer
		for range rng.IntN(most) {
			text.WriteString(units[rng.IntN(len(units))])
		}
		check(t, c, r, text.String())
	}
}

// TestScoresAboveZero counts with scores on both sides of 0.
func TestScoresAboveZero(t *testing.T) {
	for _, config := range files(t) {
		checkRescored(t, rescored(t, config, func(i int, was float64) float64 { return was + []float64{2.5, 1.75}[i%2] }), 500)
	}
}

// TestEqualScores counts where most spellings are as good as others, but for
// the last bits.
func TestEqualScores(t *testing.T) {
	for _, config := range files(t) {
		for _, scores := range [][]float64{{0}, {0, -1}, {-1, -1.0000001, -2.0000001}, {-0.1, -0.2, -0.30000000000000004, -0.3}} {
			checkRescored(t, rescored(t, config, func(i int, _ float64) float64 { return scores[(i*7+i/3)%len(scores)] }), 60)
		}
	}
}

// TestScoresBeyondSums: what would add up to no number is refused.
func TestScoresBeyondSums(t *testing.T) {
	for _, config := range files(t) {
		for _, score := range []float64{-1e308, 1e308} {
			config := rescored(t, config, func(i int, was float64) float64 {
				if i%2 == 0 {
					return score
				}
				return was
			})
			file, err := pipeline.Parse(config)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := New(file, pipeline.Options{}); !errors.Is(err, doc.ErrUnsupported) {
				t.Errorf("scores of %v: %v", score, err)
			}
		}
	}
}
