// Package selfsum is for files that no other file has the digest of: each ends in
// its own. The 64 hexadecimal digits there are the SHA-256 of all bytes of the file
// but these digits.
package selfsum

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// JSONEnd follows the digest in an indented JSON object whose last key has it.
const JSONEnd = "\"\n}\n"

// Fill returns content, which ends in end, with its digest before that.
func Fill(content []byte, end string) ([]byte, error) {
	before, ok := bytes.CutSuffix(content, []byte(end))
	if !ok {
		return nil, fmt.Errorf("does not end in %q", end)
	}
	sum := sha256.Sum256(content)
	return append(hex.AppendEncode(bytes.Clone(before), sum[:]), end...), nil
}

// Whole reports whether content is what Fill returned for this end.
func Whole(content []byte, end string) bool {
	n := len(content) - len(end) - 2*sha256.Size
	if n < 0 {
		return false
	}
	filled, err := Fill(append(bytes.Clone(content[:n]), content[len(content)-len(end):]...), end)
	return err == nil && bytes.Equal(filled, content)
}
