package jsonfile

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
)

type content struct {
	Version int    `json:"version"`
	Name    string `json:"name"`
}

func TestRoundTrip(t *testing.T) {
	want := content{3, "<a> & b"}
	var b bytes.Buffer
	if err := Write(&b, "x.json", want); err != nil {
		t.Fatal(err)
	}
	if b.String() != "{\n  \"version\": 3,\n  \"name\": \"<a> & b\"\n}\n" {
		t.Errorf("%q", b.String())
	}
	var got content
	if err := Parse(b.Bytes(), "x.json", 3, &got); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRefused(t *testing.T) {
	for text, corrupt := range map[string]bool{
		`{"version": 3, "nam": ""}`:       true,
		`{"version": 3} {}`:               true,
		`{"version": 3}x`:                 true,
		`{"version": 3`:                   true,
		`{"version": "3"}`:                true,
		`{}`:                              true,
		`[]`:                              true,
		``:                                true,
		`{"version": 4, "unknown": true}`: false,
	} {
		var c content
		err := Parse([]byte(text), "x.json", 3, &c)
		if err == nil || errors.Is(err, doc.ErrCorrupt) != corrupt || !strings.Contains(err.Error(), "x.json") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := Write(io.Discard, "x.json", func() {}); err == nil || !strings.Contains(err.Error(), "x.json") {
		t.Errorf("a function: %v", err)
	}
	r, w := io.Pipe()
	r.Close()
	if err := Write(w, "x.json", 1); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a closed pipe: %v", err)
	}
}
