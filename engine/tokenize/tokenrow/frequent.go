package tokenrow

// frequent remembers which symbols of few stay beside which, in a byte for each two:
// of a text that is made of few tokens, as white space is, all of these are in a near
// cache. It has nothing to remember of other texts, and tries again later.
type frequent struct {
	numbers []uint16 // by symbol, from 1 on; 0 is none
	given   uint16
	hops    []uint8 // by numbers, that of the left one first
	off     int     // pairs that are left to others
}

const (
	mostFrequent = 1 << 10
	restOfOthers = 1 << 20

	// What hops has: 0 is not known, noHops that no symbol stays, and others are one
	// more than how many symbols are too long that the right one is or begins with.
	noHops = 255
)

func newFrequent(symbols int) frequent {
	return frequent{numbers: make([]uint16, symbols), hops: make([]uint8, mostFrequent*mostFrequent)}
}

// at returns what is remembered of two symbols, and nil if they are left to others.
func (f *frequent) at(left, right uint32) *uint8 {
	if f.off > 0 {
		f.off--
		return nil
	}
	l, r := f.numbers[left], f.numbers[right]
	if l == 0 || r == 0 {
		if f.given+2 >= mostFrequent {
			clear(f.numbers)
			clear(f.hops)
			f.given, f.off = 0, restOfOthers
			return nil
		}
		f.give(left)
		f.give(right)
		l, r = f.numbers[left], f.numbers[right]
	}
	return &f.hops[uint(l)%mostFrequent*mostFrequent+uint(r)%mostFrequent]
}

func (f *frequent) give(symbol uint32) {
	if f.numbers[symbol] == 0 {
		f.given++
		f.numbers[symbol] = f.given
	}
}
