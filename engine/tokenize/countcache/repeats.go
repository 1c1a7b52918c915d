package countcache

// repeats are keys like one that waits for the model: what a text has for the
// first time it soon has again, and a fourth to a half of all that the tables
// do not hold is such. The model is asked for one of them.
type repeats struct {
	// waiting is, by the place of a key in its table, which of the asked it may
	// be like. It is not cleared: who looks compares the keys.
	waiting [1 << 9]uint8
	list    [4 * Batch]repeat
	n       int
	span    [1]Span // of one that the model is asked for after all
	count   [1]int
}

// repeat is a key like the one asked for at an index.
type repeat struct {
	asked int
	owner int
	span  Span
}

// at returns the entry of waiting for a key at this place, in bytes, of its table.
func (r *repeats) at(place uint32) *uint8 {
	return &r.waiting[place/line%uint32(len(r.waiting))]
}

// repeat takes a key like the one asked for at an index.
func (c *Cache) repeat(text []byte, span Span, asked int, model Model) {
	r := &c.repeats
	r.list[r.n] = repeat{asked, c.owner, span}
	if r.n++; r.n == len(r.list) {
		c.answer(text, model)
	}
}

// answerRepeats adds up the counts of repeats.
func (c *Cache) answerRepeats(text []byte, model Model) {
	r := &c.repeats
	for i := range r.list[:r.n] {
		one := &r.list[i]
		count := c.counts[one.asked]
		if count < 0 { // which may be another where the key stands elsewhere
			r.span[0] = one.span
			model.Counts(text, r.span[:], r.count[:])
			count = r.count[0]
		}
		c.tallies[one.owner] += count
	}
	r.n = 0
}
