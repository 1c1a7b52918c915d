package bpe

import "math"

// model is a BPE model over bytes.
type model struct {
	bytes  [256]uint32 // id of the token of every byte that UTF-8 can hold
	merges mergeTable
	whole  map[string]struct{} // tokens that a pretoken can be without merging: ignore_merges
}

// A merge is rank<<32 | id of the merged token; noMerge sorts after all.
const noMerge = math.MaxUint64

// mergeTable maps a pair of token ids to its merge: open addressing, linear
// probing, at most half full.
type mergeTable struct {
	entries []mergeEntry
	shift   uint8
}

type mergeEntry struct {
	pair  uint64 // left<<32 | right
	merge uint64 // noMerge marks a free entry
}

func newMergeTable(n int) mergeTable {
	bits := uint8(1)
	for 1<<bits < 2*n {
		bits++
	}
	t := mergeTable{entries: make([]mergeEntry, 1<<bits), shift: 64 - bits}
	for i := range t.entries {
		t.entries[i].merge = noMerge
	}
	return t
}

// at returns the entry of the pair, free if it has none.
func (t *mergeTable) at(left, right uint32) *mergeEntry {
	pair := uint64(left)<<32 | uint64(right)
	h := pair * 0x9E3779B97F4A7C15
	h ^= h >> 29
	h *= 0xBF58476D1CE4E5B9
	for i := int(h >> t.shift); ; i++ {
		e := &t.entries[i&(len(t.entries)-1)]
		if e.pair == pair || e.merge == noMerge {
			return e
		}
	}
}

// set gives the pair a merge; the last one given holds.
func (t *mergeTable) set(left, right, rank, id uint32) {
	e := t.at(left, right)
	e.pair = uint64(left)<<32 | uint64(right)
	e.merge = uint64(rank)<<32 | uint64(id)
}

// get returns the merge of the pair, or noMerge.
func (t *mergeTable) get(left, right uint32) uint64 { return t.at(left, right).merge }

// maxShort is the longest pretoken, in bytes, merged by looking at all pairs
// for each merge; above it a heap is quicker.
const maxShort = 48

// count returns the number of tokens of a pretoken of one byte or more: while
// any two neighbours have a merge, that of the lowest rank is made, the
// leftmost of equals first.
func (m *model) count(pretoken []byte) int {
	if m.whole != nil {
		if _, ok := m.whole[string(pretoken)]; ok {
			return 1
		}
	}
	if len(pretoken) > maxShort {
		return m.countLong(pretoken)
	}
	return m.countShort(pretoken)
}

func (m *model) countShort(pretoken []byte) int {
	var ids [maxShort]uint32
	var merges [maxShort]uint64 // merges[i] is that of ids[i] and ids[i+1]
	n := len(pretoken)
	for i, b := range pretoken {
		ids[i] = m.bytes[b]
		if i > 0 {
			merges[i-1] = m.merges.get(ids[i-1], ids[i])
		}
	}
	for n > 1 {
		best, at := uint64(noMerge), 0
		for i, merge := range merges[:n-1] {
			if merge < best {
				best, at = merge, i
			}
		}
		if best == noMerge {
			break
		}
		ids[at] = uint32(best)
		copy(ids[at+1:n-1], ids[at+2:n])
		copy(merges[at:n-2], merges[at+1:n-1])
		n--
		if at+1 < n {
			merges[at] = m.merges.get(ids[at], ids[at+1])
		}
		if at > 0 {
			merges[at-1] = m.merges.get(ids[at-1], ids[at])
		}
	}
	return n
}

// countLong is countShort in O(n log n): the pairs wait in a heap by rank, then
// place; an entry whose pair has changed since is passed over.
func (m *model) countLong(pretoken []byte) int {
	n := len(pretoken)
	ids := make([]uint32, n)
	merges := make([]uint64, n) // merges[i] is that of the symbol at i and the next
	prev := make([]int32, n)
	next := make([]int32, n)
	for i, b := range pretoken {
		ids[i] = m.bytes[b]
		prev[i], next[i] = int32(i-1), int32(i+1)
	}
	waiting := make(mergeHeap, 0, n)
	merges[n-1] = noMerge
	for i := range n - 1 {
		merges[i] = m.merges.get(ids[i], ids[i+1])
		if merges[i] != noMerge {
			waiting = append(waiting, merges[i]&^math.MaxUint32|uint64(i))
		}
	}
	waiting.init()

	count := n
	renew := func(i int32) {
		merges[i] = noMerge
		if j := next[i]; int(j) < n {
			merges[i] = m.merges.get(ids[i], ids[j])
		}
		if merges[i] != noMerge {
			waiting.push(merges[i]&^math.MaxUint32 | uint64(i))
		}
	}
	for len(waiting) > 0 {
		top := waiting.pop()
		i := int32(uint32(top))
		if merges[i] == noMerge || merges[i]>>32 != top>>32 {
			continue
		}
		ids[i] = uint32(merges[i])
		gone := next[i]
		merges[gone] = noMerge
		next[i] = next[gone]
		if int(next[i]) < n {
			prev[next[i]] = i
		}
		count--
		renew(i)
		if prev[i] >= 0 {
			renew(prev[i])
		}
	}
	return count
}

// mergeHeap is a binary min-heap.
type mergeHeap []uint64

func (h mergeHeap) init() {
	for i := len(h)/2 - 1; i >= 0; i-- {
		h.down(i)
	}
}

func (h *mergeHeap) push(v uint64) {
	*h = append(*h, v)
	s := *h
	for i := len(s) - 1; i > 0; {
		parent := (i - 1) / 2
		if s[parent] <= s[i] {
			break
		}
		s[parent], s[i] = s[i], s[parent]
		i = parent
	}
}

func (h *mergeHeap) pop() uint64 {
	s := *h
	top := s[0]
	s[0] = s[len(s)-1]
	*h = s[:len(s)-1]
	h.down(0)
	return top
}

func (h mergeHeap) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1] < h[child] {
			child++
		}
		if h[i] <= h[child] {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
