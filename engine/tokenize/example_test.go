package tokenize_test

import (
	"fmt"
	"log"

	"github.com/tallystick/tallystick/engine/tokenize"
)

// gpt2 is built in; any other tokenizer is opened by the path of its
// tokenizer.json, plain, .gz or .zst.
func ExampleOpen() {
	counter, info, err := tokenize.Open("gpt2", tokenize.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.Name, counter.Count([]byte("How many tokens is this?")))
	// Output: gpt2 6
}

// Text that spells an added token counts as that one token, as in Hugging
// Face's library, or as plain text.
func ExampleOpen_addedTokens() {
	for _, added := range []string{tokenize.AddedMatch, tokenize.AddedText} {
		counter, _, err := tokenize.Open("gpt2", tokenize.Options{AddedTokens: added})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(added, counter.Count([]byte("<|endoftext|>")))
	}
	// Output:
	// match 1
	// text 7
}

// A batch is counted on all processors.
func ExampleCounter_CountBatch() {
	counter, _, err := tokenize.Open("gpt2", tokenize.Options{})
	if err != nil {
		log.Fatal(err)
	}
	texts := [][]byte{[]byte("Call me Ishmael."), []byte("Some years ago"), nil}
	counts := make([]int, len(texts))
	counter.CountBatch(texts, counts)
	fmt.Println(counts)
	// Output: [6 3 0]
}
