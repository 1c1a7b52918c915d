package plan

import "strconv"

// MaxShingleWords is the most words that a shingle can have.
const MaxShingleWords = 32

// ShingleRule names the rule for shingles of a number of words.
func ShingleRule(words int) string { return "w" + strconv.Itoa(words) + "-v1" }

// ShingleWords returns the number of words in a shingle under a rule, and
// whether there is such a rule.
func ShingleWords(rule string) (int, bool) {
	for words := 1; words <= MaxShingleWords; words++ {
		if rule == ShingleRule(words) {
			return words, true
		}
	}
	return 0, false
}
