package normalize

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
	"github.com/tallystick/tallystick/engine/tokenize/runes"
)

// Precompiled is the normalizer that SentencePiece writes into its models: a
// map of strings, as a double array. Hugging Face applies it (spm_precompiled)
// to grapheme clusters of less than 6 bytes, where a key is the beginning of
// one, and else to the characters of the cluster one by one.
type Precompiled struct {
	units []uint32
	pool  string // of what keys are replaced by, each with a NUL after it
	// kinds says what Append does with a character of the basic plane.
	kinds []byte
	// ascii tells that all printable ASCII stays as it is.
	ascii bool
	// controls has what becomes of control characters that are always clusters
	// of their own: a byte, leftOut or, where it is something else, notByte.
	controls [utf8.RuneSelf]int16
}

const (
	kindCluster byte = iota // look at the cluster that it is in
	kindCopy                // a cluster of its own, if nothing joins it, and not mapped
	kindMap                 // the same, but mapped
)

const (
	leftOut int16 = -1 - iota
	notByte
)

// newPrecompiled reads a precompiled_charsmap in base64.
func newPrecompiled(charsmap string) (*Precompiled, error) {
	raw, err := base64.StdEncoding.DecodeString(charsmap)
	if err != nil {
		return nil, fmt.Errorf("precompiled_charsmap: %w", err)
	}
	if len(raw) < 4 {
		return nil, errors.New("precompiled_charsmap is cut off")
	}
	size := int(binary.LittleEndian.Uint32(raw)) / 4
	raw = raw[4:]
	if size == 0 || len(raw) < 4*size {
		return nil, errors.New("precompiled_charsmap is cut off")
	}
	p := &Precompiled{units: make([]uint32, size), pool: string(raw[4*size:]), ascii: true}
	for i := range p.units {
		p.units[i] = binary.LittleEndian.Uint32(raw[4*i:])
	}
	if !utf8.ValidString(p.pool) {
		return nil, errors.New("precompiled_charsmap is not UTF-8")
	}
	for i := range p.controls {
		p.controls[i] = notByte
	}
	p.kinds = make([]byte, 1<<16)
	var buf [utf8.UTFMax]byte
	for r := range rune(len(p.kinds)) {
		if !utf8.ValidRune(r) {
			continue
		}
		c := utf8.AppendRune(buf[:0], r)
		to, mapped, err := p.transform(c)
		switch {
		case err != nil:
			return nil, err
		case mapped && !utf8.ValidString(to):
			return nil, pipeline.Unsupported("a precompiled_charsmap that cuts characters")
		case runes.GraphemeClass(r) == runes.GraphemeControl || runes.GraphemeClass(r) == runes.GraphemeLF:
			switch {
			case r >= utf8.RuneSelf:
			case !mapped:
				p.controls[r] = int16(r)
			case to == "":
				p.controls[r] = leftOut
			case len(to) == 1:
				p.controls[r] = int16(to[0])
			}
		case !runes.BreaksBefore(runes.GraphemeClass(r)):
		case mapped:
			p.kinds[r] = kindMap
		default:
			p.kinds[r] = kindCopy
		}
		if ' ' <= r && r <= '~' && p.kinds[r] != kindCopy {
			p.ascii = false
		}
	}
	return p, nil
}

var errOutside = errors.New("precompiled_charsmap points outside of itself")

// offset leads from a unit of the double array to those that follow it.
func offset(unit uint32) uint32 { return unit >> 10 << (unit & (1 << 9) >> 6) }

// transform returns what the shortest key that chunk begins with is replaced
// by; ok is false if there is none.
func (p *Precompiled) transform(chunk []byte) (to string, ok bool, err error) {
	at := offset(p.units[0])
	for _, c := range chunk {
		if c == 0 {
			break
		}
		at ^= uint32(c)
		if int(at) >= len(p.units) {
			return "", false, errOutside
		}
		unit := p.units[at]
		if unit&(1<<31|0xFF) != uint32(c) {
			break
		}
		at ^= offset(unit)
		if unit>>8&1 == 0 {
			continue
		}
		if int(at) >= len(p.units) {
			return "", false, errOutside
		}
		index := int(p.units[at] & (1<<31 - 1))
		if index > len(p.pool) {
			return "", false, errOutside
		}
		to = p.pool[index:]
		if end := strings.IndexByte(to, 0); end >= 0 {
			to = to[:end]
		}
		return to, true, nil
	}
	return "", false, nil
}

// maxMapped is the length of the longest cluster that is mapped as a whole.
const maxMapped = 5

