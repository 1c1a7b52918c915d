package normalize

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
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
}

const (
	kindCluster byte = iota // look at the cluster that it is in
	kindCopy                // a cluster of its own, if nothing joins it, and not mapped
	kindMap                 // the same, but mapped
)

// NewPrecompiled reads a precompiled_charsmap in base64.
func NewPrecompiled(charsmap string) (*Precompiled, error) {
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
		case !breaksBefore(graphemeClass(r)):
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
	// Before the last character of text that was copied or mapped alone, while
	// something may still join it: where it and what came of it begin.
	last, lastOut := -1, 0
	for i := 0; i < len(text); {
		if p.ascii {
			if n := printable(text[i:]); n > 0 {
				dst = append(dst, text[i:i+n]...)
				i += n
				last, lastOut = i-1, len(dst)-1
				continue
			}
		}
		r, n := utf8.DecodeRune(text[i:])
		kind := kindCluster
		if int(r) < len(p.kinds) {
			kind = p.kinds[r]
		} else if breaksBefore(graphemeClass(r)) {
			kind = kindMap
		}
		switch kind {
		case kindCopy:
			last, lastOut = i, len(dst)
			dst = append(dst, text[i:i+n]...)
			i += n
		case kindMap:
			last, lastOut = i, len(dst)
			dst = p.appendMapped(dst, text[i:i+n])
			i += n
		default:
			if last >= 0 {
				if c := graphemeClass(r); c != gcControl && c != gcCR && c != gcLF {
					i, dst = last, dst[:lastOut]
				}
			}
			end := i + cluster(text[i:])
			dst = p.appendCluster(dst, text[i:end])
			i, last = end, -1
		}
	}
	return dst
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

// printable returns the length of the printable ASCII that text begins with.
func printable(text []byte) (n int) {
	const ones = 0x0101010101010101
	for ; n+8 <= len(text); n += 8 {
		x := binary.LittleEndian.Uint64(text[n:])
		// A byte above 0x7E or below 0x20 leaves its highest bit set.
		if ((x+ones)|(x-0x20*ones)|x)&(0x80*ones) != 0 {
			break
		}
	}
	for n < len(text) && ' ' <= text[n] && text[n] <= '~' {
		n++
	}
	return n
}

// Leaves tells that normalised text has no characters but those for which keep
// is true. It may be false all the same.
func (p *Precompiled) Leaves(keep func(r rune) bool) bool {
	for _, r := range p.pool {
		if r != 0 && !keep(r) {
			return false
		}
	}
	var buf [utf8.UTFMax]byte
	for r := range rune(utf8.MaxRune + 1) {
		if keep(r) || !utf8.ValidRune(r) {
			continue
		}
		if _, mapped, err := p.transform(utf8.AppendRune(buf[:0], r)); !mapped || err != nil {
			return false
		}
	}
	return true
}
