package shingleset

import (
	"sync/atomic"
	"unsafe"
)

// Revisions of a page have nearly all of their shingles in common. So a set is kept
// as its edits of another one, its base, where these are few: what of the base it
// lacks, and what it has that the base has not. This takes little memory, and what
// two sets with one base have in common is known from their edits alone:
//
//	|A ∩ B| = |base| − |lostA ∪ lostB| + |gainedA ∩ gainedB|
//
// since nothing that is gained is in the base.
type edits struct {
	lost   []uint32 // places in the base, ascending
	before []uint32 // of each gained one the place in the base that it comes before
	gained []uint64 // ascending
}

// editShare bounds edits: to at most one for so many elements of the set.
const editShare = 4

// between finds the edits that make set of base, both ascending and distinct, and
// reports whether they are at most so many. If not, e means nothing.
func (e *edits) between(base, set []uint64, most int) bool {
	e.lost, e.before, e.gained = e.lost[:0], e.before[:0], e.gained[:0]
	if len(base) > len(set)+most || len(set) > len(base)+most {
		return false
	}
	i, j := 0, 0
	for i < len(base) && j < len(set) {
		x, y := base[i], set[j]
		if x == y {
			i++
			j++
			continue
		}
		if x < y {
			e.lost = append(e.lost, uint32(i))
			i++
		} else {
			e.before, e.gained = append(e.before, uint32(i)), append(e.gained, y)
			j++
		}
		if len(e.lost)+len(e.gained) > most {
			return false
		}
	}
	for ; i < len(base); i++ {
		e.lost = append(e.lost, uint32(i))
	}
	for ; j < len(set); j++ {
		e.before, e.gained = append(e.before, uint32(i)), append(e.gained, set[j])
	}
	return len(e.lost)+len(e.gained) <= most
}

// apply makes the set of base, in dst, which has its length.
func (e *edits) apply(dst, base []uint64) {
	lost, before, gained := e.lost, e.before, e.gained
	n, at := 0, 0
	for len(lost) > 0 || len(before) > 0 {
		if len(before) == 0 || len(lost) > 0 && lost[0] < before[0] {
			n += copy(dst[n:], base[at:lost[0]])
			at = int(lost[0]) + 1
			lost = lost[1:]
			continue
		}
		n += copy(dst[n:], base[at:before[0]])
		at = int(before[0])
		dst[n] = gained[0]
		n++
		before, gained = before[1:], gained[1:]
	}
	copy(dst[n:], base[at:])
}

// overlapOfEdits returns how many elements two sets have in common whose base has so
// many.
func overlapOfEdits(base int, a, b *edits) int {
	return base - len(a.lost) - len(b.lost) + inBoth(a.lost, b.lost) + inBoth(a.gained, b.gained)
}

// inBoth returns how many elements two ascending lists have in common.
func inBoth[T uint32 | uint64](x, y []T) (n int) {
	for len(x) > 0 && len(y) > 0 {
		p, q := x[0], y[0]
		if p == q {
			n++
		}
		if p <= q {
			x = x[1:]
		}
		if q <= p {
			y = y[1:]
		}
	}
	return n
}

// words returns the length of the record of edits: their numbers, what is gained, and
// two places to a word.
func (e *edits) words() int { return recordWords(len(e.lost), len(e.gained)) }

func recordWords(lost, gained int) int { return 1 + gained + (lost+gained+1)/2 }

// put writes the record, of words elements.
func (e *edits) put(record []uint64) {
	n := len(e.gained)
	record[0] = uint64(len(e.lost))<<32 | uint64(n)
	copy(record[1:], e.gained)
	places := placesOf(record[1+n:])
	copy(places[copy(places, e.lost):], e.before)
}

// editsOf is what put has written.
func editsOf(record []uint64) edits {
	lost, n := numbersOf(record[0])
	places := placesOf(record[1+n:])
	return edits{lost: places[:lost], before: places[lost : lost+n], gained: record[1 : 1+n]}
}

// numbersOf returns how many elements a record says are lost and gained.
func numbersOf(head uint64) (lost, gained int) { return int(head >> 32), int(uint32(head)) }

func placesOf(words []uint64) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(words))), 2*len(words))
}

// baseFinder suggests bases: of the sets that were stored whole in memory, one that
// shares most of its buckets with the next. It is a guess, which decides how much memory
// a set takes, not what comes back: it depends on which of two was stored first. It is
// safe for concurrent use.
type baseFinder struct {
	buckets func(d uint32) []uint32 // of a document
	latest  []atomic.Uint32         // by bucket, 1 + the last document whose set is whole
}

// of returns a base for the set of document d.
func (f *baseFinder) of(d uint32) (base uint32, ok bool) {
	// A vote (Boyer, Moore), of which a majority is sure to be found.
	vote, lead := uint32(0), 0
	for _, b := range f.buckets(d) {
		x := f.latest[b].Load()
		switch {
		case x == 0:
		case lead == 0:
			vote, lead = x, 1
		case x == vote:
			lead++
		default:
			lead--
		}
	}
	return vote - 1, vote != 0
}

// add takes in a document whose set is whole and in its place.
func (f *baseFinder) add(d uint32) {
	for _, b := range f.buckets(d) {
		f.latest[b].Store(d + 1)
	}
}
