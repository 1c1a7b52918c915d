package pretoken

import (
	"math/bits"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/ucd"
	"github.com/tallystick/tallystick/kernels/classmask"
)

// In what follows a plane has a bit for every byte of a block, and all bytes of
// a character have the same. So x<<1 | before is the plane of the bytes behind
// an x, where before tells of the last byte of the block before, and
// x &^ (x<<1 | before) the first bytes of the runs of x.

// matchSpaced is nextSpaced and nextApart. Unsure are numerals that are none to
// the expression.
func (s *Scanner) matchSpaced(dst []uint64, planes []classmask.Planes, live uint64) (n int, unsure uint64) {
	c := s.carry
	apart, single := mask(s.rules.grammar == apart), mask(s.rules.digits == 1)
	for n = range dst {
		p, q := &planes[n], &planes[n+1]
		letter := p.Upper | p.Lower | p.Other
		number, space := p.Number, p.Space
		sign := live &^ (letter | number | space)
		live = ^uint64(0)
		// A space goes with what is behind it, if that is not white space too.
		glued := p.Blank<<1 | c.blank

		contraction := c.contraction
		quotes := p.Apostrophe & sign &^ (sign<<1 | c.sign | glued)
		starts := uint64(0)
		if quotes|contraction != 0 {
			starts, contraction, c.contraction = s.contractions(n, quotes, contraction)
			letter &^= contraction
			sign &^= contraction
		}
		starts |= (letter&^(letter<<1|c.letter) | sign&^(sign<<1|c.sign)) &^ glued
		starts |= number &^ ((number<<1|c.number)&^single | glued&^apart | p.Inner&single)
		starts |= space &^ (space<<1 | c.space)
		// The last white space of a run, if the piece goes on.
		piece, nextPiece := (number|p.Script)&apart, (q.Number|q.Script)&apart
		starts |= lastOf(space, q.Space, piece, nextPiece, p, q)
		dst[n] = starts
		if unsure = p.Script & apart; unsure != 0 {
			return n, unsure
		}
		c.letter, c.number, c.sign = letter>>63, number>>63, sign>>63
		c.space, c.blank = space>>63, p.Blank>>63
	}
	s.carry = c
	return len(dst), 0
}

// mask is all bits or none.
func mask(all bool) uint64 {
	if all {
		return ^uint64(0)
	}
	return 0
}

// matchPrefixed is nextPrefixed.
func (s *Scanner) matchPrefixed(dst []uint64, planes []classmask.Planes, live uint64) (n int) {
	c := s.carry
	marks := mask(s.rules.marks)
	single, threes := s.rules.digits == 1, mask(s.rules.digits == 3)
	for n = range dst {
		p, q := &planes[n], &planes[n+1]
		letter := p.Upper | p.Lower | p.Other | p.Mark&marks
		number, space, newline := p.Number, p.Space, p.Newline
		sign := live &^ (letter | number | space)
		live = ^uint64(0)
		glued := p.Blank<<1 | c.blank

		behindSign := sign<<1 | c.sign
		alone := sign &^ (behindSign | glued)
		starts := uint64(0)
		if quotes := p.Apostrophe & alone; quotes|c.contraction != 0 {
			var contraction uint64
			starts, contraction, c.contraction = s.contractions(n, quotes, c.contraction)
			letter &^= contraction
			sign &^= contraction
			behindSign = sign<<1 | c.sign
			alone = sign &^ (behindSign | glued)
		}
		// Line ends behind signs belong to them.
		tail := newline & (behindSign | c.tail)
		tail = newline &^ (newline + tail)
		space &^= tail
		newline &^= tail

		starts |= alone
		// With all of its bytes.
		inner := sign & p.Inner
		alone |= inner &^ (inner + (alone<<1|c.alone)&inner)
		inWord := letter | space&^newline | alone
		starts |= letter &^ (inWord<<1 | c.inWord)
		switch {
		case single:
			starts |= number &^ p.Inner
		case hardNumbers(number, p.Inner, c.number)|number&^threes != 0:
			var numbers uint64
			numbers, c.digits = s.numbers(number, p.Inner, c.number, c.digits)
			starts |= numbers
		default:
			starts |= number &^ (number << 1)
			c.digits = bits.LeadingZeros64(^number)
		}
		starts |= space &^ (space<<1 | c.space)
		last := space &^ (space>>1 | q.Space<<63)
		if next := q.Space &^ (q.Space >> 1) & q.Inner & 7; last&p.Inner|next != 0 {
			last = firstBytes(last, next, p, q)
		}
		starts |= last &^ newline
		if white := space &^ newline; white&(newline<<1|c.newline) != 0 {
			starts |= s.behindNewlines(n, white, newline, c.newline, q)
		}
		dst[n] = starts

		c.inWord, c.number, c.sign, c.blank = inWord>>63, number>>63, sign>>63, p.Blank>>63
		c.space, c.newline = space>>63, newline>>63
		c.tail, c.alone = tail>>63, alone>>63
	}
	s.carry = c
	return len(dst)
}

