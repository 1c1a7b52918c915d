package countcache

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// A map that forgets all where there is no more room is what longKeys is, also
// where hashes are alike.
func TestLongKeys(t *testing.T) {
	const most = 1 << 15
	for _, hashes := range []uint32{1, 3, 1 << 31} {
		random := rand.New(rand.NewPCG(1, uint64(hashes)))
		var l longKeys
		l.init(most)
		held, bytes, wiped := map[string]int{}, 0, 0
		for range 20_000 {
			n := random.IntN(400)
			key := strings.Repeat(fmt.Sprint(n, " "), maxLongKey)[:1+(n*37)%(maxLongKey+8)]
			hash := uint32(n) * 0x9E3779B1 % hashes
			got, ok := l.lookup(hash, []byte(key))
			if want, is := held[key]; ok != is || is && got != want {
				t.Fatalf("lookup of %q = %d, %v, want %d, %v", key, got, ok, want, is)
			}
			l.insert(hash, []byte(key), n)
			if ok || len(key) > maxLongKey {
				continue
			}
			if bytes+len(key)+longEntry > most {
				clear(held)
				bytes = 0
				wiped++
			}
			held[key] = n
			bytes += len(key) + longEntry
		}
		if l.held != len(held) || wiped < 10 {
			t.Errorf("%d held, want %d; wiped %d times", l.held, len(held), wiped)
		}
	}
}
