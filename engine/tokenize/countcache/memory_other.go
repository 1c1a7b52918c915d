//go:build !linux

package countcache

// memory is zeroed memory.
type memory struct{ bytes []byte }

// newMemory returns n bytes, aligned to cache lines.
func newMemory(n int) *memory { return heapMemory(n) }

func (m *memory) release() { m.bytes = nil }
