// Package gather collects the short texts of documents that come one by one, so
// that they are counted together, which is faster: what is done once for each text
// weighs most in the shortest, and in others, too, what is new is too little to be
// counted side by side.
package gather

// Limits of what is collected.
const (
	maxText  = 4 << 10  // bytes of a text
	maxBytes = 64 << 10 // of all
	maxTexts = 512
)

// Together is a counter that may count many texts at once.
type Together interface {
	// CountTogether sets counts[i] to the number of tokens of texts[i], or
	// counts nothing and returns false where one by one is as fast or may fail.
	CountTogether(texts [][]byte, counts []int) bool
}

// Texts are texts that wait to be counted, each by every counter.
type Texts struct {
	counters []Together
	bytes    []byte
	texts    [][]byte
	counts   [][]int // by counter, then by text
}

// New returns an empty Texts, or nil where a counter does not count together.
func New[C any](counters []C) *Texts {
	t := &Texts{bytes: make([]byte, 0, maxBytes), texts: make([][]byte, 0, maxTexts)}
	for _, c := range counters {
		together, ok := any(c).(Together)
		if !ok || !together.CountTogether(nil, nil) {
			return nil
		}
		t.counters = append(t.counters, together)
		t.counts = append(t.counts, make([]int, maxTexts))
	}
	return t
}

// Takes tells whether a text is one that is to be collected.
func (t *Texts) Takes(text []byte) bool { return t != nil && len(text) <= maxText }

// Full tells whether there may be no room for another text.
func (t *Texts) Full() bool {
	return t != nil && (len(t.texts) == maxTexts || len(t.bytes)+maxText > maxBytes)
}

// Add copies a text that it Takes; it must not be Full.
func (t *Texts) Add(text []byte) {
	from := len(t.bytes)
	t.bytes = append(t.bytes, text...)
	t.texts = append(t.texts, t.bytes[from:])
}

// Count counts the texts and forgets them. The counts, by counter and then by
// text, are valid until the next call.
func (t *Texts) Count() [][]int {
	if t == nil {
		return nil
	}
	for i, c := range t.counters {
		c.CountTogether(t.texts, t.counts[i][:len(t.texts)])
	}
	t.bytes, t.texts = t.bytes[:0], t.texts[:0]
	return t.counts
}
