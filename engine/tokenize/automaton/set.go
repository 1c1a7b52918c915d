package automaton

import (
	"cmp"
	"slices"
	"unicode/utf8"
)

// set is a set of characters: ranges, first and last, ascending, neither
// overlapping nor touching.
type set [][2]rune

// newSet returns the union of ranges in any order. It keeps ranges.
func newSet(ranges [][2]rune) set {
	slices.SortFunc(ranges, func(a, b [2]rune) int { return cmp.Compare(a[0], b[0]) })
	out := ranges[:0]
	for _, r := range ranges {
		switch last := len(out) - 1; {
		case last >= 0 && r[0] <= out[last][1]+1:
			out[last][1] = max(out[last][1], r[1])
		default:
			out = append(out, r)
		}
	}
	return set(out)
}

func single(r rune) set { return set{{r, r}} }

func (s set) union(t set) set { return newSet(append(slices.Clone(s), t...)) }

func (s set) negate() set {
	var out set
	next := rune(0)
	for _, r := range s {
		if next < r[0] {
			out = append(out, [2]rune{next, r[0] - 1})
		}
		next = r[1] + 1
	}
	if next <= utf8.MaxRune {
		out = append(out, [2]rune{next, utf8.MaxRune})
	}
	return out
}

func (s set) intersect(t set) set { return s.negate().union(t.negate()).negate() }

func (s set) has(r rune) bool {
	i, _ := slices.BinarySearchFunc(s, r, func(x [2]rune, r rune) int { return cmp.Compare(x[1], r) })
	return i < len(s) && s[i][0] <= r
}

// alphabet divides the characters into classes that no set of an expression
// tells apart.
type alphabet struct {
	classes int
	ascii   [utf8.RuneSelf]uint8
	index   []uint16 // the block of every blockSize characters
	blocks  []uint8
}

const blockSize = 128

// maxClasses is how many classes there may be: one number is kept free.
const maxClasses = 255

// newAlphabet returns the alphabet of sets, and of every set which classes it
// holds; ok is false if there are too many classes.
func newAlphabet(sets []set) (a *alphabet, members [][]bool, ok bool) {
	// Between two edges all characters are in the same sets.
	edges := []rune{0, utf8.MaxRune + 1}
	for _, s := range sets {
		for _, r := range s {
			edges = append(edges, r[0], r[1]+1)
		}
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	a = &alphabet{}
	numbers := map[string]uint8{}
	of := make([]uint8, len(edges)) // the class from an edge on
	signature := make([]byte, len(sets))
	members = make([][]bool, len(sets))
	at := make([]int, len(sets)) // the range of each set that is not before the edge
	for i, lo := range edges[:len(edges)-1] {
		for j, s := range sets {
			for at[j] < len(s) && s[at[j]][1] < lo {
				at[j]++
			}
			signature[j] = 0
			if at[j] < len(s) && s[at[j]][0] <= lo {
				signature[j] = 1
			}
		}
		n, known := numbers[string(signature)]
		if !known {
			if a.classes == maxClasses {
				return nil, nil, false
			}
			n = uint8(a.classes)
			a.classes++
			numbers[string(signature)] = n
			for j := range sets {
				members[j] = append(members[j], signature[j] == 1)
			}
		}
		of[i] = n
	}
	a.fill(edges, of)
	return a, members, true
}

// fill makes the tables of the classes from every edge on.
func (a *alphabet) fill(edges []rune, of []uint8) {
	known := map[[blockSize]uint8]uint16{}
	uniform := map[uint8]uint16{} // by class
	edge := 0
	for lo := rune(0); lo <= utf8.MaxRune; lo += blockSize {
		for edges[edge+1] <= lo {
			edge++
		}
		one := edges[edge+1] >= lo+blockSize
		if n, ok := uniform[of[edge]]; ok && one {
			a.index = append(a.index, n)
			continue
		}
		var block [blockSize]uint8
		for i := range block {
			for edges[edge+1] <= lo+rune(i) {
				edge++
			}
			block[i] = of[edge]
		}
		n, ok := known[block]
		if !ok {
			n = uint16(len(known))
			known[block] = n
			a.blocks = append(a.blocks, block[:]...)
		}
		if one {
			uniform[block[0]] = n
		}
		a.index = append(a.index, n)
	}
	copy(a.ascii[:], a.blocks)
}

func (a *alphabet) class(r rune) uint8 {
	c := uint32(r)
	return a.blocks[int(a.index[c/blockSize])*blockSize+int(c%blockSize)]
}
