package trie

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// walk returns the numbers of the keys that text begins with, shortest first.
func walk(t *Trie, text string) (found []uint32) {
	state := uint32(0)
	for i := range len(text) {
		var ok bool
		if state, ok = t.Next(state, text[i]); !ok {
			break
		}
		if t.Nodes[state].Ends() {
			found = append(found, t.Values[state])
		}
	}
	return found
}

func TestPrefixes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, alphabet := range []string{"ab", "abcdefghijklmnopqrstuvwxyz", "\x00\x01\xff", "a中文字éß"} {
		letters := []rune(alphabet)
		text := func(max int) string {
			var b strings.Builder
			for range 1 + rng.IntN(max) {
				b.WriteRune(letters[rng.IntN(len(letters))])
			}
			return b.String()
		}
		for _, size := range []int{1, 10, 5000} {
			var keys []string
			for range size {
				keys = append(keys, text(8))
			}
			slices.Sort(keys)
			keys = slices.Compact(keys)
			trie := New(keys)
			for range 2000 {
				s := text(12)
				var want []uint32
				longest := 0
				for n := 1; n <= len(s); n++ {
					if i, ok := slices.BinarySearch(keys, s[:n]); ok {
						want = append(want, uint32(i))
						longest = n
					}
				}
				if got := walk(trie, s); !slices.Equal(got, want) {
					t.Fatalf("%q: %v, want %v", s, got, want)
				}
				if got := trie.Longest([]byte(s)); got != longest {
					t.Fatalf("%q: longest %d, want %d", s, got, longest)
				}
			}
		}
	}
}

func TestDepths(t *testing.T) {
	keys := []string{"a", "ab", "abc", "b", "ba", "中", "文"}
	trie := New(keys)
	var got []int
	for depth, states := range trie.Depths() {
		got = append(got, len(states))
		for _, state := range states {
			at := state
			for range depth {
				at = trie.Nodes[at].Parent()
			}
			if at != 0 {
				t.Errorf("state %d is not %d deep", state, depth)
			}
		}
	}
	if want := []int{1, 4, 4, 3}; !slices.Equal(got, want) { // 中 and 文 begin with different bytes
		t.Errorf("%d states, want %d", got, want)
	}
}

func TestNoKeys(t *testing.T) {
	if n := New(nil).Longest([]byte("a")); n != 0 {
		t.Errorf("longest %d", n)
	}
}

// A key may be longer than calls can be deep.
func TestLongKey(t *testing.T) {
	key := strings.Repeat("a", 8<<20)
	x := New([]string{"a", key, key + "b", "b"})
	for text, want := range map[string]int{key + "a": len(key), key + "bc": len(key) + 1, key[:len(key)-1]: 1, "bb": 1} {
		if n := x.Longest([]byte(text)); n != want {
			t.Errorf("%d bytes: the longest has %d, want %d", len(text), n, want)
		}
	}
}