// matchCased is nextCased. Unsure are marks behind signs, which may be more
// signs or the beginning of a word, and characters of the script Han that are
// no letters, if what is before them might take them.
func (s *Scanner) matchCased(dst []uint64, planes []classmask.Planes, live uint64) (n int, unsure uint64) {
	c := s.carry
	contractions, slashes := mask(s.rules.contractions), mask(s.rules.slashes)
	single, threes := s.rules.digits == 1, mask(s.rules.digits == 3)
	for n = range dst {
		p, q := &planes[n], &planes[n+1]
		upper, lower, both := p.Upper, p.Lower, p.Other|p.Mark
		number, space, newline := p.Number, p.Space, p.Newline
		starts := uint64(0)
		if han := p.Script; han|c.script != 0 {
			starts = han &^ (han<<1 | c.script)
			unsure = starts &^ (upper | lower | p.Other)
			upper, lower, both, number = upper&^han, lower&^han, both&^han, number&^han
			live &^= han
			c.script = han >> 63
		}
		word := upper | lower | both
		sign := live &^ (word | number | space)
		live = ^uint64(0)
		glued := p.Blank<<1 | c.blank
		unsure |= p.Mark & (sign<<1 | c.sign | c.tail)

		contraction := c.contraction
		if quotes := p.Apostrophe & (word<<1 | c.letter) & contractions; quotes|contraction != 0 {
			_, contraction, c.contraction = s.contractions(n, quotes, contraction)
			word &^= contraction
			upper, lower, both = upper&word, lower&word, both&word
			sign &^= contraction
		}
		// Line ends, and slashes behind them, belong to the signs before them.
		end := newline | p.Slash&slashes
		behindSign := sign<<1 | c.sign
		tail := newline&behindSign | end&c.tail
		tail |= end &^ (end + tail)
		space &^= tail
		newline &^= tail
		sign &^= tail

		alone := sign &^ (sign<<1 | c.sign | glued)
		starts |= alone
		// With all of its bytes.
		inner := sign & p.Inner
		alone |= inner &^ (inner + (alone<<1|c.alone)&inner)
		inWord := word | space&^newline | alone
		starts |= word &^ (inWord<<1 | c.inWord)
		// Upper case behind lower case begins a word, letters without case and
		// marks between them or not.
		after := both & (lower<<1 | c.lower | c.after)
		after = both &^ (both + after)
		starts |= upper & ((lower|after)<<1 | c.lower | c.after)
		both &^= after
		// Behind letters without case at the beginning of a word it does where
		// the word goes on with nothing else.
		if doubt := upper & (both<<1 | c.both); doubt != 0 {
			starts |= s.upperAtEnd(n, doubt, upper, lower|both|after, q)
		}
		switch {
		case single:
			starts |= number &^ p.Inner
		case hardNumbers(number, p.Inner, c.number)|number&^threes != 0:
			var numbers uint64
			numbers, c.digits = s.numbers(number, p.Inner, c.number, c.digits)
			starts |= numbers
		default:
			starts |= number &^ (number << 1)
			c.digits = bits.LeadingZeros64(^number)
		}
		starts |= space &^ (space<<1 | c.space)
		last := space &^ (space>>1 | q.Space<<63)
		if next := q.Space &^ (q.Space >> 1) & q.Inner & 7; last&p.Inner|next != 0 {
			last = firstBytes(last, next, p, q)
		}
		starts |= last &^ newline
		if white := space &^ newline; white&(newline<<1|c.newline) != 0 {
			starts |= s.behindNewlines(n, white, newline, c.newline, q)
		}
		dst[n] = starts
		if unsure != 0 {
			return n, unsure
		}
		c.letter, c.number, c.sign, c.blank = word>>63, number>>63, sign>>63, p.Blank>>63
		c.space, c.newline = space>>63, newline>>63
		c.lower, c.after, c.both = lower>>63, after>>63, both>>63
		c.tail, c.alone, c.inWord = tail>>63, alone>>63, inWord>>63
	}
	s.carry = c
	return len(dst), 0
}

