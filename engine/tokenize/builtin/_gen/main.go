// Command _gen writes the built-in tokenizers that come from published rank
// files: packed vocabularies (see package tiktoken), for zstd to compress.
//
//	go run ./engine/tokenize/builtin/_gen FILE.tiktoken | zstd --ultra -22 > NAME.ranks.zst
//
// With -config it writes the tokenizer.json instead.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/tallystick/tallystick/engine/tokenize/tiktoken"
)

func main() {
	config := flag.Bool("config", false, "write the tokenizer.json")
	pattern := flag.String("pattern", "", "name of the encoding")
	flag.Parse()
	out, err := run(flag.Arg(0), *config, *pattern)
	if err == nil {
		_, err = os.Stdout.Write(out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(path string, config bool, pattern string) ([]byte, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if config {
		out, _, err := tiktoken.Convert(file, pattern)
		return out, err
	}
	if _, ok := tiktoken.Identify(file); !ok {
		return nil, fmt.Errorf("%s is not a published rank file", path)
	}
	v, err := tiktoken.Parse(file)
	if err != nil {
		return nil, err
	}
	return tiktoken.Pack(v, v.Merges())
}
