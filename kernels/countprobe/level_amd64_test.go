//go:build !purego

package countprobe

// forEach runs f with every implementation that this CPU can run.
func forEach(f func()) {
	for l := best(); l >= generic; l-- {
		restore := force(l)
		f()
		restore()
	}
}