// Append appends the normalised text to dst.
func (p *Precompiled) Append(dst, text []byte) []byte {
	// text[from:i] stays as it is but is not in dst yet. last is where the last
	// character before i begins, if it was taken alone and something may still
	// join it, or -1; lastOut is where what it was mapped to begins in dst, if
	// it is not in text[from:i].
	from, last, lastOut := 0, -1, 0
	for i := 0; i < len(text); {
		kind, n := kindCluster, 1
		switch c := text[i]; {
		case c < utf8.RuneSelf:
			if n := p.unchanged(text[i:]); n > 0 {
				i += n
				last = i - 1
				continue
			}
			if to := p.controls[c]; to != notByte {
				dst = append(dst, text[from:i]...)
				if to != leftOut {
					dst = append(dst, byte(to))
				}
				i++
				from, last = i, -1
				continue
			}
			kind = p.kinds[c]
		case c < 0xF0:
			if n, at := p.copied(text[i:]); n > 0 {
				i, last = i+n, i+at
				continue
			}
			if c >= 0xE0 {
				kind, n = p.kinds[uint16(c)<<12|uint16(text[i+1]&0x3F)<<6|uint16(text[i+2]&0x3F)], 3
			} else {
				kind, n = p.kinds[uint16(c&0x1F)<<6|uint16(text[i+1]&0x3F)], 2
			}
		default:
			r, _ := utf8.DecodeRune(text[i:])
			n = 4
			if runes.BreaksBefore(runes.GraphemeClass(r)) {
				kind = kindMap
			}
		}
		switch kind {
		case kindCopy:
			last = i
			i += n
			continue
		case kindMap:
			dst = append(dst, text[from:i]...)
			last, lastOut = i, len(dst)
			dst = p.appendMapped(dst, text[i:i+n])
			i += n
		default:
			r, _ := utf8.DecodeRune(text[i:])
			if c := runes.GraphemeClass(r); last >= 0 && c != runes.GraphemeControl && c != runes.GraphemeCR && c != runes.GraphemeLF {
				if i = last; last < from {
					dst, from = dst[:lastOut], last
				}
			}
			dst = append(dst, text[from:i]...)
			n = runes.Cluster(text[i:])
			dst = p.appendCluster(dst, text[i:i+n])
			i += n
			last = -1
		}
		from = i
	}
	return append(dst, text[from:]...)
}

// Cut returns the last place, up to most, before which and from which on text can
// be normalised apart, if there is one behind its first character; else the next
// one, or its end.
func (p *Precompiled) Cut(text []byte, most int) int {
	if most >= len(text) {
		return len(text)
	}
	for !utf8.RuneStart(text[most]) {
		most--
	}
	for at := most; at > 0; {
		r, n := utf8.DecodeLastRune(text[:at])
		if apart(r, text[at:]) {
			return at
		}
		at -= n
	}
	for at := most; at < len(text); {
		r, n := utf8.DecodeRune(text[at:])
		if at += n; apart(r, text[at:]) {
			return at
		}
	}
	return len(text)
}

// apart tells whether a grapheme cluster ends with r, whatever is before it, where
// text is behind it.
func apart(r rune, text []byte) bool {
	next, _ := utf8.DecodeRune(text)
	return len(text) > 0 && runes.BreaksBefore(runes.GraphemeClass(r)) && runes.BreaksBefore(runes.GraphemeClass(next))
}

func (p *Precompiled) appendCluster(dst, c []byte) []byte {
	if len(c) <= maxMapped {
		if to, ok, _ := p.transform(c); ok {
			return append(dst, to...)
		}
	}
	for len(c) > 0 {
		_, n := utf8.DecodeRune(c)
		dst = p.appendMapped(dst, c[:n])
		c = c[n:]
	}
	return dst
}

func (p *Precompiled) appendMapped(dst, char []byte) []byte {
	if to, ok, _ := p.transform(char); ok {
		return append(dst, to...)
	}
	return append(dst, char...)
}

// unchanged returns the length of the printable ASCII that text begins with, if
// that stays as it is.
func (p *Precompiled) unchanged(text []byte) (n int) {
	if !p.ascii {
		return 0
	}
	const ones = 0x0101010101010101
	for ; n+8 <= len(text); n += 8 {
		x := binary.LittleEndian.Uint64(text[n:])
		// The lowest byte below 0x20 or above 0x7E has its highest bit set; so
		// may others behind it.
		if odd := ((x + ones) | (x - 0x20*ones) | x) & (0x80 * ones); odd != 0 {
			return n + bits.TrailingZeros64(odd)/8
		}
	}
	for n < len(text) && ' ' <= text[n] && text[n] <= '~' {
		n++
	}
	return n
}

// copied returns the length of the characters of two and three bytes that text
// begins with and that stay as they are, but for the last three bytes of text, and
// where the last of them begins.
func (p *Precompiled) copied(text []byte) (n, last int) {
	kinds := (*[1 << 16]byte)(p.kinds)
	for n+2 < len(text) {
		switch c := text[n]; {
		case c < utf8.RuneSelf:
			return n, last
		case c < 0xE0:
			if kinds[uint16(c&0x1F)<<6|uint16(text[n+1]&0x3F)] != kindCopy {
				return n, last
			}
			last = n
			n += 2
		case c < 0xF0:
			if kinds[uint16(c)<<12|uint16(text[n+1]&0x3F)<<6|uint16(text[n+2]&0x3F)] != kindCopy {
				return n, last
			}
			last = n
			n += 3
		default:
			return n, last
		}
	}
	return n, last
}

// MayLeave tells whether r may stand in normalised text. It may be true all the
// same where it cannot.
func (p *Precompiled) MayLeave(r rune) bool {
	var buf [utf8.UTFMax]byte
	_, mapped, err := p.transform(utf8.AppendRune(buf[:0], r))
	return !mapped || err != nil || strings.ContainsRune(p.pool, r)
}
