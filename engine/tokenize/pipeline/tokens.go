package pipeline

import (
	"bytes"
	"fmt"
)

// AddedToken is an entry of added_tokens, as far as counting goes.
type AddedToken struct {
	Content string
	Flags   AddedFlags
}

// AddedFlags are those of an added token (added_vocabulary.rs).
type AddedFlags struct {
	SingleWord     bool // matches only between characters that are no word characters
	LStrip, RStrip bool // takes the white space on its left, right
	Normalized     bool // is looked for in normalised text, in its own normalised form
	Special        bool // comes before those that are not
}

// AddedTokens returns the entries of added_tokens, in order. Some files have
// thousands, so that they are read without an Object for each.
func (o Object) AddedTokens() (tokens []AddedToken, err error) {
	list := o["added_tokens"]
	if list == nil {
		return nil, nil
	}
	err = EachElementAt(list, func(begin int) (end int, err error) {
		t, end, err := readAddedToken(list, begin)
		tokens = append(tokens, t)
		return end, err
	})
	if err != nil {
		return nil, fmt.Errorf("added_tokens: %w", err)
	}
	return tokens, nil
}

// readAddedToken reads the entry that begins at begin, and finds where it ends.
func readAddedToken(list []byte, begin int) (t AddedToken, end int, err error) {
	f := &t.Flags
	var content []byte
	flags := [...]struct {
		key  string
		to   *bool
		text []byte
	}{
		{key: "single_word", to: &f.SingleWord}, {key: "lstrip", to: &f.LStrip}, {key: "rstrip", to: &f.RStrip},
		{key: "normalized", to: &f.Normalized}, {key: "special", to: &f.Special},
	}
	// Of equal keys the last holds.
	end, err = eachMemberAt(list, begin, func(raw, value []byte) error {
		key, err := UnquoteBytes(raw)
		if string(key) == "content" {
			content = value
		}
		for i := range flags {
			if string(key) == flags[i].key {
				flags[i].text = value
			}
		}
		return err
	})
	if err != nil {
		return t, end, err
	}
	if len(content) == 0 || string(content) == "null" {
		return t, end, Unsupported("no content")
	}
	if t.Content, err = Unquote(content); err != nil {
		return t, end, fmt.Errorf("content: %w", err)
	}
	for _, flag := range flags {
		switch {
		case bytes.Equal(flag.text, []byte("true")):
			*flag.to = true
		case bytes.Equal(flag.text, []byte("false")):
		case len(flag.text) == 0 || string(flag.text) == "null":
			return t, end, Unsupported("no %s", flag.key)
		default:
			return t, end, fmt.Errorf("%s: neither true nor false", flag.key)
		}
	}
	return t, end, nil
}
