package shingle

// runeClass is what the shingle rule makes of a rune.
type runeClass uint8

const (
	separator runeClass = iota
	inWord
	alone // a word of its own
	// From here on: within words, and its lower case is lowerDeltas[class-alone-1] away.
)

// classOf returns the class of r, which is a code point.
func classOf(r rune) runeClass {
	return runeClass(classBlocks[int(classIndex[r>>7])<<7|int(r&0x7f)])
}

// lower returns the simple lower case of r, a rune of class c.
func (c runeClass) lower(r rune) rune {
	if c > alone {
		return r + rune(lowerDeltas[c-alone-1])
	}
	return r
}
