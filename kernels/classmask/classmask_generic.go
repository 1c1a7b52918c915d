package classmask

import "unicode/utf8"

// asciiPlanes holds, for each ASCII byte, one bit for every plane of Planes but
// Inner and High, in their order.
var asciiPlanes = func() (t [utf8.RuneSelf]uint16) {
	const newline, blank, apostrophe, slash = 1 << 8, 1 << 9, 1 << 10, 1 << 11
	for b := range t {
		var c Class
		switch {
		case 'A' <= b && b <= 'Z':
			c = Upper
		case 'a' <= b && b <= 'z':
			c = Lower
		case '0' <= b && b <= '9':
			c = Number
		case '\t' <= b && b <= '\r' || b == ' ':
			c = Space
		case ' ' < b && b < 0x7f:
			c = Sign
		}
		t[b] = uint16(c)
	}
	t['\n'] |= newline
	t['\r'] |= newline
	t[' '] |= blank
	t['\''] |= apostrophe
	t['/'] |= slash
	return t
}()

// classifyGeneric is Classify, a byte at a time.
func classifyGeneric(dst []Planes, text []byte, t *Table, state State) State {
	for i := range dst {
		var p Planes
		for j := range Block {
			bit := uint64(1) << j
			b := text[i*Block+j]
			if b < utf8.RuneSelf {
				p.add(asciiPlanes[b], bit)
				state = 0
				continue
			}
			p.High |= bit
			if utf8.RuneStart(b) {
				// The class, once for every byte of the character.
				r, n := utf8.DecodeRune(text[i*Block+j:])
				state = State(uint32(t.Class(r)) * 0x01010101 >> (8 * (utf8.UTFMax - n)))
			} else {
				p.Inner |= bit
			}
			p.add(uint16(state&0xff), bit)
			state >>= 8
		}
		dst[i] = p
	}
	return state
}

func (p *Planes) add(planes uint16, bit uint64) {
	for i, plane := range [...]*uint64{
		&p.Upper, &p.Lower, &p.Other, &p.Mark, &p.Number, &p.Sign, &p.Space, &p.Script,
		&p.Newline, &p.Blank, &p.Apostrophe, &p.Slash,
	} {
		*plane |= bit * uint64(planes>>i&1)
	}
}
