package wordpiece

import (
	"slices"
	"strings"

	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
	"github.com/tallystick/tallystick/engine/tokenize/trie"
)

// model is a vocabulary (tokenizers/src/models/wordpiece/mod.rs).
type model struct {
	// What a word may begin with, and what may follow.
	first, next *trie.Trie
	maxChars    int // of a word that is not unknown for its length
}

// count returns the number of tokens of a normalised word of at most maxChars
// characters.
func (m *model) count(word []byte) (n int) {
	t := m.first
	for len(word) > 0 {
		length := t.Longest(word)
		if length == 0 {
			return 1 // the whole word is unknown
		}
		word = word[length:]
		t = m.next
		n++
	}
	return n
}

func loadModel(o pipeline.Object) (*model, error) {
	kind := "WordPiece" // older files name no type
	if err := o.Decode("type", &kind); err != nil {
		return nil, err
	}
	if kind != "WordPiece" {
		return nil, pipeline.Unsupported("type %q", kind)
	}
	var unknown, prefix string
	var maxChars uint32
	for key, v := range map[string]any{"unk_token": &unknown, "continuing_subword_prefix": &prefix, "max_input_chars_per_word": &maxChars} {
		if err := o.Require(key, v); err != nil {
			return nil, err
		}
	}
	if o["vocab"] == nil {
		return nil, pipeline.Unsupported("no vocab")
	}
	var first, next []string
	known := false
	err := pipeline.EachMember(o["vocab"], func(token string, _ []byte) error {
		known = known || token == unknown
		if token != "" {
			first = append(first, token)
		}
		if rest, ok := strings.CutPrefix(token, prefix); ok && rest != "" {
			next = append(next, rest)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !known { // an error there, if it is needed
		return nil, pipeline.Unsupported("unk_token %q that is not in vocab", unknown)
	}
	return &model{first: newTrie(first), next: newTrie(next), maxChars: int(maxChars)}, nil
}

func newTrie(keys []string) *trie.Trie {
	slices.Sort(keys)
	return trie.New(slices.Compact(keys))
}
