package bpe

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// Where this fails, the format or the tables have changed: raise PackVersion,
// and then set both here.
func TestPackVersion(t *testing.T) {
	const (
		version = "bpe 9"
		digest  = "7c0d1a9bc637ef92"
	)
	_, packed := packedToy(t)
	sum := sha256.Sum256(packed)
	if got := hex.EncodeToString(sum[:8]); PackVersion != version || got != digest {
		t.Errorf("version %q packs to %s, not %q to %s", PackVersion, got, version, digest)
	}
}
