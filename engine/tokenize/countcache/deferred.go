package countcache

import "runtime"

// maxDeferred is about how many bytes of keys wait for the model beyond their
// texts: a longer one is counted by itself.
const maxDeferred = 1 << 16

// deferred are keys that wait for the model when their texts have been counted
// but for them. Most texts have too few new keys to fill a batch.
type deferred struct {
	on   bool
	text []byte // the keys that wait, one behind another
}

// add copies a key, as its text may be gone when it is counted.
func (d *deferred) add(key []byte) Span {
	start := len(d.text)
	d.text = append(d.text, key...)
	return Span{start, len(d.text)}
}

// Defer makes Count leave out what the model has to be asked for, and add that to
// counts[i]: some of it later, all at Settle. The counts are the same in every
// call before that. The model must count a key alike wherever it stands, and
// never give a count below zero.
func (c *Cache) Defer(counts []int, i int) {
	c.deferred.on = true
	c.tallies, c.owner = counts, i
}

// Settle adds up what Count has left out since Defer, and ends that.
func (c *Cache) Settle(model Model) {
	c.answer(nil, model)
	c.deferred.on, c.tallies = false, nil
	runtime.KeepAlive(c)
}

// answerOne counts a key that is too long to wait.
func (c *Cache) answerOne(text []byte, span Span, model Model) {
	r := &c.repeats
	r.span[0] = span
	model.Counts(text, r.span[:], r.count[:])
	c.tallies[c.owner] += r.count[0]
}
