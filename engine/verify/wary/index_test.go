package wary

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"
)

// FuzzIndex: the index of an earlier run, by whatever is in its file.
func FuzzIndex(f *testing.F) {
	document := binary.AppendUvarint([]byte("tallystick index 1\nd"), 3)
	f.Add(append(document, "\x00\x00\x01A\x05\x028 bytes.\x00\x02id\x01w"...), true)
	f.Add([]byte("tallystick index 1\nb\x00\x03abc"), false)
	f.Fuzz(func(t *testing.T, data []byte, sources bool) {
		kept, digest, err := Index(bytes.NewReader(data), sources)
		if err == nil && (kept == nil || digest != fmt.Sprintf("%x", sha256.Sum256(data))) {
			t.Errorf("%v, %s", kept, digest)
		}
	})
}
