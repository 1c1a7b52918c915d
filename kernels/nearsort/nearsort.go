// Package nearsort finishes the sorting of numbers that are almost in order.
package nearsort

import "github.com/tallystick/tallystick/kernels"

// Reach is how many places behind its own a number may be.
const Reach = 8

// Distinct sorts numbers in place, repeats left out, and returns how many remain
// at the front; what is behind them is undefined. No number may stand more than
// Reach places behind where it belongs in ascending order; how far one stands
// before its place does not matter.
func Distinct(numbers []uint64) int {
	if len(numbers) == 0 {
		return 0
	}
	return distinct(numbers)
}

// Eights reports whether Distinct sorts eight numbers at a time, at the same cost
// whatever their order; else it moves one after the other to its place.
func Eights() bool { return eights() }

func init() {
	kernels.Register("nearsort", implementation())
}
