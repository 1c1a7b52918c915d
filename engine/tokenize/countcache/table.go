package countcache

import (
	"unsafe"

	"github.com/tallystick/tallystick/kernels/countprobe"
)

// begin is what a table begins with, in bytes: a huge page where there are such.
const begin = 2 << 20

// bucket is a bucket of keys of type K, a *B.
type bucket[K comparable, B any] interface {
	*B
	Ways() int
	Find(key K) (way, free int)
	Entry(way int) (K, int) // the zero K if free
	Set(way int, key K, count int)
}

// table is a hash table that never needs more than two buckets to find a key:
// its home, the only one that package countprobe looks into, and the neighbour
// of that. When both are full, an entry goes. So no text makes it slow, and it
// may be as small as memory asks.
type table[K comparable, B any, P bucket[K, B]] struct {
	buckets []B // a power of two, at least 2
	memory  *memory
	place   func(key K, buckets []B) int
	max     int // buckets
	held    int // entries
	lost    int // entries that went since the table has this size
	turn    uint8
}

// init gives the table room to grow to maxBytes.
func (t *table[K, B, P]) init(place func(K, []B) int, maxBytes int) {
	size := int(unsafe.Sizeof(*new(B)))
	t.max = 2
	for t.max*2*size <= maxBytes {
		t.max *= 2
	}
	t.place = place
	t.allocate(min(t.max, begin/size))
}

func (t *table[K, B, P]) allocate(buckets int) {
	t.memory = newMemory(buckets * int(unsafe.Sizeof(*new(B))))
	t.buckets = unsafe.Slice((*B)(unsafe.Pointer(unsafe.SliceData(t.memory.bytes))), buckets)
}

func (t *table[K, B, P]) wipe() {
	clear(t.buckets)
	t.held, t.lost = 0, 0
}

// lookup returns the count of a key. One found in the neighbour of its home
// changes places with an entry of the home: the next probe finds it.
func (t *table[K, B, P]) lookup(key K) (count int, ok bool) {
	i := t.place(key, t.buckets)
	home := P(&t.buckets[i])
	way, free := home.Find(key)
	if way >= 0 {
		_, count = home.Entry(way)
		return count, true
	}
	if free >= 0 {
		return 0, false // entries go to the neighbour when the home is full
	}
	next := P(&t.buckets[i^1])
	if way, _ = next.Find(key); way < 0 {
		return 0, false
	}
	_, count = next.Entry(way)
	out := t.victim()
	outKey, outCount := home.Entry(out)
	next.Set(way, outKey, outCount)
	home.Set(out, key, count)
	return count, true
}

// insert adds a key unless the table has it, or its count is too large.
func (t *table[K, B, P]) insert(key K, count int) {
	if count < 0 || count > countprobe.MaxCount {
		return
	}
	// What goes is asked for again, and of two ways more goes than of four.
	slots := len(t.buckets) * P(&t.buckets[0]).Ways()
	if (t.held >= slots/2 || t.lost >= slots/64) && len(t.buckets) < t.max {
		t.grow()
	}
	t.add(key, count)
}

func (t *table[K, B, P]) add(key K, count int) {
	i := t.place(key, t.buckets)
	at := P(&t.buckets[i])
	way, free := at.Find(key)
	if way < 0 && free < 0 {
		at = P(&t.buckets[i^1])
		way, free = at.Find(key)
	}
	switch {
	case way >= 0:
		return
	case free >= 0:
		t.held++
	default:
		free = t.victim()
		t.lost++
	}
	at.Set(free, key, count)
}

// victim returns the way of an entry that goes, each in turn.
func (t *table[K, B, P]) victim() int {
	t.turn++
	return int(t.turn) % P(&t.buckets[0]).Ways()
}

// grow makes the table four times as large, as far as it may be.
func (t *table[K, B, P]) grow() {
	old, memory := t.buckets, t.memory
	t.allocate(min(4*len(old), t.max))
	t.held, t.lost = 0, 0
	for i := range old {
		from := P(&old[i])
		for way := range from.Ways() {
			if key, count := from.Entry(way); key != *new(K) {
				t.add(key, count)
			}
		}
	}
	memory.release()
}
