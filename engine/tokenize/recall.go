package tokenize

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/tallystick/tallystick/engine/tokenize/bpe"
	"github.com/tallystick/tallystick/engine/tokenize/loadcache"
)

// What loadcache keeps of a source is the SHA-256 of its tokenizer.json and the
// packed tokenizer.

func (s source) key() loadcache.Key {
	return loadcache.KeyOf(bpe.PackVersion+"\x00"+s.pattern, s.raw)
}

// recall opens a tokenizer that remember has kept.
func recall(s source, o Options) (*Counter, Info, bool) {
	if o.Engine == EngineHF {
		return nil, Info{}, false
	}
	entry := loadcache.Get(s.key())
	if len(entry) < sha256.Size {
		return nil, Info{}, false
	}
	c, err := bpe.Unpack(entry[sha256.Size:], o.pipeline())
	if err != nil {
		return nil, Info{}, false
	}
	info := Info{Name: s.name, SHA256: hex.EncodeToString(entry[:sha256.Size]), Family: c.Family()}
	return &Counter{name: EngineNative, engine: c}, info, true
}

func remember(s source, info Info, pack func() []byte) {
	digest, err := hex.DecodeString(info.SHA256)
	packed := pack()
	if err != nil || packed == nil {
		return
	}
	loadcache.Put(s.key(), append(digest, packed...))
}
