package pairmerge

// Halves is what a symbol is made of.
type Halves struct{ Left, Right uint32 }

// Buckets returns those of NewTables for pairs of which the i-th, halves[i],
// makes first+i.
func Buckets(halves []Halves, first uint32, idBits uint8) []uint64 {
	size := uint8(4)
	for 1<<size*17 < len(halves)*10 { // 85 % of two entries a bucket
		size++
	}
	for ; ; size++ {
		f := filler{make([]uint64, 1<<size), halves, first, 32 - size, idBits}
		if f.fill() {
			return f.buckets
		}
	}
}

type filler struct {
	buckets []uint64
	halves  []Halves
	first   uint32
	shift   uint8
	idBits  uint8
}

// fill is false if some entry finds no place.
func (f *filler) fill() bool {
	random := uint32(1)
	for i := range f.halves {
		id := f.first + uint32(i)
		one, two, print := f.places(id)
		entry := print | id
		if f.put(one, entry) || f.put(two, entry) {
			continue
		}
		// Push entries to their other bucket until one finds a free place.
		at, placed := one, false
		for range 500 {
			random = random*1664525 + 1013904223
			half := random >> 31 * 32
			evicted := uint32(f.buckets[at] >> half)
			f.buckets[at] = f.buckets[at]&^(0xFFFFFFFF<<half) | uint64(entry)<<half
			entry = evicted
			one, two, _ := f.places(entry & (1<<f.idBits - 1))
			at ^= one ^ two // the other of the two
			if f.put(at, entry) {
				placed = true
				break
			}
		}
		if !placed {
			return false
		}
	}
	return true
}

// places returns the buckets of the pair that makes a symbol, and its
// fingerprint in the place that it has in an entry.
func (f *filler) places(id uint32) (one, two, print uint32) {
	h := f.halves[id-f.first]
	a, b, print := Hash(h.Left, h.Right)
	return a >> f.shift, b >> f.shift, print<<f.idBits | 1<<f.idBits
}

func (f *filler) put(bucket, entry uint32) bool {
	b := &f.buckets[bucket]
	switch {
	case uint32(*b) == 0:
		*b |= uint64(entry)
	case *b>>32 == 0:
		*b |= uint64(entry) << 32
	default:
		return false
	}
	return true
}
