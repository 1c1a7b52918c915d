package tally

import "hash/maphash"

// rowIndex finds a row by its contributor. Other than a map it holds no names,
// only their hashes: a look-up goes to one slot and to the row, which the caller
// needs anyway.
type rowIndex struct {
	seed  maphash.Seed
	slots []rowSlot // a power of two, at most half of them taken
	taken int
}

type rowSlot struct {
	hash uint32 // the upper half; the lower one chooses the slot
	next uint32 // row plus one; 0 where the slot is free
}

func newRowIndex() *rowIndex {
	return &rowIndex{seed: maphash.MakeSeed(), slots: make([]rowSlot, 16)}
}

// find returns the row of a contributor, of those that add put in.
func (x *rowIndex) find(t *Tally, contributor []byte) (row int, hash uint64, known bool) {
	hash = maphash.Bytes(x.seed, contributor)
	mask := uint64(len(x.slots) - 1)
	for i := hash & mask; x.slots[i].next != 0; i = (i + 1) & mask {
		if s := x.slots[i]; s.hash == uint32(hash>>32) {
			if row := int(s.next - 1); t.row(row).Contributor == string(contributor) {
				return row, hash, true
			}
		}
	}
	return 0, hash, false
}

// add puts in a row of this hash, which find has not found.
func (x *rowIndex) add(t *Tally, hash uint64, row int) {
	if x.taken++; 2*x.taken > len(x.slots) {
		x.slots = make([]rowSlot, 2*len(x.slots))
		for r := range row {
			x.put(maphash.String(x.seed, t.row(r).Contributor), r)
		}
	}
	x.put(hash, row)
}

func (x *rowIndex) put(hash uint64, row int) {
	mask := uint64(len(x.slots) - 1)
	i := hash & mask
	for x.slots[i].next != 0 {
		i = (i + 1) & mask
	}
	x.slots[i] = rowSlot{uint32(hash >> 32), uint32(row) + 1}
}
