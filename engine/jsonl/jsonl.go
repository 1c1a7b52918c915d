// Package jsonl turns one line of a JSONL corpus into the fields of a document,
// by the rule "JSON line → document":
//
// A line is one JSON object (RFC 8259) in UTF-8. Keys are case-sensitive and
// compared after their escapes are resolved. A line is rejected, with the
// offset of the violation, in this order of precedence:
//
//  1. the first of these in byte order: a byte where JSON's grammar cannot go
//     on, nesting deeper than MaxDepth, or the end of the line too early
//     (invalid_json); a byte sequence that is not UTF-8, anywhere
//     (invalid_utf8); a byte below 0x20 within a string (control_character); a
//     \u escape of one half of a surrogate pair without the other
//     (lone_surrogate);
//  2. a JSON value that is not an object (not_object);
//  3. a wanted key, or an inner key of a wanted path, twice in its object
//     (duplicate_key);
//  4. no text (text_missing), or text of another type (text_not_string);
//  5. a contributor that is neither string nor null (contributor_not_string),
//     or none where one is required (contributor_missing).
//
// On valid input all of this equals encoding/json, except that encoding/json
// takes the last of two equal keys and also matches keys of another case.
package jsonl

import (
	"fmt"

	"github.com/tallystick/tallystick/engine/doc"
)

// MaxDepth is how many objects and arrays may be open at once, as in
// encoding/json.
const MaxDepth = 10_000

// Options name the fields of a document. Each is a path of keys joined by dots,
// leading through objects; `\.` is a dot and `\\` a backslash within a key. Two
// fields may share a path. An empty path is a field that is not there; Text may
// not be empty.
type Options struct {
	Text        string
	ID          string
	Contributor string
	Created     string
	Source      string
	// RequireContributor rejects a line without a contributor.
	RequireContributor bool
}

// Record is what a line says about its document. Its slices alias the line or
// memory of the parser: they are valid until the next call of Parse, and while
// the line is not overwritten.
type Record struct {
	// Text is the decoded text; not nil (but perhaps empty) in a usable line.
	Text []byte
	// ID is a string, decoded, or a number as it is written; nil if the field
	// is absent or of another type.
	ID []byte
	// Contributor is nil if absent, null, empty or doc.Unattributed. It is set
	// in a rejected line too if that is a JSON object in all respects of
	// precedence 1, and names one contributor.
	Contributor []byte
	// Created is not set if absent, null, empty or unreadable.
	Created doc.Instant
	// Source is a string, decoded; nil if the field is absent or not a string.
	Source []byte
	// CreatedUnreadable says that there is a value, but no instant in it.
	CreatedUnreadable bool
	// ErrorOffset is where in a rejected line the violation is, in bytes: the
	// first byte that cannot stand there (the line's length if it ends too
	// early), the start of the sequence that is not UTF-8, the backslash of the
	// lone surrogate, the second of two equal keys, the value of the wrong
	// type, or the start of the value that lacks a field.
	ErrorOffset int
}

// Parser reads lines. It is for use by one goroutine.
type Parser interface {
	// Parse fills rec from the line (without its line break) and returns
	// doc.OK, or the reason why the line cannot be used.
	Parse(line []byte, rec *Record) doc.Reason
	// Release leaves the parser's memory to a later one. Neither the parser nor its
	// records may be used afterwards. Nobody has to release one.
	Release()
}

// Kinds of parsers, for New. They give the same records for every line.
const (
	Native   = "native"
	Simdjson = "simdjson"
)

// New returns a parser of the given kind. Simdjson is the native one where the
// CPU does not support it; see Supported. Errors wrap doc.ErrUsage.
func New(kind string, o Options) (Parser, error) {
	native, err := newNative(o)
	if err != nil {
		return nil, err
	}
	switch kind {
	case Native:
		return native, nil
	case Simdjson:
		if !simdjsonSupported() {
			return native, nil
		}
		return newSimdjson(native), nil
	}
	return nil, fmt.Errorf("parser %q: want %q or %q: %w", kind, Native, Simdjson, doc.ErrUsage)
}

// Supported reports whether this build and CPU can run the kind of parser. New
// gives the native one instead of a kind that is not supported, which changes
// the speed and nothing else: worth a notice to the user.
func Supported(kind string) bool {
	return kind == Native || kind == Simdjson && simdjsonSupported()
}
