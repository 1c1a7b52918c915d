// Package tiktoken reads rank files, the form in which tiktoken
// (github.com/openai/tiktoken) and models that use it publish a byte-level
// vocabulary: a line for every token, its bytes in base64, a space, its rank.
//
// Such a vocabulary is counted by rank: of all adjacent parts of a pretoken the
// pair whose concatenation has the lowest rank is joined, the leftmost of
// equals, until no pair is a token. Vocabulary.Merges turns that into the list
// of merges of which a tokenizer.json consists, without changing any count,
// and Config writes the tokenizer.json.
//
// A rank file says nothing of how text is cut into pretokens, nor of special
// tokens. Both come from an Encoding, which is told by the digest of a file
// that is known (Identify) or named by the user (ByName).
package tiktoken

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"

	"github.com/tallystick/tallystick/engine/doc"
)

// Token is one entry of a vocabulary.
type Token struct {
	Bytes string
	Rank  uint32 // also its id
}

// Vocabulary is a set of tokens in the order of their ranks, which need not be
// without gaps. No two have the same rank or the same bytes, and every byte
// that occurs in UTF-8 is a token.
type Vocabulary []Token

// Is tells whether file looks like a rank file: whether its first line is
// base64, a space and a number.
func Is(file []byte) bool {
	line, _, _ := bytes.Cut(file, []byte{'\n'})
	_, err := parseLine(bytes.TrimSuffix(line, []byte{'\r'}))
	return len(line) > 0 && err == nil
}

// Parse reads a rank file. Empty lines are passed over, as tiktoken does
// (tiktoken/load.py). Errors wrap doc.ErrInput for what is not a rank file, and
// doc.ErrUnsupported for a vocabulary that tiktoken could not count with.
func Parse(file []byte) (Vocabulary, error) {
	v := make(Vocabulary, 0, bytes.Count(file, []byte{'\n'})+1)
	for n := 1; len(file) > 0; n++ {
		var line []byte
		line, file, _ = bytes.Cut(file, []byte{'\n'})
		line = bytes.TrimSuffix(line, []byte{'\r'})
		if len(line) == 0 {
			continue
		}
		t, err := parseLine(line)
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", doc.ErrInput, n, err)
		}
		v = append(v, t)
	}
	slices.SortFunc(v, func(a, b Token) int { return cmp.Compare(a.Rank, b.Rank) })
	return v, v.check()
}

func parseLine(line []byte) (t Token, err error) {
	encoded, rank, ok := bytes.Cut(line, []byte{' '})
	if !ok {
		return t, fmt.Errorf("not a token and a rank")
	}
	token := make([]byte, base64.StdEncoding.DecodedLen(len(encoded)))
	n, err := base64.StdEncoding.Decode(token, encoded)
	if err != nil {
		return t, fmt.Errorf("token: %w", err)
	}
	r, err := strconv.ParseUint(string(rank), 10, 31)
	if err != nil {
		return t, fmt.Errorf("rank: %w", err)
	}
	return Token{string(token[:n]), uint32(r)}, nil
}

// check refuses what is no Vocabulary.
func (v Vocabulary) check() error {
	seen := make(map[string]struct{}, len(v))
	for i, t := range v {
		if t.Bytes == "" {
			return fmt.Errorf("%w: rank %d for no bytes", doc.ErrUnsupported, t.Rank)
		}
		if i > 0 && v[i-1].Rank == t.Rank {
			return fmt.Errorf("%w: rank %d for two tokens", doc.ErrUnsupported, t.Rank)
		}
		if _, ok := seen[t.Bytes]; ok {
			return fmt.Errorf("%w: two ranks for the token %q", doc.ErrUnsupported, t.Bytes)
		}
		seen[t.Bytes] = struct{}{}
	}
	for b := range 256 {
		if _, ok := seen[string([]byte{byte(b)})]; !ok && b != 0xC0 && b != 0xC1 && b < 0xF5 {
			return fmt.Errorf("%w: ranks without the byte 0x%02X", doc.ErrUnsupported, b)
		}
	}
	return nil
}

// Merge joins two tokens to a third; all are indices of a Vocabulary.
type Merge struct{ Left, Right, Token uint32 }

// Merges returns the merges that counting by rank comes to, in their order.
//
// Suppose that somewhere in a text a token t is formed. Until then no pair over
// the edges of its bytes was joined, so within them the pairs were joined that
// would have been joined were t alone: a token is only ever formed of one pair,
// the last that is joined when its own bytes are counted by rank. A token of
// which that leaves more than one part is never formed of others (as a whole
// pretoken it still counts as one).
func (v Vocabulary) Merges() []Merge {
	ranks := make(map[string]uint32, len(v)) // indices serve as ranks: the order is the same
	for i, t := range v {
		ranks[t.Bytes] = uint32(i)
	}
	merges := make([]Merge, 0, len(v))
	var parts []part
	for i, t := range v {
		if len(t.Bytes) == 1 {
			continue
		}
		var left int // the length of the left of the last pair
		left, parts = lastPair(ranks, t.Bytes, parts)
		if left > 0 {
			merges = append(merges, Merge{ranks[t.Bytes[:left]], ranks[t.Bytes[left:]], uint32(i)})
		}
	}
	return merges
}

// part is where a part of a token begins, and the rank of the token that it
// would form with the part after it.
type part struct {
	start int
	rank  uint32
}

const noRank = ^uint32(0)

// lastPair counts token by rank and returns the length of the left part of the
// pair that is joined last, or 0 if that does not form token. It uses and
// returns the scratch.
func lastPair(ranks map[string]uint32, token string, scratch []part) (int, []part) {
	parts := scratch[:0]
	for i := range len(token) + 1 {
		parts = append(parts, part{i, noRank})
	}
	pairRank := func(i int) uint32 {
		if i < 0 || i+2 >= len(parts) {
			return noRank
		}
		if r, ok := ranks[token[parts[i].start:parts[i+2].start]]; ok {
			return r
		}
		return noRank
	}
	for i := range parts {
		parts[i].rank = pairRank(i)
	}
	for {
		best := 0
		for i := range parts {
			if parts[i].rank < parts[best].rank {
				best = i
			}
		}
		switch {
		case parts[best].rank == noRank:
			return 0, parts
		case len(parts) == 3: // two parts and the end
			return parts[1].start, parts
		}
		parts = slices.Delete(parts, best+1, best+2)
		parts[best].rank = pairRank(best)
		if best > 0 {
			parts[best-1].rank = pairRank(best - 1)
		}
	}
}
