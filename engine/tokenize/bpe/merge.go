package bpe

import (
	"sync"
	"sync/atomic"

	"github.com/tallystick/tallystick/engine/tokenize/tokenrow"
	"github.com/tallystick/tallystick/kernels/pairmerge"
)

// model is a BPE model over bytes that counts what it would make.
type model struct {
	live   *liveMerges
	pairs  *pairTable
	checks []pairmerge.Check   // of the live merges
	bytes  []symbol            // bytes[right<<8|left] is what two bytes make, or dead
	whole  map[string]struct{} // tokens that merging does not reach but a whole pretoken can be: ignore_merges
	// junctions is nil where neither cutting nor beginning with characters pays.
	junctions *junctions

	windows sync.Pool // of *longMerge

	makeRows sync.Once
	rows     atomic.Pointer[tokenrow.Vocabulary] // nil until made, or where merging has to do
	windowed atomic.Int64                        // bytes merged in windows before that

	makeTokens sync.Once
	tokens     *tokenSet // nil until made
}

func newModel(live *liveMerges, whole map[string]struct{}) *model {
	m := newModelTables(live, newPairTable(live.halves), whole)
	m.junctions = findJunctions(m)
	return m
}

// newModelTables is newModel without junctions.
func newModelTables(live *liveMerges, pairs *pairTable, whole map[string]struct{}) *model {
	m := &model{live: live, pairs: pairs, whole: whole}
	m.bytes = make([]symbol, 1<<16)
	for i := range m.bytes {
		m.bytes[i] = m.pairs.none()
	}
	m.checks = make([]pairmerge.Check, len(live.halves))
	for i, h := range live.halves {
		m.checks[i] = pairmerge.CheckOf(h.left, h.right)
		if h.left < firstMerged && h.right < firstMerged {
			m.bytes[h.right<<8|h.left] = firstMerged + symbol(i)
		}
	}
	return m
}

// tokenSet returns the tokens, found when first asked for.
func (m *model) tokenSet() *tokenSet {
	m.makeTokens.Do(func() { m.tokens = newTokenSet(m) })
	return m.tokens
}

// manyWindowed is how many bytes merged in windows pay for making rows.
const manyWindowed = 1 << 18

// rowsFor returns the vocabulary that finds the tokens of a window without
// merging it, if there is one by now; size is that of the window, in bytes.
func (m *model) rowsFor(size int) *tokenrow.Vocabulary {
	if m.windowed.Load() > manyWindowed {
		m.makeRows.Do(func() {
			halves := make([]tokenrow.Halves, len(m.live.halves))
			for i, h := range m.live.halves {
				halves[i] = tokenrow.Halves{Left: h.left, Right: h.right}
			}
			m.rows.Store(tokenrow.New(halves))
		})
	} else {
		m.windowed.Add(int64(size))
	}
	return m.rows.Load()
}

// count returns the number of tokens of a pretoken of one byte or more: while
// any two neighbours have a merge, that of the lowest rank is made, the
// leftmost of equals first.
func (m *model) count(pretoken []byte) int {
	if m.isWhole(pretoken) {
		return 1
	}
	return m.merge(pretoken)
}

// isWhole tells of a token that merging does not reach.
func (m *model) isWhole(pretoken []byte) bool {
	if m.whole == nil {
		return false
	}
	_, ok := m.whole[string(pretoken)]
	return ok
}

// merge is count without the tokens that only a whole pretoken can be.
func (m *model) merge(text []byte) int {
	if len(text) > maxShort {
		return m.countLong(text)
	}
	var s shortMerge
	return s.count(m, text)
}
