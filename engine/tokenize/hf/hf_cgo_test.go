//go:build hf && cgo

package hf

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"reflect"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/daulet/tokenizers"
)

// bytesBPE is a tokenizer.json with a token per byte-level character, ids by
// position, and the merge a b.
func bytesBPE(t *testing.T, extra string) []byte {
	t.Helper()
	var vocab strings.Builder
	id := 0
	for b := range 256 {
		r := rune(b)
		if !(b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae) {
			r = rune(256 + id)
			id++
		}
		fmt.Fprintf(&vocab, "%q:%d,", string(r), b)
	}
	return fmt.Appendf(nil, `{"version":"1.0",%s"normalizer":null,
		"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true},
		"post_processor":null,"decoder":null,
		"model":{"type":"BPE","vocab":{%s"ab":256},"merges":["a b"]}}`, extra, vocab.String())
}

func open(t *testing.T, config []byte, addedAsText bool) *Counter {
	t.Helper()
	c, err := New(config, addedAsText)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The binding's struct must hold the Rust handle and nothing else, or handle
// reads the wrong word.
func TestBindingHoldsJustTheHandle(t *testing.T) {
	typ := reflect.TypeFor[tokenizers.Tokenizer]()
	if typ.NumField() != 1 || typ.Field(0).Type != reflect.TypeFor[unsafe.Pointer]() {
		t.Fatalf("github.com/daulet/tokenizers.Tokenizer is now %v with %d fields; adapt handle", typ, typ.NumField())
	}
}

func TestEncode(t *testing.T) {
	c := open(t, bytesBPE(t, ""), false)
	for _, tt := range []struct {
		text string
		ids  []uint32
	}{
		{"", nil},
		{"a", []uint32{'a'}},
		{"ab", []uint32{256}},
		{"ab\x00cd", []uint32{256, 0, 'c', 'd'}}, // what a C string cuts off
		{"\x00", []uint32{0}},
		{"é", []uint32{0xc3, 0xa9}},
	} {
		want := fnv.New64a()
		for _, id := range tt.ids {
			want.Write(binary.LittleEndian.AppendUint32(nil, id))
		}
		n, sum, err := c.Encode([]byte(tt.text))
		if err != nil || n != len(tt.ids) || sum != want.Sum64() {
			t.Errorf("Encode(%q) = %d, %x, %v; want %d, %x", tt.text, n, sum, err, len(tt.ids), want.Sum64())
		}
		if n, err := c.Count([]byte(tt.text)); err != nil || n != len(tt.ids) {
			t.Errorf("Count(%q) = %d, %v; want %d", tt.text, n, err, len(tt.ids))
		}
	}
}

func TestInvalidUTF8IsAnError(t *testing.T) {
	c := open(t, bytesBPE(t, ""), false)
	if n, err := c.Count([]byte("ab\xff")); err == nil {
		t.Errorf("counted %d", n)
	}
	if n, err := c.Count([]byte("ab")); n != 1 || err != nil {
		t.Errorf("after the error: %d, %v", n, err)
	}
}

func TestEncodeErrorIsAnError(t *testing.T) {
	// Unigram without an unknown token cannot encode a character outside its
	// vocabulary.
	c := open(t, []byte(`{"version":"1.0","added_tokens":[],"normalizer":null,"pre_tokenizer":null,
		"post_processor":null,"decoder":null,
		"model":{"type":"Unigram","unk_id":null,"vocab":[["a",0.0]]}}`), false)
	if n, err := c.Count([]byte("a")); n != 1 || err != nil {
		t.Fatalf("a: %d, %v", n, err)
	}
	if n, err := c.Count([]byte("b")); err == nil {
		t.Errorf("b counted as %d", n)
	}
}

func TestNewErrors(t *testing.T) {
	for _, config := range []string{``, `{}`, `{"model":{"type":"Nothing"}}`, `{"model":{"type":"BPE","vocab":{"a":"x"},"merges":[]}}`} {
		if _, err := New([]byte(config), false); err == nil {
			t.Errorf("%q accepted", config)
		}
	}
}

func TestTruncationAndPaddingAreOff(t *testing.T) {
	c := open(t, bytesBPE(t, `"truncation":{"direction":"Right","max_length":2,"strategy":"LongestFirst","stride":0},
		"padding":{"strategy":{"Fixed":16},"direction":"Right","pad_to_multiple_of":null,"pad_id":0,"pad_type_id":0,"pad_token":"x"},`), false)
	if n, err := c.Count([]byte("xyzxyz")); n != 6 || err != nil {
		t.Errorf("%d, %v; want 6", n, err)
	}
}

func TestAddedTokens(t *testing.T) {
	config := bytesBPE(t, `"added_tokens":[{"id":300,"content":"<|end|>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],`)
	for addedAsText, want := range map[bool]int{false: 3, true: 9} {
		if n, err := open(t, config, addedAsText).Count([]byte("x<|end|>y")); n != want || err != nil {
			t.Errorf("added as text %v: %d, %v; want %d", addedAsText, n, err, want)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	c := open(t, bytesBPE(t, ""), false)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 200 {
				text := strings.Repeat("ab ", i) + strings.Repeat("x", w)
				want := 0
				if i > 0 {
					want = 2 * i
				}
				if n, err := c.Count([]byte(text)); n != want+w || err != nil {
					t.Errorf("%q: %d, %v; want %d", text, n, err, want+w)
					return
				}
			}
		})
	}
	wg.Wait()
}
