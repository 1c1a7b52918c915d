package vocab

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// toy draws a vocabulary and merges of it, some of them often.
func toy(rng *rand.Rand) (tokens []string, merges [][2]string) {
	seen := map[string]bool{}
	add := func(token string) {
		if !seen[token] {
			seen[token] = true
			tokens = append(tokens, token)
		}
	}
	for _, c := range []string{"a", "b", "é", "漢", "\n", `"`, `\`, "", "[", "]"} {
		add(c)
	}
	for range rng.IntN(300) {
		left, right := tokens[rng.IntN(len(tokens))], tokens[rng.IntN(len(tokens))]
		if len(left)+len(right) > 40 {
			continue
		}
		add(left + right)
		merges = append(merges, [2]string{left, right})
	}
	rng.Shuffle(len(tokens), func(i, j int) { tokens[i], tokens[j] = tokens[j], tokens[i] })
	return tokens, merges
}

// spell returns the member vocab.
func spell(tokens []string) []byte {
	var members []string
	for i, token := range tokens {
		key, _ := json.Marshal(token)
		members = append(members, fmt.Sprintf("%s: %d", key, 1000-i))
	}
	return []byte("{" + strings.Join(members, ", ") + "}")
}

func TestRead(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 0))
		tokens, merges := toy(rng)
		v, err := Read(spell(tokens))
		if err != nil {
			t.Fatal(err)
		}
		numbers := map[string]uint32{}
		for i, token := range tokens {
			numbers[token] = uint32(i)
			if n, ok := v.Find([]byte(token)); !ok || n != uint32(i) || string(v.Tokens.At(n)) != token {
				t.Fatalf("seed %d: %q is %d, %v; want %d", seed, token, n, ok, i)
			}
		}
		if _, ok := v.Find([]byte("absent")); ok || v.Tokens.Len() != len(tokens) || !v.Tokens.Valid() {
			t.Fatalf("seed %d: %d tokens", seed, v.Tokens.Len())
		}
		again := Of(v.Tokens)
		for i, token := range tokens {
			if n, ok := again.Find([]byte(token)); !ok || n != uint32(i) {
				t.Fatalf("seed %d: %q is %d, %v; want %d", seed, token, n, ok, i)
			}
		}
		var pairs [][2]string
		lines := []string{"#version: 0.2"}
		var want []Merge
		for _, m := range merges {
			pairs = append(pairs, m)
			lines = append(lines, m[0]+" "+m[1])
			want = append(want, Merge{numbers[m[0]], numbers[m[1]], numbers[m[0]+m[1]]})
		}
		for _, form := range []any{pairs, lines} {
			raw, err := json.MarshalIndent(form, "", strings.Repeat(" ", int(seed%3)))
			if err != nil {
				t.Fatal(err)
			}
			if form == nil || string(raw) == "null" {
				continue
			}
			got, err := v.ReadMerges(raw)
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("seed %d: %s: %v, %v; want %v", seed, raw, got, err, want)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	for _, raw := range []string{`[]`, `{"a":0,"b":0}`, `{"a":-1}`, `{"a":"x"}`, `{"a":4294967296}`, `{"a":null}`} {
		if _, err := Read([]byte(raw)); err == nil {
			t.Errorf("vocab %s", raw)
		}
	}
	v, err := Read([]byte(`{"x": 7, "a":0,"b":1,"ab":2,"x":3}`))
	if err != nil || v.Tokens.Len() != 4 {
		t.Fatalf("%+v, %v", v, err)
	}
	many := strings.Repeat(`["a","b"],`, 100)
	for _, raw := range []string{
		`{}`, `[1]`, `["a"]`, `["a b c"]`, `["a x"]`, `["b a"]`, `[["a"]]`, `[["a","b","ab"]]`, `[["a",1]]`, `[["a","x"]]`, `[["a","b"],"a b"]`, `["a b",["a","b"]]`,
		`[` + many + `["a","x"]]`, `[` + many + `["q","a"]]`, `[` + many + `["b","a"],` + many + `["a","b"]]`,
	} {
		if m, err := v.ReadMerges([]byte(raw)); err == nil {
			t.Errorf("merges %.40s: %v", raw, m)
		}
	}
}