// matchPieced is nextPieced.
func (s *Scanner) matchPieced(dst []uint64, planes []classmask.Planes, live uint64) (n int) {
	c := s.carry
	for n = range dst {
		p, q := &planes[n], &planes[n+1]
		word := p.Upper | p.Lower | p.Other | p.Mark
		number, sign, space, newline := p.Number, p.Sign, p.Space, p.Newline
		gap := live &^ (word | number | sign | space)
		live = ^uint64(0)
		// Pieces begin where numbers and the script do, and where they end.
		piece := (number ^ (number<<1 | c.number)) | (p.Script ^ (p.Script<<1 | c.script))
		glued := (p.Blank<<1 | c.blank) &^ piece

		alone := sign &^ ((sign<<1|c.sign)&^piece | glued)
		starts := alone
		tail := newline & ((sign<<1|c.sign)&^piece | c.tail)
		tail = newline &^ (newline + tail)
		space &^= tail
		newline &^= tail

		// An ASCII sign takes along the ASCII letters behind it; other letters
		// behind those begin a word.
		ascii := (p.Upper | p.Lower) &^ p.High
		taken := ascii & ((alone&^p.High)<<1 | c.alone)
		punctuated := ascii &^ (ascii + (taken | ascii&c.punctuated))
		starts |= word &^ punctuated & (punctuated<<1 | c.punctuated)
		prefix := space&^newline | gap
		starts |= word &^ ((word<<1|c.letter|prefix<<1|c.prefix)&^piece | taken)

		if hardNumbers(number, p.Inner, c.number) != 0 {
			var numbers uint64
			numbers, c.digits = s.numbers(number, p.Inner, c.number, c.digits)
			starts |= numbers
		} else {
			starts |= number &^ (number << 1)
			c.digits = bits.LeadingZeros64(^number)
		}
		starts |= space &^ ((space<<1 | c.space) &^ piece)
		starts |= lastOf(space, q.Space, number|p.Script, q.Number|q.Script, p, q) &^ newline
		if white := space &^ newline; white&(newline<<1|c.newline) != 0 {
			starts |= s.behindNewlines(n, white, newline, c.newline, q)
		}
		// Of a gap the last character goes with a word.
		if gap|c.gap != 0 {
			starts |= gap &^ ((gap<<1 | c.gap) &^ piece)
			starts |= lastInGap(gap, word, q.Upper|q.Lower|q.Other|q.Mark, p, q)
		}
		dst[n] = starts

		c.letter, c.number, c.sign, c.space = word>>63, number>>63, sign>>63, space>>63
		c.newline, c.blank, c.script, c.gap = newline>>63, p.Blank>>63, p.Script>>63, gap>>63
		c.tail, c.alone, c.prefix = tail>>63, (alone&^p.High)>>63, prefix>>63
		c.punctuated = punctuated >> 63
	}
	s.carry = c
	return len(dst)
}

// contractions returns where, in block n from s.at, the contractions begin whose
// apostrophes may be quotes, and their bytes, to which those belong that are
// given, in this block and in the next. An apostrophe right behind a contraction
// ends no word.
func (s *Scanner) contractions(n int, quotes, given uint64) (begin, all, next uint64) {
	all = given
	for ; quotes != 0; quotes &= quotes - 1 {
		i := bits.TrailingZeros64(quotes)
		if s.rules.grammar == cased && all<<1>>i&1 != 0 {
			continue
		}
		if size := s.rules.contraction(s.text, s.at+n*Block+i); size > 0 {
			begin |= 1 << i
			all |= (1<<size - 1) << i
			next |= (1<<size - 1) >> (Block - i)
		}
	}
	return begin, all, next
}

// hardNumbers is not 0 if a run of numbers goes on from the block before, has more
// than three characters, or some of more than a byte: else of pretokens of up to
// three each run is one.
func hardNumbers(number, inner, before uint64) uint64 {
	pairs := number & (number << 1)
	return pairs&(pairs<<2) | number&inner | before
}

