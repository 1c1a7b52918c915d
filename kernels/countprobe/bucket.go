package countprobe

// Ways returns the number of entries of a bucket.
func (b *Bucket) Ways() int { return len(b.Low) }

// Find returns which entry has the key, -1 if none, and else which is free, -1
// if none. Entries are filled in order.
//
// All entries are compared and counted at once: where the free one is, no CPU can
// guess.
func (b *Bucket) Find(key Key) (way, free int) {
	differ := [4]uint64{
		(b.Low[0] ^ key.Low) | (b.High[0]&keyMask ^ key.High),
		(b.Low[1] ^ key.Low) | (b.High[1]&keyMask ^ key.High),
		(b.Low[2] ^ key.Low) | (b.High[2]&keyMask ^ key.High),
		(b.Low[3] ^ key.Low) | (b.High[3]&keyMask ^ key.High),
	}
	if min(differ[0], differ[1], differ[2], differ[3]) == 0 {
		for differ[way] != 0 {
			way++
		}
		return way, -1
	}
	used := notZero(b.Low[0]) + notZero(b.Low[1]) + notZero(b.Low[2]) + notZero(b.Low[3])
	if used == 4 {
		return -1, -1
	}
	return -1, used
}

// notZero returns 1, or 0 for the 0 that the first bytes of no key are.
func notZero(low uint64) int { return int((low | -low) >> 63) }

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
