//go:build !amd64 || purego

package countprobe

// forEach runs f with the one implementation.
func forEach(f func()) { f() }
