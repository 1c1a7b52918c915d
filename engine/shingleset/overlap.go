package shingleset

import "math/bits"

// Score returns the sizes of the intersection and of the union of the sets of
// two documents.
func Score(sets Sets, a, b uint32) (overlap, union int, err error) {
	var ofA, ofB []uint64
	x, err := sets.Load(a, &ofA)
	if err != nil {
		return 0, 0, err
	}
	y, err := sets.Load(b, &ofB)
	if err != nil {
		return 0, 0, err
	}
	overlap, _ = OverlapAtLeast(x, y, 0)
	return overlap, len(x) + len(y) - overlap, nil
}

// mergeStride is how many steps a merge takes between looks at its chances.
const mergeStride = 64

// OverlapAtLeast merges two ascending sets and returns the size of their
// intersection and true, or false as soon as it cannot reach need.
func OverlapAtLeast(a, b []uint64, need int) (int, bool) {
	spareA, spareB := len(a)-need, len(b)-need // elements that may find no partner
	i, j, o := 0, 0, 0
	for {
		// No step can run past an end within this many.
		steps := min(len(a)-i, len(b)-j, mergeStride)
		if steps == 0 {
			return o, o >= need
		}
		for range steps {
			x, y := a[i], b[j]
			// Equal runs are long and well predicted. Which of two different
			// hashes is less is a coin toss: no branch.
			if x == y {
				o++
				i++
				j++
				continue
			}
			_, less := bits.Sub64(x, y, 0)
			i += int(less)
			j += 1 - int(less)
		}
		if i-o > spareA || j-o > spareB {
			return 0, false
		}
	}
}
