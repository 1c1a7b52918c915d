package pretoken

import "github.com/tallystick/tallystick/kernels/classmask"

// StartJoined begins several texts at once, for BitsOf. In joined, which must be
// UTF-8 and window+1 blocks at most, each begins at a multiple of Block, and there are spaces behind it, one
// or more, up to the next; after the last there is one block more of spaces.
func (s *Scanner) StartJoined(r *Rules, joined []byte) {
	s.setRules(r)
	s.joined = joined
	s.table.Classify(s.planes[:len(joined)/Block-1], joined, 0)
}

// BitsOf is Bits of the whole of one of the texts, joined[start:end]. It is
// called once for each.
func (s *Scanner) BitsOf(dst []uint64, start, end int) (blocks int) {
	s.text, s.at = s.joined[start:end], 0
	s.carry, s.fresh, s.last = carry{}, 0, 0
	first, size := start/Block, end-start
	blocks = (size + Block - 1) / Block
	// What Start pads with stands behind the text.
	last, behind := &s.planes[first+size/Block], &s.planes[first+blocks]
	next := *behind
	*behind = classmask.Planes{Space: ^uint64(0), Blank: ^uint64(0)}
	if s.rules.trailing {
		pad := ^uint64(0) << (size % Block)
		*behind = classmask.Planes{Space: ^uint64(0), Newline: ^uint64(0)}
		last.Blank, last.Newline = last.Blank&^pad, last.Newline|pad
	}
	s.describe(dst[:blocks], s.planes[first:])
	*behind = next
	if size%Block != 0 {
		dst[blocks-1] &= 1<<(size%Block) - 1
	}
	return blocks
}
