package bpe

// maxSeed is the longest key, in bytes, that is a seed.
const maxSeed = 15

// seeds calls fn for all tokens of 2 to 15 bytes with their counts, those that
// merging makes first before the others: what a text is likely to ask for. A
// key is valid until fn returns. It may be no key that any text has.
//
// What merging makes is one token, by the definition of a live merge; so no
// merging is needed to know it.
func (m *model) seeds(fn func(key []byte, count int)) {
	lengths := make([]uint8, len(m.live.halves)) // at most maxSeed+1
	length := func(id symbol) uint8 {
		if id < firstMerged {
			return 1
		}
		return lengths[id-firstMerged]
	}
	var key [maxSeed]byte
	var spell func(id symbol, key []byte) []byte
	spell = func(id symbol, key []byte) []byte {
		for id >= firstMerged {
			h := m.live.halves[id-firstMerged]
			key = spell(h.left, key)
			id = h.right
		}
		return append(key, byte(id))
	}
	for i, h := range m.live.halves {
		// A merge out of order has a part of no length yet: it is no seed.
		left, right := length(h.left), length(h.right)
		if lengths[i] = min(left+right, maxSeed+1); left == 0 || right == 0 {
			lengths[i] = maxSeed + 1
		}
		if lengths[i] <= maxSeed {
			fn(spell(firstMerged+symbol(i), key[:0]), 1)
		}
	}
	for token := range m.whole {
		if len(token) <= maxSeed {
			fn([]byte(token), 1)
		}
	}
}
