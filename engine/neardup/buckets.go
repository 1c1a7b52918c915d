package neardup

import (
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
)

// BandRecord says that a document has a band key. The key is of one band: keys
// of different bands differ.
type BandRecord struct {
	Key uint64
	Doc doc.Place
}

// ExactRecord says that a document's text has a hash and a length in bytes.
type ExactRecord struct {
	Hash   uint64
	Length uint64
	Doc    doc.Place
}

// Groups are sets of at least two documents that share a key, in ascending
// order of the key; the documents of a group are distinct and ascend.
type Groups struct {
	// Offsets has one more element than there are groups: group i is
	// Docs[Offsets[i]:Offsets[i+1]].
	Offsets []uint64
	Docs    []doc.Place
}

// Len returns the number of groups.
func (g Groups) Len() int { return len(g.Offsets) - 1 }

// Group returns the documents of group i.
func (g Groups) Group(i int) []doc.Place { return g.Docs[g.Offsets[i]:g.Offsets[i+1]] }

// Buckets groups the documents of one partition that share a band key. It
// reorders records and needs as much memory again; a document that shares its
// key with no other is dropped.
func Buckets(records []BandRecord) Groups {
	sortByKey(records, func(r *BandRecord) uint64 { return r.Key })
	return group(records,
		func(a, b *BandRecord) bool { return a.Key == b.Key },
		func(r *BandRecord) doc.Place { return r.Doc })
}

// ExactGroups groups the documents of one partition whose texts have the same
// hash and length. It reorders records and needs as much memory again; a
// document alone with its key is dropped. That the texts of a group are equal
// remains to be proven.
func ExactGroups(records []ExactRecord) Groups {
	sortByKey(records, func(r *ExactRecord) uint64 { return r.Length })
	sortByKey(records, func(r *ExactRecord) uint64 { return r.Hash })
	return group(records,
		func(a, b *ExactRecord) bool { return a.Hash == b.Hash && a.Length == b.Length },
		func(r *ExactRecord) doc.Place { return r.Doc })
}

// group cuts records into runs of one key and keeps the runs of two or more
// distinct documents.
func group[R any](records []R, same func(a, b *R) bool, place func(*R) doc.Place) Groups {
	g := Groups{Offsets: []uint64{0}}
	for lo := 0; lo < len(records); {
		hi := lo + 1
		for hi < len(records) && same(&records[lo], &records[hi]) {
			hi++
		}
		begin := len(g.Docs)
		if hi-lo > 1 {
			for i := lo; i < hi; i++ {
				g.Docs = append(g.Docs, place(&records[i]))
			}
			slices.SortFunc(g.Docs[begin:], doc.Place.Compare)
			g.Docs = g.Docs[:begin+len(slices.Compact(g.Docs[begin:]))]
		}
		if len(g.Docs)-begin > 1 {
			g.Offsets = append(g.Offsets, uint64(len(g.Docs)))
		} else {
			g.Docs = g.Docs[:begin]
		}
		lo = hi
	}
	return g
}

// A digit of sortByKey: 2¹¹ counters stay in the first-level cache.
const (
	digitBits = 11
	digits    = (64 + digitBits - 1) / digitBits
)

// sortByKey sorts records by a key, keeping the order of equal ones: a radix
// sort from the least significant digit, without a pass for digits that all
// records share.
func sortByKey[R any](records []R, key func(*R) uint64) {
	if len(records) < 2 {
		return
	}
	var counts [digits][1 << digitBits]int
	for i := range records {
		k := key(&records[i])
		for d := range digits {
			counts[d][k>>(d*digitBits)&(1<<digitBits-1)]++
		}
	}
	from, to := records, make([]R, len(records))
	for d := range digits {
		next := &counts[d]
		shift := d * digitBits
		if next[key(&from[0])>>shift&(1<<digitBits-1)] == len(from) {
			continue
		}
		at := 0
		for v, n := range next {
			next[v] = at
			at += n
		}
		for i := range from {
			v := key(&from[i]) >> shift & (1<<digitBits - 1)
			to[next[v]] = from[i]
			next[v]++
		}
		from, to = to, from
	}
	if &from[0] != &records[0] {
		copy(records, from)
	}
}
