package cutscan

// Edges tells of places in a text, where a character of three bytes begins, whether
// one of some strings may begin or end there, by six bytes around: seldom where
// none does, always where one does. It is the look at a few bytes, by halves of
// them, of the Teddy algorithm of Hyperscan (Wang et al., NSDI 2019, section 4). It
// is only read.
type Edges struct {
	// For the bytes around a place, by the lower and the upper half of each, a bit
	// for every bucket that has a string with such a byte there, or with none.
	halves [len(around)][2][16]byte
}

// around is where the bytes are that are looked at: of strings that begin at a
// place, and of strings that end there.
var around = [6]int{1, 2, 5, -1, -2, -4}

const begins = 3 // of around

// What the bytes around a block reach beyond it, at most.
const edgesBefore, edgesPast = 4, 5

// NewEdges returns the places of strings of at least one byte.
func NewEdges(strings []string) *Edges {
	e := &Edges{}
	for _, s := range strings {
		n := len(s)
		if n >= 3 && s[0]&0xF0 == 0xE0 {
			for i, from := range around[:begins] {
				e.add(i, 1<<(s[2]%8), s, from)
			}
		}
		bucket := byte(1) // by the size of the last character
		switch {
		case n >= 3 && s[n-3]&0xF0 == 0xE0:
			bucket = 4 << (s[n-1] % 6)
		case n >= 2 && s[n-2]&0xE0 == 0xC0:
			bucket = 2
		}
		for i, from := range around[begins:] {
			e.add(begins+i, bucket, s, n+from)
		}
	}
	return e
}

// add lets a bucket have byte i of s, or any if s has none there.
func (e *Edges) add(place int, bucket byte, s string, i int) {
	halves := &e.halves[place]
	if i >= 0 && i < len(s) {
		halves[0][s[i]&15] |= bucket
		halves[1][s[i]>>4] |= bucket
		return
	}
	for b := range 16 {
		halves[0][b] |= bucket
		halves[1][b] |= bucket
	}
}

// Near sets near, which is as long as places, to those of places, bit j of
// places[i] being byte at+64i+j of text, where a string may begin or end. at is a
// multiple of 64 within text, which is all of the text, also what is before and
// behind; no bit is set beyond it. A character of three bytes begins at every
// place.
func (e *Edges) Near(near, places []uint64, text []byte, at int) {
	first := min(len(places), (edgesBefore+Block-1-min(at, edgesBefore))/Block)
	whole := min(len(places), max(first, (len(text)-at-edgesPast)/Block))
	e.nearGeneric(near[:first], places[:first], text, at)
	if first < whole {
		e.near(near[first:whole], places[first:whole], text, at+first*Block)
	}
	e.nearGeneric(near[whole:], places[whole:], text, at+whole*Block)
}
