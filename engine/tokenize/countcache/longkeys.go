package countcache

import (
	"hash/maphash"
	"math"
)

const (
	maxLongKey = 256 // bytes of the longest key that is held
	// longEntry is what an entry takes beside its key, in bytes: of twice as many
	// slots as entries when these get room for twice as many, the old and the new.
	longEntry = 6 * 16
	// keyBlock is how many bytes of keys are allocated at once.
	keyBlock = 1 << 16
)

// longKeys holds keys too long for a table: open addressing, linear probing, at
// most half full. Hashes have a seed, so that no text makes it slow. Where there is
// no room for a key, all others go.
type longKeys struct {
	seed   maphash.Seed
	slots  []longSlot // a power of two
	held   int
	blocks [][]byte // of keys; the last one is not full
	bytes  int      // that all takes, at most
	max    int      // bytes
}

// longSlot is free if it has no size.
type longSlot struct {
	hash        uint32
	count       int32
	block       uint32
	place, size uint16 // of the key in its block
}

func (l *longKeys) init(maxBytes int) {
	l.seed, l.max = maphash.MakeSeed(), maxBytes
	l.wipe()
}

func (l *longKeys) wipe() {
	l.slots, l.held = make([]longSlot, 16), 0
	l.blocks, l.bytes = nil, 0
}

// hash is for lookup and insert of a key.
func (l *longKeys) hash(key []byte) uint32 {
	if len(key) > maxLongKey {
		return 0
	}
	return uint32(maphash.Bytes(l.seed, key))
}

func (l *longKeys) lookup(hash uint32, key []byte) (count int, ok bool) {
	if len(key) > maxLongKey {
		return 0, false
	}
	s := l.find(hash, key)
	return int(s.count), s.size > 0
}

// insert adds a key, unless it is held or too long.
func (l *longKeys) insert(hash uint32, key []byte, count int) {
	size := len(key) + longEntry
	if len(key) > maxLongKey || size > l.max || count < 0 || count > math.MaxInt32 {
		return
	}
	slot := l.find(hash, key)
	if slot.size > 0 {
		return
	}
	if l.bytes+size > l.max {
		l.wipe()
		slot = l.find(hash, key)
	}
	if 2*l.held == len(l.slots) {
		l.grow()
		slot = l.find(hash, key)
	}
	last := len(l.blocks) - 1
	if last < 0 || len(l.blocks[last])+len(key) > cap(l.blocks[last]) {
		l.blocks = append(l.blocks, make([]byte, 0, min(keyBlock, l.max)))
		last++
	}
	place := len(l.blocks[last])
	l.blocks[last] = append(l.blocks[last], key...)
	*slot = longSlot{hash, int32(count), uint32(last), uint16(place), uint16(len(key))}
	l.held++
	l.bytes += size
}

// find returns the slot of a key, or a free one.
func (l *longKeys) find(hash uint32, key []byte) *longSlot {
	slots := l.slots
	for i := int(hash); ; i++ {
		s := &slots[i&(len(slots)-1)]
		if s.size == 0 || s.hash == hash && string(l.blocks[s.block][s.place:][:s.size]) == string(key) {
			return s
		}
	}
}

// grow makes room for twice as many.
func (l *longKeys) grow() {
	old := l.slots
	l.slots = make([]longSlot, 2*len(old))
	for _, s := range old {
		i := int(s.hash)
		for l.slots[i&(len(l.slots)-1)].size > 0 {
			i++
		}
		l.slots[i&(len(l.slots)-1)] = s
	}
}
