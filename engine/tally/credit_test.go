package tally

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// group is a kept document: its tokens by two tokenizers, and the contributors
// who have a document in its group, its own first.
type group struct {
	tokens  []uint64
	members []int
}

// drawGroups draws a game of up to seven players.
func drawGroups(t *rapid.T) (players int, groups []group) {
	players = rapid.IntRange(1, 7).Draw(t, "players")
	for range rapid.IntRange(0, 12).Draw(t, "groups") {
		members := rapid.SliceOfNDistinct(rapid.IntRange(0, players-1), 1, players, rapid.ID[int]).Draw(t, "members")
		groups = append(groups, group{[]uint64{rapid.Uint64Range(0, 1000).Draw(t, "tokens"), rapid.Uint64Range(0, 9).Draw(t, "tokens2")}, members})
	}
	return players, groups
}

func name(player int) string { return fmt.Sprintf("player %d", player) }

// shareAll adds up groups as a run does.
func shareAll(players int, groups []group) *Tally {
	t := &Tally{Further: 1, shares: [][]Part{}}
	for p := range players {
		t.Add([]byte(name(p)), doc.ExactDup, 1, 1, 1) // whoever shares has a document
	}
	for _, g := range groups {
		t.Add([]byte(name(g.members[0])), doc.Kept, 5, g.tokens[0], g.tokens[1])
		for _, p := range g.members {
			t.Share(name(p), uint64(len(g.members)), g.tokens)
		}
	}
	return t
}

// shapley returns every player's mean gain, over all orders in which players may
// join, in the worth of those who have joined: the tokens of the groups that
// they have a document in.
func shapley(players int, groups []group, tokenizer int) []*big.Rat {
	value := make([]*big.Rat, players)
	for p := range value {
		value[p] = new(big.Rat)
	}
	orders := int64(0)
	order := make([]int, 0, players)
	var visit func(joined uint)
	visit = func(joined uint) {
		if len(order) == players {
			orders++
			var have uint
			for _, p := range order {
				gain := worth(groups, have|1<<p, tokenizer) - worth(groups, have, tokenizer)
				value[p].Add(value[p], fraction(gain, 1))
				have |= 1 << p
			}
			return
		}
		for p := range players {
			if joined&(1<<p) == 0 {
				order = append(order, p)
				visit(joined | 1<<p)
				order = order[:len(order)-1]
			}
		}
	}
	visit(0)
	for _, v := range value {
		v.Quo(v, big.NewRat(orders, 1))
	}
	return value
}

func worth(groups []group, joined uint, tokenizer int) (tokens uint64) {
	for _, g := range groups {
		for _, p := range g.members {
			if joined&(1<<p) != 0 {
				tokens += g.tokens[tokenizer]
				break
			}
		}
	}
	return tokens
}

// Credit is the Shapley value, by every order of up to seven players.
func TestSharedCreditIsShapley(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		players, groups := drawGroups(t)
		rows := shareAll(players, groups).Rows()
		for k := range 2 {
			for p, want := range shapley(players, groups, k) {
				if got := rows[p].Credit[k]; got.Cmp(want) != 0 {
					t.Fatalf("%s by tokenizer %d: credit %s, Shapley value %s of %v", name(p), k, got, want, groups)
				}
			}
		}
	})
}

// Efficiency, symmetry, null player, and additivity over tallies.
func TestSharedCreditAxioms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		players, groups := drawGroups(t)
		sums := shareAll(players, groups)
		if _, err := sums.Checked(); err != nil {
			t.Fatalf("efficiency: %v", err)
		}
		rows := sums.Rows()
		in := func(g group, p int) bool {
			for _, m := range g.members {
				if m == p {
					return true
				}
			}
			return false
		}
		for p := range players {
			null := true
			for _, g := range groups {
				null = null && !in(g, p)
			}
			if null && rows[p].Credit[0].Sign() != 0 {
				t.Fatalf("%s is in no group and is credited with %s", name(p), rows[p].Credit[0])
			}
			for q := range p {
				alike := true
				for _, g := range groups {
					alike = alike && in(g, p) == in(g, q)
				}
				if alike && rows[p].Credit[0].Cmp(rows[q].Credit[0]) != 0 {
					t.Fatalf("%s and %s are in the same groups, but not of the same credit", name(p), name(q))
				}
			}
		}

		// Over any parts of the run, in any order.
		var merged Tally
		merged.Further, merged.shares = 1, [][]Part{}
		cut := rapid.IntRange(0, len(groups)).Draw(t, "cut")
		merged.Merge(shareAll(players, groups[cut:]))
		merged.Merge(shareAll(players, groups[:cut]))
		for i, r := range merged.Rows() {
			for k, c := range r.Credit {
				if c.Cmp(rows[i].Credit[k]) != 0 {
					t.Fatalf("%s: merged %s, whole %s", r.Contributor, c, rows[i].Credit[k])
				}
			}
		}
	})
}

