package resolve

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Every component has a task; no task has more than its part of all and one component,
// or, where components are many and none is large, much more than its part; and it is
// the same each time.
func TestAssign(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		tasks := 1 + rnd.IntN(9)
		weights := make([]uint64, rnd.IntN(400))
		total, most := uint64(0), uint64(0)
		for i := range weights {
			weights[i] = 1 + rnd.Uint64N(1000)
			if rnd.IntN(50) == 0 {
				weights[i] *= 100
			}
			total, most = total+weights[i], max(most, weights[i])
		}
		of := assign(weights, tasks)
		if len(of) != len(weights) || !slices.Equal(of, assign(weights, tasks)) {
			t.Fatalf("%d of %d components", len(of), len(weights))
		}
		got := make([]uint64, tasks)
		for c, task := range of {
			got[task] += weights[c]
		}
		part := total / uint64(tasks)
		if high := slices.Max(got); high > part+most {
			t.Errorf("%d tasks of %d: one has %d of %d", tasks, weights, high, total)
		} else if len(weights) > 100 && most < part && 4*high > 5*part {
			t.Errorf("%d tasks: one has %d of %d, the largest component is %d", tasks, high, total, most)
		}
	}
}
