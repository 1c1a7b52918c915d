package spbpe

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/tokenize/internal/packed"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// packedToy returns the toy tokenizer of a seed packed; nil if it is refused.
func packedToy(t testing.TB, seed uint64, o pipeline.Options) (c *pipeline.Counter, data []byte) {
	t.Helper()
	file, err := pipeline.Parse(toyFile(rand.New(rand.NewPCG(seed, 0))))
	if err != nil {
		t.Fatal(err)
	}
	c, pack, err := Open(file, o)
	if err != nil {
		return nil, nil
	}
	return c, pack()
}

func TestPackToys(t *testing.T) {
	tried := 0
	for seed := range uint64(60) {
		for _, asText := range []bool{false, true} {
			o := pipeline.Options{AddedAsText: asText}
			want, _ := packedToy(t, seed, o)
			_, data := packedToy(t, seed, pipeline.Options{AddedAsText: !asText})
			if want == nil || data == nil {
				continue
			}
			tried++
			got, err := Unpack(data, o)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			rng := rand.New(rand.NewPCG(seed, 1))
			for range 20 {
				text := []byte(toyText(rng))
				a, _ := want.Count(text)
				if b, err := got.Count(text); a != b || err != nil {
					t.Fatalf("seed %d: %q: %d tokens unpacked, want %d", seed, text, b, a)
				}
			}
		}
	}
	if tried < 40 {
		t.Errorf("%d toys", tried)
	}
}

// What was not packed so is refused, or at least does no harm.
func TestUnpackDamaged(t *testing.T) {
	tried := 0
	for seed := uint64(0); tried < 4; seed++ {
		_, data := packedToy(t, seed, pipeline.Options{})
		if data == nil {
			continue
		}
		tried++
		for n := 0; n < len(data); n += 1 + n/100 {
			if _, err := Unpack(data[:n], pipeline.Options{}); err == nil {
				t.Errorf("%d of %d bytes were enough", n, len(data))
			}
		}
		if _, err := Unpack(append(bytes.Clone(data), 0), pipeline.Options{}); err == nil {
			t.Error("a byte too many")
		}
		rng := rand.New(rand.NewPCG(1, seed))
		small := min(len(data), 4000) // all but the tables
		for range 500 {
			bad := bytes.Clone(data)
			bad[rng.IntN(small)] ^= 1 << rng.IntN(8)
			bad[rng.IntN(len(bad))] ^= 1 << rng.IntN(8)
			if c, err := Unpack(bad, pipeline.Options{}); err == nil {
				_, _ = c.Count([]byte("abc ▁ab é 漢字 𠀀 \x00 abcabcabcabcabcabcabcabcabcabcabcabcabcabc"))
			}
		}
	}
}

// An unpacked model is the same as the one that was packed.
func TestPackRealModels(t *testing.T) {
	if raceEnabled {
		t.Skip("left to the builds without the race detector")
	}
	for _, name := range []string{"llama2", "gemma3"} {
		file := sharedFile(t, name)
		want, err := load(file, false) // one that has made no tables for lanes
		if err != nil {
			t.Fatal(err)
		}
		data := want.pack(file)
		r := packed.NewReader(data)
		r.Bytes()
		got := &tokenizer{split: want.split}
		if !got.readModel(r) || !r.Done() {
			t.Fatalf("%s: refused", name)
		}
		got.nfc, got.prepend, got.prefix, got.normalized, got.joined = want.nfc, want.prepend, want.prefix, want.normalized, want.joined
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: not the same", name)
		}
		t.Logf("%s: %d bytes", name, len(data))
	}
}

// Where this fails, the format or the tables have changed: raise PackVersion,
// and then set both here.
func TestPackVersion(t *testing.T) {
	const (
		version = "spbpe 2"
		digest  = "552b66e198ad8414"
	)
	h := sha256.New()
	for seed := range uint64(20) {
		_, data := packedToy(t, seed, pipeline.Options{})
		h.Write(data)
	}
	if got := hex.EncodeToString(h.Sum(nil)[:8]); PackVersion != version || got != digest {
		t.Errorf("version %q packs to %s, not %q to %s", PackVersion, got, version, digest)
	}
}

func BenchmarkUnpack(b *testing.B) {
	for _, name := range []string{"llama2", "gemma3"} {
		file, err := pipeline.Parse(refdata.ReadAll(b, refdata.Path("tokenizers", name+".json.zst")))
		if err != nil {
			b.Fatal(err)
		}
		t, err := load(file, false)
		if err != nil {
			b.Fatal(err)
		}
		data := t.pack(file)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := Unpack(data, pipeline.Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
