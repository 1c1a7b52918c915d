package neardup

import (
	"cmp"
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
// sorts records in place; a document that shares its key with no other is
// dropped.
func Buckets(records []BandRecord) Groups {
	slices.SortFunc(records, func(a, b BandRecord) int {
		if a.Key != b.Key {
			return cmp.Compare(a.Key, b.Key)
		}
		return a.Doc.Compare(b.Doc)
	})
	return group(records,
		func(a, b *BandRecord) bool { return a.Key == b.Key },
		func(r *BandRecord) doc.Place { return r.Doc })
}

// ExactGroups groups the documents of one partition whose texts have the same
// hash and length. It sorts records in place; a document alone with its key is
// dropped. That the texts of a group are equal remains to be proven.
func ExactGroups(records []ExactRecord) Groups {
	slices.SortFunc(records, func(a, b ExactRecord) int {
		if a.Hash != b.Hash {
			return cmp.Compare(a.Hash, b.Hash)
		}
		if a.Length != b.Length {
			return cmp.Compare(a.Length, b.Length)
		}
		return a.Doc.Compare(b.Doc)
	})
	return group(records,
		func(a, b *ExactRecord) bool { return a.Hash == b.Hash && a.Length == b.Length },
		func(r *ExactRecord) doc.Place { return r.Doc })
}

// group cuts sorted records into runs of one key and keeps the runs of two or
// more distinct documents.
func group[R any](records []R, same func(a, b *R) bool, place func(*R) doc.Place) Groups {
	g := Groups{Offsets: []uint64{0}}
	for lo := 0; lo < len(records); {
		begin := len(g.Docs)
		hi := lo
		for ; hi < len(records) && same(&records[lo], &records[hi]); hi++ {
			// Most keys are alone: nothing is appended for them.
			if hi == lo {
				continue
			}
			p := place(&records[hi])
			switch {
			case p == place(&records[hi-1]):
			case len(g.Docs) == begin:
				g.Docs = append(g.Docs, place(&records[lo]), p)
			default:
				g.Docs = append(g.Docs, p)
			}
		}
		if len(g.Docs) > begin {
			g.Offsets = append(g.Offsets, uint64(len(g.Docs)))
		}
		lo = hi
	}
	return g
}
