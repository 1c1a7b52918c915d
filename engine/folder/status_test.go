package folder

import "testing"

func TestRanges(t *testing.T) {
	for want, in := range map[string][]int{"": nil, "4": {4}, "0-1": {0, 1}, "0-3,7,9-11": {0, 1, 2, 3, 7, 9, 10, 11}} {
		if got := ranges(in); got != want {
			t.Errorf("ranges(%v) = %q, want %q", in, got, want)
		}
	}
}