// numbers returns where pretokens of numbers begin, given whether the block
// before ends in a number and how many the pretoken then has, and how many the
// last one has if the block does.
func (s *Scanner) numbers(number, inner, before uint64, digits int) (starts uint64, atEnd int) {
	if s.rules.digits == unlimited {
		return number &^ (number<<1 | before), 0
	}
	behind := 0 // the last number
	for rest := number &^ inner; rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros64(rest)
		if ^number&(1<<i-1)>>behind != 0 || digits == s.rules.digits {
			digits = 0
		}
		if digits == 0 {
			starts |= 1 << i
		}
		digits++
		behind = i
	}
	if number>>63 == 0 {
		digits = 0
	}
	return starts, digits
}

// behindNewlines returns where, in block n from s.at, what is behind the last
// line end of a run of white space begins; white are the other characters of
// such runs, of which some are behind line ends.
func (s *Scanner) behindNewlines(n int, white, newline, before uint64, q *classmask.Planes) (starts uint64) {
	starts = white & (newline<<1 | before)
	behind, over := bits.Add64(white, starts, 0)
	for wrong := behind &^ white & newline; wrong != 0; wrong &= wrong - 1 {
		starts &^= 1 << (bits.Len64(starts&(wrong&-wrong-1)) - 1)
	}
	if over != 0 && s.newlineFollows(n, q) {
		starts &^= 1 << (bits.Len64(starts) - 1)
	}
	return starts
}

// newlineFollows reports whether a line end, white space before it or not, comes
// right behind block n from s.at; q are the planes of the next.
func (s *Scanner) newlineFollows(n int, q *classmask.Planes) bool {
	if i := bits.TrailingZeros64(^(q.Space &^ q.Newline)); i < Block {
		return q.Newline>>i&1 != 0
	}
	// Not spaceRun: of many line ends each is looked for once.
	for i := s.at + (n+2)*Block; i < len(s.text); {
		if !utf8.RuneStart(s.text[i]) {
			i++ // of a character that began in the block
			continue
		}
		c, n := classAt(s.text, i)
		if c != ucd.Space || isNewline(s.text[i]) {
			return c == ucd.Space
		}
		i += n
	}
	return s.rules.trailing
}

// upperAtEnd returns those of the characters in doubt, upper case each, of block
// n from s.at that no lower case follows, directly or after more upper case, nor
// any other letter or mark, which others are.
func (s *Scanner) upperAtEnd(n int, doubt, upper, others uint64, q *classmask.Planes) (starts uint64) {
	for ; doubt != 0; doubt &= doubt - 1 {
		i := bits.TrailingZeros64(doubt)
		if end := i + bits.TrailingZeros64(^(upper >> i)); end < Block {
			if others>>end&1 == 0 {
				starts |= 1 << i
			}
		} else if end = bits.TrailingZeros64(^q.Upper); end < Block {
			if (q.Lower|q.Other|q.Mark)&^q.Script>>end&1 == 0 {
				starts |= 1 << i
			}
		} else {
			// Not casedWord: no run of upper case is passed twice.
			end = run(s.text, s.at+n*Block+i, ucd.Upper)
			if end == len(s.text) {
				return starts | 1<<i
			}
			if c, _ := s.rules.casedAt(s.text, end); c&(ucd.Letter|ucd.Mark) == 0 {
				starts |= 1 << i
			}
		}
	}
	return starts
}

// lastOf returns the first bytes of the last characters of the runs of x that
// none of other follows. The next block has nextX and nextOther.
func lastOf(x, nextX, other, nextOther uint64, p, q *classmask.Planes) uint64 {
	other, nextOther = x|other, nextX|nextOther
	last := x &^ (other>>1 | nextOther<<63)
	next := nextX &^ (nextOther >> 1)
	return firstBytes(last, next, p, q)
}

// lastInGap returns the first bytes of the last characters of gaps that a word
// of the same piece follows.
func lastInGap(gap, word, nextWord uint64, p, q *classmask.Planes) uint64 {
	sameScript := ^(p.Script ^ (p.Script>>1 | q.Script<<63))
	last := gap & (word>>1 | nextWord<<63) & sameScript
	next := q.Inner & (nextWord >> 1) &^ (q.Script ^ q.Script>>1)
	return firstBytes(last, next, p, q) & gap
}

// firstBytes returns the first bytes of the characters whose last bytes are
// given, in this block and, for those that begin here, in the next.
func firstBytes(last, next uint64, p, q *classmask.Planes) (first uint64) {
	next &= q.Inner & 7
	if last&p.Inner|next == 0 {
		return last
	}
	for range 3 {
		first |= last &^ p.Inner
		last &= p.Inner
		next &= q.Inner
		last, next = last>>1|next<<63, next>>1
	}
	return first | last&^p.Inner
}