var two = []plan.Tokenizer{{Label: "llama3", SHA256: "l"}}

func TestSharedCreditRoundTrip(t *testing.T) {
	// Groups of 398 sizes: denominators of more than a hundred digits.
	sums := &Tally{Further: 1, shares: [][]Part{}}
	sums.Add([]byte("a"), doc.Kept, 1, 10, 7)
	sums.Share("a", 3, []uint64{10, 7})
	for _, n := range []string{"b", "c"} {
		sums.Add([]byte(n), doc.NearDup, 1, 9, 9)
		sums.Share(n, 3, []uint64{10, 7})
	}
	for of := uint64(2); of < 400; of++ {
		sums.Add([]byte("a"), doc.Kept, 1, of+1, of)
		sums.Share("a", of, []uint64{of + 1, of})
		for range of - 1 {
			sums.Share("d", of, []uint64{of + 1, of})
		}
	}
	sums.Add([]byte("d"), doc.ExactDup, 1, 1, 1)
	rows := sums.Rows()
	var j, p bytes.Buffer
	if err := WriteJSONL(&j, rows, two...); err != nil {
		t.Fatal(err)
	}
	if err := WriteParquet(&p, rows, "abc", two...); err != nil {
		t.Fatal(err)
	}
	fromJSONL, err := ReadJSONL(bytes.NewReader(j.Bytes()), two...)
	if err != nil {
		t.Fatal(err)
	}
	fromParquet, _, err := ReadParquet(bytes.NewReader(p.Bytes()), int64(p.Len()), two...)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		for k, c := range r.Credit {
			if fromJSONL[i].Credit[k].Cmp(c) != 0 || fromParquet[i].Credit[k].Cmp(c) != 0 {
				t.Errorf("%s by tokenizer %d: %s came back as %s and %s", r.Contributor, k, c, fromJSONL[i].Credit[k], fromParquet[i].Credit[k])
			}
		}
	}
	if digits := len(rows[0].Credit[0].Denom().String()); digits < 100 {
		t.Errorf("a denominator of only %d digits", digits)
	}
	const want = `"credit":{"tokens":3,"numerator":"1","denominator":"3"},"further_credit":{"llama3":{"tokens":2,"numerator":"1","denominator":"3"}}}`
	if !strings.Contains(j.String(), `"contributor":"b"`) || !strings.Contains(j.String(), want) {
		t.Errorf("%.2000s has no %s", j.String(), want)
	}

	for name, change := range map[string][2]string{
		"a token more":         {`"credit":{"tokens":3,`, `"credit":{"tokens":4,`},
		"another fraction":     {`"numerator":"1","denominator":"3"`, `"numerator":"2","denominator":"3"`},
		"not in lowest terms":  {`"numerator":"1","denominator":"3"`, `"numerator":"2","denominator":"6"`},
		"negative":             {`"numerator":"1","denominator":"3"`, `"numerator":"-1","denominator":"3"`},
		"divided by nothing":   {`"numerator":"1","denominator":"3"`, `"numerator":"1","denominator":"0"`},
		"a leading zero":       {`"numerator":"1","denominator":"3"`, `"numerator":"01","denominator":"3"`},
		"improper":             {`"tokens":3,"numerator":"1","denominator":"3"`, `"tokens":2,"numerator":"4","denominator":"3"`},
		"one row without":      {`"credit":{"tokens":3,"numerator":"1","denominator":"3"},`, ``},
		"one tokenizer absent": {`,"further_credit":{"llama3":{"tokens":2,"numerator":"1","denominator":"3"}}`, ``},
	} {
		bad := strings.Replace(j.String(), change[0], change[1], 1)
		if bad == j.String() {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := ReadJSONL(strings.NewReader(bad), two...); !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
	}
}

func TestSharedCreditIsChecked(t *testing.T) {
	lost := &Tally{shares: [][]Part{}}
	lost.Add([]byte("a"), doc.Kept, 1, 10)
	lost.Share("a", 2, []uint64{10})
	nobody := &Tally{shares: [][]Part{}}
	nobody.Add([]byte("a"), doc.Kept, 1, 10)
	nobody.Share("a", 2, []uint64{10})
	nobody.Share("b", 2, []uint64{10})
	rejected := &Tally{shares: [][]Part{}}
	rejected.Merge(nobody)
	rejected.Add([]byte("b"), doc.Rejected, 0, 0)
	for name, tally := range map[string]*Tally{"half is lost": lost, "one without documents": nobody, "one with rejected lines only": rejected} {
		if _, err := tally.Checked(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	mixed := append(shareAll(1, nil).Rows(), (&Tally{Further: 1}).Rows()...)
	mixed = append(mixed, Row{Contributor: "z", Further: make([]doc.ClassTokens, 1)})
	if Check(mixed) == nil {
		t.Error("one row with credit and one without: accepted")
	}
}
