package nearsort

import "slices"

func distinctGeneric(numbers []uint64) int {
	for i := 1; i < len(numbers); i++ {
		x := numbers[i]
		j := i
		for ; j > 0 && numbers[j-1] > x; j-- {
			numbers[j] = numbers[j-1]
		}
		numbers[j] = x
	}
	return len(slices.Compact(numbers))
}
