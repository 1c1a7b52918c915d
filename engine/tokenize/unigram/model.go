package unigram

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// model is a vocabulary with scores (tokenizers/src/models/unigram/model.rs).
type model struct {
	*matcher
	longest int // bytes of the longest piece
	// penalty is the score of an unknown character.
	penalty float64
	// bytes tells that unknown characters become one token for each byte.
	bytes bool
	cuts  *cuts // nil if pieces are not cut
}

// mostScore is the largest score, of either sign: those of no text add up to
// infinity.
const mostScore = 1e290

// mostPiece bounds the bytes of a piece, as every goroutine remembers so many
// places ([viterbi]). The longest of a real vocabulary have some hundreds.
const mostPiece = 1 << 16

// unknownPenalty is by how much an unknown character scores below all pieces.
const unknownPenalty = 10

type entry struct {
	piece string
	score float64
	id    int
}

// loadModel reads a model. A mark in the vocabulary becomes a space, where text
// has spaces for marks.
func loadModel(o pipeline.Object, mark string) (*model, error) {
	kind := "Unigram" // older files name no type
	if err := o.Decode("type", &kind); err != nil {
		return nil, err
	}
	if kind != "Unigram" {
		return nil, pipeline.Unsupported("type %q", kind)
	}
	unknown := -1
	var fallback bool
	if err := o.Decode("unk_id", &unknown); err != nil {
		return nil, err
	}
	if err := o.Decode("byte_fallback", &fallback); err != nil {
		return nil, err
	}
	if o["vocab"] == nil {
		return nil, pipeline.Unsupported("no vocab")
	}
	entries, err := readVocab(o["vocab"])
	if err != nil {
		return nil, fmt.Errorf("vocab: %w", err)
	}
	if unknown < 0 || unknown >= len(entries) { // an error there, at the latest when one is met
		return nil, pipeline.Unsupported("unk_id %d of %d", unknown, len(entries))
	}
	m := &model{penalty: math.Inf(1)}
	for _, e := range entries {
		if math.Abs(e.score) > mostScore {
			return nil, pipeline.Unsupported("a score of %v", e.score)
		}
		if len(e.piece) > mostPiece {
			return nil, pipeline.Unsupported("a piece of %d bytes (at most %d)", len(e.piece), mostPiece)
		}
		m.penalty = min(m.penalty, e.score)
	}
	m.penalty -= unknownPenalty
	if fallback {
		if err := m.setFallback(entries, mark); err != nil {
			return nil, err
		}
	}
	m.index(entries, unknown, mark)
	return m, nil
}

func readVocab(raw []byte) (entries []entry, err error) {
	err = pipeline.EachElement(raw, func(value []byte) error {
		var e entry
		n := 0
		err := pipeline.EachElement(value, func(value []byte) (err error) {
			switch n++; n {
			case 1:
				if value[0] != '"' {
					return errors.New("not a string")
				}
				e.piece, err = pipeline.Unquote(value)
			case 2:
				e.score, err = parseFloat(value)
			default:
				err = errors.New("not a pair")
			}
			return err
		})
		if err == nil && n != 2 {
			err = errors.New("not a pair")
		}
		e.id = len(entries)
		entries = append(entries, e)
		return err
	})
	return entries, err
}

// index makes the trie. Of equal pieces the last stands.
func (m *model) index(entries []entry, unknown int, mark string) {
	kept := make([]entry, 0, len(entries))
	for _, e := range entries {
		if mark != "" && mark != " " {
			if strings.Contains(e.piece, " ") {
				continue // no text has one
			}
			e.piece = strings.ReplaceAll(e.piece, mark, " ")
		}
		if e.piece != "" {
			kept = append(kept, e)
		}
	}
	slices.SortFunc(kept, func(a, b entry) int {
		if c := strings.Compare(a.piece, b.piece); c != 0 {
			return c
		}
		return b.id - a.id
	})
	kept = slices.CompactFunc(kept, func(a, b entry) bool { return a.piece == b.piece })
	if mark != "" && !m.bytes {
		m.cuts = newCuts(kept, strings.ReplaceAll(entries[unknown].piece, mark, " "))
	}
	for _, e := range kept {
		m.longest = max(m.longest, len(e.piece))
	}
	m.matcher = newMatcher(kept, unknown)
}

// setFallback checks what unknown characters become. It is known exactly where
// every byte has a token, or none has.
func (m *model) setFallback(entries []entry, mark string) error {
	tokens := make(map[string]bool, len(entries))
	for _, e := range entries {
		tokens[e.piece] = true
	}
	have := 0
	for b := range 256 {
		if tokens[fmt.Sprintf("<0x%02X>", b)] {
			have++
		}
	}
	switch {
	case have == 0:
	case have < 256:
		return pipeline.Unsupported("byte_fallback with tokens for some bytes only")
	case mark != "" && !tokens[mark]:
		return pipeline.Unsupported("byte_fallback for spaces")
	default:
		m.bytes = true
	}
	return nil
}
