package automaton

// behavior is what a Split does with the matches of its expression
// (SplitDelimiterBehavior in tokenizers/src/tokenizer/normalizer.rs).
type behavior uint8

const (
	isolated   behavior = iota // a match is a piece
	removed                    // it is no piece
	withBefore                 // it joins what is before it, if that is no match
	withAfter                  // it joins what is after it, if that is no match
	contiguous                 // it joins the matches beside it
)

// split is one step of a pre-tokenizer.
type split struct {
	re          *Regexp
	behavior    behavior
	invert      bool // what is between matches counts as the matches
	prefixSpace bool // a space goes before a text that begins with none
}

// splitting is a split at work on one text after the other.
type splitting struct {
	*split
	m      *Matcher
	prefix []byte // scratch

	text []byte
	// As in onig's FindMatches: where the next search begins, where the last
	// match ended, if there was one.
	from, matchEnd int
	done           int  // the end of the last stretch
	pending        span // a match that was found with the stretch before it
	searched       bool // no match is left
	held           span // of withBefore, withAfter and contiguous: a piece that may grow
	holds          bool
}

// span is a stretch of the text, a match or what is between two. A match can be
// empty.
type span struct {
	start, end int
	match      bool
}

// begin begins a text, of one character at least.
func (s *splitting) begin(text []byte) {
	if s.prefixSpace && text[0] != ' ' {
		s.prefix = append(append(s.prefix[:0], ' '), text...)
		text = s.prefix
	}
	s.text = text
	s.from, s.matchEnd, s.done = 0, -1, 0
	s.pending, s.held = span{}, span{}
	s.searched, s.holds = s.re == nil, false
	if s.re != nil {
		s.m.Start(text)
	}
}

// next returns the next piece, if there is one; never an empty one.
func (s *splitting) next() (piece []byte, ok bool) {
	for {
		p, ok := s.nextPiece()
		if !ok {
			return nil, false
		}
		if p.start < p.end {
			return s.text[p.start:p.end], true
		}
	}
}

func (s *splitting) nextPiece() (p span, ok bool) {
	switch s.behavior {
	case isolated:
		return s.nextSpan()
	case removed:
		for p, ok = s.nextSpan(); ok && p.match; p, ok = s.nextSpan() {
		}
		return p, ok
	}
	for {
		p, ok := s.nextSpan()
		if !ok {
			held, ok := s.held, s.holds
			s.held, s.holds = span{}, false
			return held, ok
		}
		if s.holds && s.joins(p) {
			// What joins decides what joins it.
			s.held = span{s.held.start, p.end, p.match}
			continue
		}
		held, held2 := s.held, s.holds
		s.held, s.holds = p, true
		if held2 {
			return held, true
		}
	}
}

// joins tells whether p joins the piece that is held.
func (s *splitting) joins(p span) bool {
	switch s.behavior {
	case withBefore:
		return p.match && !s.held.match
	case withAfter:
		return s.held.match && !p.match
	}
	return p.match == s.held.match
}

// nextSpan returns the next match, or what is before it.
func (s *splitting) nextSpan() (p span, ok bool) {
	if s.pending != (span{}) {
		p, s.pending = s.pending, span{}
		return s.flip(p), true
	}
	for !s.searched {
		start, end, found := s.m.Find(s.from)
		if !found {
			s.searched = true
			break
		}
		if start == end && end == s.matchEnd { // an empty match beside another
			if s.from == len(s.text) {
				s.searched = true
				break
			}
			s.from += runeLen(s.text[s.from])
			continue
		}
		s.from, s.matchEnd = end, end
		match := span{start, end, true}
		if before := (span{start: s.done, end: start}); before.start < before.end {
			s.pending, s.done = match, end
			return s.flip(before), true
		}
		s.done = end
		return s.flip(match), true
	}
	if s.done < len(s.text) {
		p = span{start: s.done, end: len(s.text)}
		s.done = len(s.text)
		return s.flip(p), true
	}
	return span{}, false
}

func (s *splitting) flip(p span) span {
	p.match = p.match != s.invert
	return p
}

// Pieces cuts one text after the other for one goroutine.
type Pieces struct {
	steps []splitting
	depth int    // of steps that are at work
	whole []byte // the text, where there are no steps
}

// Pieces returns the splitter at work.
func (s *Splitter) Pieces() *Pieces {
	p := &Pieces{steps: make([]splitting, len(s.steps))}
	for i := range p.steps {
		p.steps[i].split = &s.steps[i]
		if s.steps[i].re != nil {
			p.steps[i].m = s.steps[i].re.Matcher()
		}
	}
	return p
}

// Start begins a text, which must be valid UTF-8 and not change until the next.
func (p *Pieces) Start(text []byte) {
	p.depth = 0
	switch {
	case len(text) == 0:
	case len(p.steps) == 0:
		p.whole = text
	default:
		p.steps[0].begin(text)
		p.depth = 1
	}
}

// Next returns the next piece, which is never empty and valid until the next
// call; ok is false at the end.
func (p *Pieces) Next() (piece []byte, ok bool) {
	for p.depth > 0 {
		piece, ok := p.steps[p.depth-1].next()
		switch {
		case !ok:
			p.depth--
		case p.depth == len(p.steps):
			return piece, true
		default:
			p.steps[p.depth].begin(piece)
			p.depth++
		}
	}
	piece, p.whole = p.whole, nil
	return piece, piece != nil
}

// Batch puts the next pieces one after the other, until they have limit bytes or
// more, and returns them, in place of what text and starts held, with a bit set
// for every byte that begins one (bit i%64 of starts[i/64]). At the end it
// returns no text. A piece is never divided.
func (p *Pieces) Batch(text []byte, starts []uint64, limit int) ([]byte, []uint64) {
	text, starts = text[:0], starts[:0]
	for len(text) < limit {
		piece, ok := p.Next()
		if !ok {
			break
		}
		at := len(text)
		text = append(text, piece...)
		for len(starts)*64 < len(text) {
			starts = append(starts, 0)
		}
		starts[at/64] |= 1 << (at % 64)
	}
	return text, starts
}

// Trim gives back memory that one unusual text has taken.
func (p *Pieces) Trim() {
	for i := range p.steps {
		s := &p.steps[i]
		s.text = nil
		if s.m != nil {
			s.m.text = nil
		}
		if cap(s.prefix) > maxBlock {
			s.prefix = nil
		}
	}
}
