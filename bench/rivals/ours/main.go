// Command ours is this project's side of bench/rivals: it makes the files that
// all contenders read, measures the native engine on them, and describes the
// machine. `bench/rivals/run.sh` calls it; it is no part of the product.
//
//	ours texts FOLDER BYTES OUT NAME=CORPUS...   OUT/NAME.docs from FOLDER/CORPUS.jsonl.zst
//	ours unpack FILE.zst OUT                     OUT is FILE uncompressed
//	ours count TOKENIZER DOCS THREADS COUNTS     one measurement, as JSON on standard output
//	ours head FILE.zst BYTES OUT                 OUT is its first JSON lines, of so much text (0: all)
//	ours kept RUN FILE OUT                       OUT is FILE without what RUN, a run of tallystick over it, dropped
//	ours machine                                 lines "key: value"
//
// A file of documents is a sequence of: length in bytes, four bytes
// little-endian; so many bytes of UTF-8. A file of counts has four bytes,
// little-endian, for each document.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "ours:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("want texts, unpack, head, kept, count or machine")
	}
	switch mode, rest := args[0], args[1:]; {
	case mode == "texts" && len(rest) >= 4:
		limit, err := strconv.ParseInt(rest[1], 10, 64)
		if err != nil {
			return err
		}
		return makeTexts(rest[0], limit, rest[2], rest[3:])
	case mode == "unpack" && len(rest) == 2:
		return unpack(rest[0], rest[1])
	case mode == "head" && len(rest) == 3:
		limit, err := strconv.ParseInt(rest[1], 10, 64)
		if err != nil {
			return err
		}
		return head(rest[0], limit, rest[2])
	case mode == "kept" && len(rest) == 3:
		return kept(rest[0], rest[1], rest[2], os.Stdout)
	case mode == "count" && len(rest) == 4:
		threads, err := strconv.Atoi(rest[2])
		if err != nil {
			return err
		}
		runtime.GOMAXPROCS(threads)
		m, err := measure(rest[0], rest[1], rest[3])
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(m)
	case mode == "machine" && len(rest) == 0:
		describe()
		return nil
	default:
		return fmt.Errorf("mode %q with %d arguments", mode, len(rest))
	}
}
