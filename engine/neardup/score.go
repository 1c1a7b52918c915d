package neardup

// Score returns the sizes of the intersection and of the union of the sets of
// two documents.
func Score(sets Sets, a, b uint32) (overlap, union int, err error) {
	var ofA, ofB []uint64
	x, err := sets.Load(a, &ofA)
	if err != nil {
		return 0, 0, err
	}
	y, err := sets.Load(b, &ofB)
	if err != nil {
		return 0, 0, err
	}
	overlap, _ = overlapAtLeast(x, y, 0)
	return overlap, len(x) + len(y) - overlap, nil
}
