package tally

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/doc"
)

// What has no room in memory is added up on disk, to the same rows and parts in the
// same order.
func TestSpilledTally(t *testing.T) {
	type share struct {
		contributor string
		of          uint64
		tokens      []uint64
	}
	fill := func(room int64) (rows []Row, shares []share) {
		sums := Tally{Further: 2, Room: room, Dir: t.TempDir()}
		rnd := rand.New(rand.NewPCG(3, 5))
		for range 40_000 {
			name := []byte(fmt.Sprintf("c%d", rnd.IntN(1+rnd.IntN(5000))))
			for i := range name {
				if rnd.IntN(20) == 0 {
					name[i] = byte(rnd.IntN(3)) // zeros within names, and at their ends
				}
			}
			sums.Add(name, doc.Class(rnd.IntN(3)), rnd.Uint64N(100), rnd.Uint64N(100), rnd.Uint64N(9), 1<<40)
			if rnd.IntN(3) == 0 {
				sums.Share(string(name), 1+rnd.Uint64N(300), []uint64{rnd.Uint64N(1000), 2, 3})
			}
		}
		if (sums.spilled != nil) != (room > 0 && room < 1<<20) {
			t.Errorf("room of %d bytes: spilled: %v", room, sums.spilled != nil)
		}
		err := sums.EachShare(func(contributor string, of uint64, tokens []uint64) {
			shares = append(shares, share{contributor, of, slices.Clone(tokens)})
		})
		if err == nil {
			err = sums.Each(func(r *Row) {
				c := *r
				c.Further = slices.Clone(r.Further)
				rows = append(rows, c)
			})
		}
		if err := errors.Join(err, sums.Close()); err != nil {
			t.Fatal(err)
		}
		if left, _ := os.ReadDir(sums.Dir); len(left) > 0 {
			t.Errorf("%d files are left", len(left))
		}
		return rows, shares
	}
	rows, shares := fill(0)
	for _, room := range []int64{1, 1000, 300_000, 1 << 30} {
		gotRows, gotShares := fill(room)
		if diff := cmp.Diff(rows, gotRows); diff != "" {
			t.Errorf("room of %d bytes: %s", room, diff)
		}
		if diff := cmp.Diff(shares, gotShares, cmp.AllowUnexported(share{})); diff != "" {
			t.Errorf("room of %d bytes: %s", room, diff)
		}
	}
}

// A sum that wraps around only when what was spilled is added up is found.
func TestSpilledOverflow(t *testing.T) {
	sums := Tally{Room: 1, Dir: t.TempDir()}
	for range 3 {
		sums.Add([]byte("a"), doc.Kept, 1, math.MaxUint64/2)
		sums.Add([]byte("b"), doc.Kept, 1, 1)
	}
	if err := sums.Each(func(*Row) {}); !errors.Is(err, ErrOverflow) {
		t.Errorf("Each = %v, want ErrOverflow", err)
	}
}

// A disk that cannot be written to is an error, not a smaller tally.
func TestNowhereToSpill(t *testing.T) {
	sums := Tally{Room: 1, Dir: "/nowhere"}
	for i := range 2000 {
		sums.Add([]byte(fmt.Sprint(i)), doc.Kept, 1, 1)
	}
	if err := sums.Each(func(*Row) {}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Each = %v, want ErrNotExist", err)
	}
}
