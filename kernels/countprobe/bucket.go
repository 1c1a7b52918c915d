package countprobe

// Ways returns the number of entries of a bucket.
func (b *Bucket) Ways() int { return len(b.Low) }

// Find returns which entry has the key, -1 if none, and else which is free, -1
// if none. Entries are filled in order.
func (b *Bucket) Find(key Key) (way, free int) {
	for way, low := range b.Low {
		switch {
		case low == key.Low && b.High[way]&keyMask == key.High:
			return way, -1
		case low == 0: // as the first bytes of no key are
			return -1, way
		}
	}
	return -1, -1
}

// Entry returns the key and the count of an entry.
func (b *Bucket) Entry(way int) (key Key, count int) {
	return Key{b.Low[way], b.High[way] & keyMask}, int(b.High[way] >> countShift)
}

// Set makes an entry that of key, with a count of at most MaxCount. No other of
// the bucket may be of the same key, or both would be counted.
func (b *Bucket) Set(way int, key Key, count int) {
	b.Low[way], b.High[way] = key.Low, key.High|uint64(count)<<countShift
}

// Ways returns the number of entries of a bucket.
func (b *WideBucket) Ways() int { return len(b) }

// Find returns which entry has the key, -1 if none, and else which is free, -1
// if none. Entries are filled in order.
func (b *WideBucket) Find(key WideKey) (way, free int) {
	for way := range b {
		entry := &b[way]
		switch {
		case entry[0] == key[0] && entry[1] == key[1] && entry[2] == key[2] && entry[3]&keyMask == key[3]:
			return way, -1
		case entry[0] == 0:
			return -1, way
		}
	}
	return -1, -1
}

// Entry returns the key and the count of an entry.
func (b *WideBucket) Entry(way int) (key WideKey, count int) {
	key = b[way]
	key[3] &= keyMask
	return key, int(b[way][3] >> countShift)
}

// Set makes an entry that of key, with a count of at most MaxCount. No other of
// the bucket may be of the same key.
func (b *WideBucket) Set(way int, key WideKey, count int) {
	key[3] |= uint64(count) << countShift
	b[way] = key
}
