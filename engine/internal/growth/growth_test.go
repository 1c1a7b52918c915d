package growth

import "testing"

// recorder notes a failure in place of failing.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Logf(string, ...any)   {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }

func TestLinear(t *testing.T) {
	sum := 0
	count := func(n int) {
		for i := range n {
			sum ^= i * sum
		}
	}
	for what, c := range map[string]struct {
		steps func(size int) int
		fails bool
	}{
		"linear":    {func(size int) int { return 100 * size }, false},
		"quadratic": {func(size int) int { return size * size / 8 }, true},
	} {
		r := &recorder{TB: t}
		Linear(r, what, 1<<13, func(size int) func() { return func() { count(c.steps(size)) } })
		if r.failed != c.fails {
			t.Errorf("%s work: failed is %t", what, r.failed)
		}
	}
}
