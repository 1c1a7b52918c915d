package shingle

import "strings"

// Reference returns the shingles of text as rule w5-v1 says it, words joined by
// a space: slow and obvious, the oracle of the hashed sets.
func Reference(text []byte) map[string]struct{} { return ReferenceOf(text, Width) }

// ReferenceOf is Reference for shingles of width words.
func ReferenceOf(text []byte, width int) map[string]struct{} {
	words := referenceWords(string(text))
	shingles := make(map[string]struct{})
	if 0 < len(words) && len(words) < width {
		shingles[strings.Join(words, " ")] = struct{}{}
	}
	for i := 0; i+width <= len(words); i++ {
		shingles[strings.Join(words[i:i+width], " ")] = struct{}{}
	}
	return shingles
}

func referenceWords(text string) []string {
	var words []string
	var word strings.Builder
	end := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	for _, r := range text {
		class := classOf(r)
		switch class {
		case separator:
			end()
		case alone:
			end()
			word.WriteRune(r)
			end()
		default:
			word.WriteRune(class.lower(r))
		}
	}
	end()
	return words
}
