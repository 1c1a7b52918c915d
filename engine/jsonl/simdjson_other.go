//go:build !amd64 || purego || noasm || appengine || !gc

package jsonl

func simdjsonSupported() bool { return false }

func newSimdjson(n *native) Parser { return n }
