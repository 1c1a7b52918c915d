package tokenize

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"strings"

	"github.com/tallystick/tallystick/engine/tokenize/bpe"
	"github.com/tallystick/tallystick/engine/tokenize/internal/packed"
	"github.com/tallystick/tallystick/engine/tokenize/loadcache"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
	"github.com/tallystick/tallystick/engine/tokenize/spbpe"
)

// What loadcache keeps of a source is the SHA-256 of its tokenizer.json, the
// version of the package that packed it, and the packed tokenizer.

// unpackers make tokenizers of what the packages of these versions packed.
var unpackers = map[string]func(data []byte, o pipeline.Options) (*pipeline.Counter, error){
	bpe.PackVersion:   bpe.Unpack,
	spbpe.PackVersion: spbpe.Unpack,
}

// version is that of all that an entry depends on but the source's bytes.
func (s source) version() string {
	name := "" // what a built-in's ranks are counted by depends on it
	if s.builtIn() {
		name = s.name
	}
	return strings.Join([]string{bpe.PackVersion, spbpe.PackVersion, name, s.pattern}, "\x00")
}

// recall opens a tokenizer that remember has kept.
func recall(s source, o Options) (*Counter, Info, bool) {
	if o.Engine == EngineHF {
		return nil, Info{}, false
	}
	stored, err := s.open()
	if err != nil {
		return nil, Info{}, false
	}
	defer stored.Close()
	r := packed.NewReader(loadcache.Get(s.version(), stored))
	digest, unpack := r.Bytes(), unpackers[string(r.Bytes())]
	if len(digest) != sha256.Size || unpack == nil {
		return nil, Info{}, false
	}
	c, err := unpack(r.Rest(), o.pipeline())
	if err != nil {
		return nil, Info{}, false
	}
	info := Info{Name: s.name, SHA256: hex.EncodeToString(digest), Family: c.Family()}
	return &Counter{name: EngineNative, engine: c}, info, true
}

// remember keeps a tokenizer for recall.
func remember(s source, info Info, p packer) {
	digest, err := hex.DecodeString(info.SHA256)
	data := p.pack()
	if err != nil || data == nil {
		return
	}
	entry := packed.AppendBytes(packed.AppendBytes(nil, digest), []byte(p.version))
	loadcache.Put(s.version(), bytes.NewReader(s.raw), append(entry, data...))
}

// open opens what is stored of a source.
func (s source) open() (io.ReadCloser, error) {
	if s.raw != nil {
		return io.NopCloser(bytes.NewReader(s.raw)), nil
	}
	return os.Open(s.path)
}
