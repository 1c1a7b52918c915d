package tiktoken

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/refdata"
)

// byteLines are the ranks of the 256 bytes, then those of tokens.
func byteLines(tokens ...string) []byte {
	var out bytes.Buffer
	for i := range 256 + len(tokens) {
		token := []byte{byte(i)}
		if i >= 256 {
			token = []byte(tokens[i-256])
		}
		fmt.Fprintf(&out, "%s %d\n", base64.StdEncoding.EncodeToString(token), i)
	}
	return out.Bytes()
}

func TestParse(t *testing.T) {
	good := byteLines("ab", "abc")
	v, err := Parse(append([]byte("\n"), bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n"))...))
	if err != nil || len(v) != 258 || v[257] != (Token{"abc", 257}) {
		t.Fatalf("%d tokens, %v", len(v), err)
	}
	for name, c := range map[string]struct {
		file string
		want error
	}{
		"no rank":         {"YQ==\n", doc.ErrInput},
		"no base64":       {"a? 1\n", doc.ErrInput},
		"negative rank":   {"YQ== -1\n", doc.ErrInput},
		"huge rank":       {"YQ== 2147483648\n", doc.ErrInput},
		"two spaces":      {"YQ==  1\n", doc.ErrInput},
		"empty token":     {string(good) + " 300\n", doc.ErrUnsupported},
		"one rank twice":  {string(good) + "eHl6 257\n", doc.ErrUnsupported},
		"one token twice": {string(good) + "YWI= 300\n", doc.ErrUnsupported},
		"byte missing":    {strings.Replace(string(good), "YQ== 97\n", "", 1), doc.ErrUnsupported},
		"nothing":         {"", doc.ErrUnsupported},
	} {
		if _, err := Parse([]byte(c.file)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestIs(t *testing.T) {
	for file, want := range map[string]bool{"YQ== 0\n": true, "YQ== 0": true, "": false, "{\n": false, "#version: 0.2\n": false, "YQ==\n": false} {
		if Is([]byte(file)) != want {
			t.Errorf("%q: %v", file, !want)
		}
	}
}

// The last pair is found with all ranks, not only lower ones: here both parts
// of the token with the lowest rank come later.
func TestMerges(t *testing.T) {
	v, err := Parse(byteLines("abcd", "bc", "cd", "ab", "xbcd"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range v.Merges() {
		got = append(got, v[m.Left].Bytes+"+"+v[m.Right].Bytes)
	}
	// bc is joined first in abcd: a+bc+d is no way to it. xbcd neither.
	if want := "b+c c+d a+b"; strings.Join(got, " ") != want {
		t.Errorf("merges %q, want %q", got, want)
	}
	v, err = Parse(byteLines("abcd", "cd", "ab"))
	if err != nil {
		t.Fatal(err)
	}
	if m := v.Merges(); len(m) != 3 || v[m[0].Left].Bytes != "ab" || v[m[0].Right].Bytes != "cd" {
		t.Errorf("merges %v", m)
	}
}

// byRank and byMerges count a pretoken in the two ways, as simply as can be.
func byRank(ranks map[string]int, text string) (parts []string) {
	return join(text, func(l, r string) (int, bool) { rank, ok := ranks[l+r]; return rank, ok })
}

func byMerges(merges map[[2]string]int, text string) []string {
	return join(text, func(l, r string) (int, bool) { rank, ok := merges[[2]string{l, r}]; return rank, ok })
}

func join(text string, rank func(l, r string) (int, bool)) (parts []string) {
	for i := range len(text) {
		parts = append(parts, text[i:i+1])
	}
	for {
		best, at := 0, -1
		for i := 0; i+1 < len(parts); i++ {
			if r, ok := rank(parts[i], parts[i+1]); ok && (at < 0 || r < best) {
				best, at = r, i
			}
		}
		if at < 0 {
			return parts
		}
		parts[at] += parts[at+1]
		parts = append(parts[:at+1], parts[at+2:]...)
	}
}

// Counting by rank is counting by the merges, for vocabularies of any order,
// trained or not.
func TestMergesAgree(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		seen := map[string]bool{}
		var tokens []string
		for range 1 + random.IntN(40) {
			var b strings.Builder
			for range 2 + random.IntN(5) {
				b.WriteByte("abc"[random.IntN(3)])
			}
			if !seen[b.String()] {
				seen[b.String()] = true
				tokens = append(tokens, b.String())
			}
		}
		v, err := Parse(byteLines(tokens...))
		if err != nil {
			t.Fatal(err)
		}
		ranks, merges := map[string]int{}, map[[2]string]int{}
		for _, token := range v {
			ranks[token.Bytes] = int(token.Rank)
		}
		for i, m := range v.Merges() {
			merges[[2]string{v[m.Left].Bytes, v[m.Right].Bytes}] = i
		}
		for range 50 {
			text := make([]byte, 1+random.IntN(24))
			for i := range text {
				text[i] = "abc"[random.IntN(3)]
			}
			want, got := byRank(ranks, string(text)), byMerges(merges, string(text))
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Fatalf("%q of %q: by merges %q, by rank %q", text, tokens, got, want)
			}
		}
	}
}

func TestPack(t *testing.T) {
	v, err := Parse(byteLines("ab", "abc", "abab"))
	if err != nil {
		t.Fatal(err)
	}
	packed, err := Pack(v, v.Merges())
	if err != nil {
		t.Fatal(err)
	}
	again, merges, err := Unpack(packed)
	if err != nil || !bytes.Equal(Config(again, merges, Encoding{}), Config(v, v.Merges(), Encoding{})) {
		t.Errorf("unpacked is another: %v", err)
	}
	for n := range len(packed) {
		if _, _, err := Unpack(packed[:n]); !errors.Is(err, doc.ErrInput) {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
	}
	packed[len(packed)-1] = 0xFF // a right part that is no token, or a later one
	packed[len(packed)-4] = 0xFF
	if _, _, err := Unpack(packed); !errors.Is(err, doc.ErrInput) {
		t.Errorf("later part: %v", err)
	}
	if _, err := Pack(v[1:], nil); err == nil {
		t.Error("packed a vocabulary without a byte")
	}
}

func TestConvert(t *testing.T) {
	file := byteLines("ab", "\x00\"\\", "\xff\xfe")
	if _, _, err := Convert(file, ""); !errors.Is(err, doc.ErrUnsupported) {
		t.Errorf("unknown file: %v", err)
	}
	if _, _, err := Convert(file, "cl200k"); !errors.Is(err, doc.ErrUsage) {
		t.Errorf("unknown name: %v", err)
	}
	for _, name := range Names() {
		config, e, err := Convert(file, name)
		if err != nil || e.Name != name {
			t.Fatalf("%s: %q, %v", name, e.Name, err)
		}
		var got struct {
			Added []struct{ Content string } `json:"added_tokens"`
			Model struct {
				Vocab  map[string]int
				Merges [][2]string
			}
		}
		if err := json.Unmarshal(config, &got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(got.Added) != len(e.Special) || len(got.Model.Vocab) != 259 || got.Model.Vocab["Ā\"\\"] != 257 || len(got.Model.Merges) != 2 {
			t.Errorf("%s: %d added, %d tokens, merges %q", name, len(got.Added), len(got.Model.Vocab), got.Model.Merges)
		}
	}
}

// Every published file is known, and has a merge for each of its tokens.
func TestPublished(t *testing.T) {
	paths := append(refdata.Glob(t, "tokenizers", "*.tiktoken.zst"), refdata.Glob(t, "tokenizers", "*.model.zst")...)
	for _, path := range paths {
		file, err := io.ReadAll(refdata.Open(t, path))
		if err != nil {
			t.Fatal(err)
		}
		e, ok := Identify(file)
		if !ok || !Is(file) {
			t.Errorf("%s: known as %q, %v; a rank file: %v", path, e.Name, ok, Is(file))
		}
		v, err := Parse(file)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		merges := v.Merges()
		t.Logf("%s: %d tokens, %d merges, %d special", e.Name, len(v), len(merges), len(e.Special))
		for _, s := range e.Special {
			for _, token := range v {
				if token.Rank == s.ID || token.Bytes == s.Text {
					t.Errorf("%s: special token %v is token %v", e.Name, s, token)
				}
			}
		}
	}
}

func BenchmarkConvert(b *testing.B) {
	file, err := io.ReadAll(refdata.Open(b, refdata.Path("tokenizers", "cl100k_base.tiktoken.zst")))
	if err != nil {
		b.Fatal(err)
	}
	v, err := Parse(file)
	if err != nil {
		b.Fatal(err)
	}
	packed, err := Pack(v, v.Merges())
	if err != nil {
		b.Fatal(err)
	}
	e, _ := ByName("cl100k_base")
	b.Run("ranks", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := Convert(file, ""); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("packed", func(b *testing.B) {
		for b.Loop() {
			v, merges, err := Unpack(packed)
			if err != nil {
				b.Fatal(err)
			}
			Config(v, merges, e)
		}
	})
}
