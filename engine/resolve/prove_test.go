package resolve

import (
	"crypto/sha256"
	"testing"

	"github.com/tallystick/tallystick/engine/fate"
	"github.com/tallystick/tallystick/engine/internal/extsort"
	"github.com/tallystick/tallystick/engine/wire"
)

// Two texts whose hashes and lengths are equal keep their digests, which then
// decide between them; texts that nothing collides with keep none.
func TestDigestsOfCollidingTexts(t *testing.T) {
	p := &parts{resolver: &resolver{}, sums: map[uint32][sha256.Size]byte{}, links: make([]uint32, 6)}
	sorter := extsort.New(t.TempDir(), 1<<16)
	defer sorter.Close()
	for number, text := range []string{"a", "b", "a", "c", "c", "c"} {
		lead := uint32(number / 3 * 3)
		s := nodeRecord{Node: fate.Node{Sum: sha256.Sum256([]byte(text)), ID: text}, number: uint32(number)}
		s.Place.Ordinal = uint32(number)
		p.key = extsort.AppendNumbers(p.key[:0], lead, s.number)
		if err := sorter.Add(p.key, p.value.Value(func(e *wire.Encoder) { s.put(e) })); err != nil {
			t.Fatal(err)
		}
	}
	members, err := openStream(sorter)
	if err != nil {
		t.Fatal(err)
	}
	defer members.close()
	if err := p.firstOfEach(members); err != nil {
		t.Fatal(err)
	}
	want := map[uint32][sha256.Size]byte{0: sha256.Sum256([]byte("a")), 1: sha256.Sum256([]byte("b"))}
	if len(p.sums) != len(want) || p.sums[0] != want[0] || p.sums[1] != want[1] {
		t.Errorf("digests of %d representatives", len(p.sums))
	}
	if p.links[2] != 0 || p.links[4] != 3 || p.links[5] != 3 {
		t.Errorf("links %v", p.links)
	}
}
