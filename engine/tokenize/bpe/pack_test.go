package bpe

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// packed returns a packed toy tokenizer, with all that can be packed.
func packedToy(t testing.TB) (file pipeline.Object, packed []byte) {
	t.Helper()
	tokens, pairs := toyVocab(rand.New(rand.NewPCG(2, 0)), 40)
	tokens = append(tokens, "zzz", "zq")
	file, err := pipeline.Parse([]byte(toyFile(tokens, pairs, `"type":"ByteLevel","add_prefix_space":true`, `"ignore_merges":true,`, `"normalizer":{"type":"NFC"},`+toyAdded)))
	if err != nil {
		t.Fatal(err)
	}
	_, pack, err := Open(file, pipeline.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return file, pack()
}

func TestPackToy(t *testing.T) {
	file, packed := packedToy(t)
	for _, asText := range []bool{false, true} {
		want, err := New(file, pipeline.Options{AddedAsText: asText})
		if err != nil {
			t.Fatal(err)
		}
		got, err := Unpack(packed, pipeline.Options{AddedAsText: asText})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"zzz", "zq zzz<s> <r> ab e\u0301 abcdabcd <l>", "cafe\u0301 \u00e9", ""} {
			a, _ := want.Count([]byte(text))
			b, _ := got.Count([]byte(text))
			if a != b || want.Family() != got.Family() {
				t.Errorf("%q: %d tokens unpacked, want %d", text, b, a)
			}
		}
	}
}

// What was not packed so is refused, or at least does no harm.
func TestUnpackDamaged(t *testing.T) {
	_, packed := packedToy(t)
	for n := range min(len(packed), 2000) {
		if _, err := Unpack(packed[:n], pipeline.Options{}); err == nil {
			t.Errorf("%d of %d bytes were enough", n, len(packed))
		}
	}
	rng := rand.New(rand.NewPCG(1, 0))
	for range 500 {
		bad := bytes.Clone(packed)
		bad[rng.IntN(len(bad))] ^= 1 << rng.IntN(8)
		if c, err := Unpack(bad, pipeline.Options{}); err == nil {
			_, _ = c.Count([]byte("abcd zzz é 漢字"))
		}
	}
}

// An unpacked model is the same as the one that was packed.
func TestPackRealModels(t *testing.T) {
	if raceEnabled {
		t.Skip("left to the builds without the race detector")
	}
	names := []string{"gpt2", "llama3"}
	if exactFull {
		names = slices.Sorted(maps.Keys(sharedFamilies))
	}
	for _, name := range names {
		file, err := pipeline.Parse(refdata.ReadAll(t, refdata.Path("tokenizers", name+".json.zst")))
		if err != nil {
			t.Fatal(err)
		}
		want, err := load(file)
		if err != nil {
			t.Fatal(err)
		}
		packed := want.pack(file)
		u := unpacker{data: packed}
		u.bytes()
		got, ok := u.model()
		if !ok || !reflect.DeepEqual(got.live, want.model.live) || !reflect.DeepEqual(got.junctions, want.model.junctions) || !maps.Equal(got.whole, want.model.whole) {
			t.Errorf("%s: not the same, ok %v", name, ok)
		}
		t.Logf("%s: %d bytes", name, len(packed))
	}
}

func BenchmarkUnpack(b *testing.B) {
	for _, name := range []string{"gpt2", "gpt4o", "llama3", "qwen3"} {
		file, err := pipeline.Parse(refdata.ReadAll(b, refdata.Path("tokenizers", name+".json.zst")))
		if err != nil {
			b.Fatal(err)
		}
		t, err := load(file)
		if err != nil {
			b.Fatal(err)
		}
		packed := t.pack(file)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := Unpack(packed, pipeline.Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
