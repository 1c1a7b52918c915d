package ucd

import "sync"

// normalTables finds decompositions and compositions at once: texts may be made
// of such characters alone.
type normalTables struct {
	// blocks has, of every 128 characters, which of places has them; 0 if none
	// of them is decomposed. An element of places is 1 + an index of
	// decompositions, or 0.
	blocks [len(normalIndex)]uint8
	places [][1 << blockShift]uint16
	// composed is a hash table with linear probing, at most half full.
	composed [1 << composedBits]composition
}

const composedBits = 11

var findNormalTables = sync.OnceValue(func() *normalTables {
	t := &normalTables{places: make([][1 << blockShift]uint16, 1)}
	for i, d := range decompositions {
		block := &t.blocks[d.from>>blockShift]
		if *block == 0 {
			*block = uint8(len(t.places))
			t.places = append(t.places, [1 << blockShift]uint16{})
		}
		t.places[*block][d.from&inBlock] = uint16(i + 1)
	}
	for _, c := range compositions {
		at := composedPlace(c.first, c.second)
		for t.composed[at] != (composition{}) {
			at = (at + 1) % uint32(len(t.composed))
		}
		t.composed[at] = c
	}
	return t
})

// decomposition returns what a character is decomposed to, nil if to itself.
func (t *normalTables) decomposition(r rune) *[4]rune {
	block := uint32(r) >> blockShift
	if block >= uint32(len(t.blocks)) {
		return nil
	}
	if i := t.places[t.blocks[block]][r&inBlock]; i > 0 {
		return &decompositions[i-1].to
	}
	return nil
}

// composition returns what two characters are composed to, if they are.
func (t *normalTables) composition(a, b rune) (to rune, ok bool) {
	for at := composedPlace(a, b); ; at = (at + 1) % uint32(len(t.composed)) {
		switch c := &t.composed[at]; {
		case *c == composition{}:
			return 0, false
		case c.first == a && c.second == b:
			return c.to, true
		}
	}
}

func composedPlace(a, b rune) uint32 {
	return (uint32(a)*0x9E3779B1 ^ uint32(b)*0x85EBCA6B) * 0xC2B2AE35 >> (32 - composedBits)
}
