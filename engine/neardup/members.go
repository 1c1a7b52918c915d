package neardup

// Members returns the documents of each bucket: those of bucket b are
// docs[begin[b]:begin[b+1]], ascending.
func (g Graph) Members() (begin []uint64, docs []uint32) {
	return transpose(g.Buckets, g.Offsets, g.IDs)
}
