package request

import "testing"

func TestShardSizeOf(t *testing.T) {
	for _, c := range []struct{ total, want int64 }{
		{0, smallestShard},
		{shardsWanted * smallestShard, smallestShard},
		{shardsWanted*smallestShard + shardsWanted, smallestShard + 1},
		{shardsWanted * largestShard, largestShard},
		{1 << 50, largestShard},
	} {
		if got := shardSizeOf(c.total); got != c.want {
			t.Errorf("%d bytes: %d, want %d", c.total, got, c.want)
		}
	}
}
