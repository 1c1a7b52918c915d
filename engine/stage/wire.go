package stage

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/tallystick/tallystick/engine/bands"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/tally"
)

// The files between stages are private to one run and one version: a magic
// line, then records of varints, little-endian hashes and length-prefixed
// strings. How many tokenizers counted, and whether documents have sources, is the plan's to say. Every read is bounded, so a damaged file is an error, not a panic.
const (
	magicDocs      = "tallystick docs 1\n"
	magicKeys      = "tallystick keys 1\n"
	magicGroups    = "tallystick groups 1\n"
	magicDecisions = "tallystick decisions 1\n"
	magicSums      = "tallystick sums 1\n"
)

// docRecord is what scan learns of one line. Strings are reused by decode.
type docRecord struct {
	Ordinal     uint32
	Offset      int64 // of the line in the (decompressed) file, bytes
	Column      int   // of the violation in the line, bytes; rejected lines only
	Reason      doc.Reason
	Bytes       uint64 // of decoded text
	Tokens      uint64
	Further     []uint64 // tokens by the further tokenizers
	Hash        uint64   // exact key: keyed XXH64 of the text
	Created     doc.Instant
	Contributor []byte // doc.Unattributed if there was none
	ID          []byte // empty if there was none
	Source      []byte // empty if there was none, or no rule asks for it
}

// setTokens sets the tokens by tokenizer i, after those by the ones before.
func (r *docRecord) setTokens(i, tokens int) {
	if i == 0 {
		r.Tokens = uint64(tokens)
	} else {
		r.Further = append(r.Further, uint64(tokens))
	}
}

func (e *encoder) doc(r *docRecord) {
	e.uint(uint64(r.Ordinal))
	b := e.buf // without looking whether it is full at every number
	b = binary.AppendUvarint(b, uint64(r.Offset))
	b = binary.AppendUvarint(b, uint64(len(r.Reason)))
	b = append(b, r.Reason...)
	b = binary.AppendUvarint(b, uint64(len(r.Contributor)))
	b = append(b, r.Contributor...)
	if r.Reason != doc.OK {
		e.buf = binary.AppendUvarint(b, uint64(r.Column))
		return
	}
	b = binary.AppendUvarint(b, r.Bytes)
	b = binary.AppendUvarint(b, r.Tokens)
	for _, n := range r.Further {
		b = binary.AppendUvarint(b, n)
	}
	b = binary.LittleEndian.AppendUint64(b, r.Hash)
	if r.Created.Set {
		b = append(b, 1)
		b = binary.AppendVarint(b, r.Created.Sec)
		b = binary.AppendUvarint(b, uint64(r.Created.Nsec))
	} else {
		b = append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(r.ID)))
	b = append(b, r.ID...)
	if e.sources {
		b = binary.AppendUvarint(b, uint64(len(r.Source)))
		b = append(b, r.Source...)
	}
	e.buf = b
}

func (d *decoder) doc(r *docRecord) {
	// Field by field: to clear the record would cost as much as to read one.
	r.Column, r.Bytes, r.Tokens, r.Hash, r.Created = 0, 0, 0, 0, doc.Instant{}
	r.ID, r.Source, r.Further = r.ID[:0], r.Source[:0], r.Further[:0]
	r.Ordinal = d.uint32()
	r.Offset = d.size()
	r.Reason = doc.Reason(d.string())
	r.Contributor = d.bytes(r.Contributor)
	if r.Reason != doc.OK {
		r.Column = int(d.size())
		return
	}
	r.Bytes = d.uint()
	r.Tokens = d.uint()
	for range d.further {
		r.Further = append(r.Further, d.uint())
	}
	r.Hash = d.fixed64()
	switch dated := d.byte(); dated {
	case 0:
	case 1:
		r.Created = doc.Instant{Sec: d.int(), Nsec: int32(d.below(1e9)), Set: true}
	default:
		d.fail(fmt.Errorf("%w: %d for whether there is a date", doc.ErrCorrupt, dated))
	}
	r.ID = d.bytes(r.ID)
	if d.sources {
		r.Source = d.bytes(r.Source)
	}
}

// decisionRecord is what resolve decides of one dropped line. The witness is
// spelt out, so that tally needs no other shard.
type decisionRecord struct {
	Ordinal        uint32
	Class          doc.Class
	Witness        doc.Place
	WitnessLine    int64 // one-based, in its file
	WitnessID      string
	WitnessContrib string
	Overlap, Union int // shingles; 0 for an exact duplicate
	Shared         int // buckets
}

func (e *encoder) decision(r *decisionRecord) {
	e.uint(uint64(r.Ordinal))
	e.byte(byte(r.Class))
	e.place(r.Witness)
	e.uint(uint64(r.WitnessLine))
	e.string(r.WitnessID)
	e.string(r.WitnessContrib)
	e.uint(uint64(r.Overlap))
	e.uint(uint64(r.Union))
	e.uint(uint64(r.Shared))
}

func (d *decoder) decision(r *decisionRecord) {
	r.Ordinal = d.uint32()
	r.Class = doc.Class(d.byte())
	if d.err == nil && r.Class != doc.ExactDup && r.Class != doc.NearDup {
		d.fail(fmt.Errorf("%w: a decision of class %d", doc.ErrCorrupt, r.Class))
	}
	r.Witness = d.place()
	r.WitnessLine = d.size()
	r.WitnessID = d.string()
	r.WitnessContrib = d.string()
	r.Overlap = int(d.size())
	r.Union = int(d.size())
	r.Shared = int(d.below(math.MaxInt32 + 1))
}

// sums is one contributor's share of a shard.
func (e *encoder) sums(r *tally.Row) {
	e.string(r.Contributor)
	for _, c := range r.Class {
		e.uint(c.Documents)
		e.uint(c.Bytes)
		e.uint(c.Tokens)
	}
	for _, tokens := range r.Further {
		for _, n := range tokens {
			e.uint(n)
		}
	}
}

// keyKind tells the two joins of match apart.
type keyKind byte

const (
	bandKey  keyKind = 'b'
	exactKey keyKind = 'x'
)

// keyWriter writes the join keys of one shard as blocks of one partition and
// kind each, so that a match task reads only its own and memory stays at a
// block per partition however long the shard is.
type keyWriter struct {
	e            *encoder
	bands, exact [][]byte      // by partition
	tables       *bands.Writer // the same as Parquet, or nil
}

const keyBlock = 1 << 16 // bytes

// newKeyWriter writes to what others may write to as well.
func newKeyWriter(e *encoder, partitions int) *keyWriter {
	return &keyWriter{e: e, bands: make([][]byte, partitions), exact: make([][]byte, partitions)}
}

// band adds a band key of a document.
func (k *keyWriter) band(key uint64, ordinal uint32) {
	if k.tables != nil {
		k.tables.Band(key, ordinal)
	}
	p := partitionOf(key, len(k.bands))
	b := k.bands[p]
	if n := len(b); ordinal>>14-1 < 1<<7-1 && n+12 <= cap(b) {
		// Most numbers of lines have three bytes; the fourth one is nobody's.
		b = b[:n+12]
		binary.LittleEndian.PutUint64(b[n:], key)
		binary.LittleEndian.PutUint32(b[n+8:], ordinal&0x7f|ordinal<<1&0x7f00|ordinal<<2&0x7f0000|0x8080)
		b = b[:n+11]
	} else {
		b = binary.AppendUvarint(binary.LittleEndian.AppendUint64(b, key), uint64(ordinal))
	}
	if k.bands[p] = b; len(b) >= keyBlock {
		k.put(bandKey, p)
	}
}

// exactly adds the exact key of a document of so many bytes of text.
func (k *keyWriter) exactly(key uint64, ordinal uint32, length uint64) {
	p := partitionOf(key, len(k.exact))
	b := binary.LittleEndian.AppendUint64(k.exact[p], key)
	b = binary.AppendUvarint(b, uint64(ordinal))
	k.exact[p] = binary.AppendUvarint(b, length)
	if len(k.exact[p]) >= keyBlock {
		k.put(exactKey, p)
	}
}

func (k *keyWriter) put(kind keyKind, p int) {
	blocks := k.exact
	if kind == bandKey {
		blocks = k.bands
	}
	if len(blocks[p]) == 0 {
		return
	}
	k.e.byte(byte(kind))
	k.e.uint(uint64(p))
	k.e.bytes(blocks[p])
	blocks[p] = blocks[p][:0]
}

func (k *keyWriter) flush() error {
	for _, kind := range []keyKind{exactKey, bandKey} {
		for p := range k.bands {
			k.put(kind, p)
		}
	}
	if k.tables != nil {
		if err := k.tables.Close(); err != nil {
			return fmt.Errorf("write keys: %w", err)
		}
	}
	return k.e.flush()
}

// partitionOf maps a key to one of n partitions by its high bits.
func partitionOf(key uint64, n int) int {
	return int((key >> 32) * uint64(n) >> 32)
}

// packedKeys are those of one block of a shard's key file.
type packedKeys struct {
	shard  uint32
	kind   keyKind
	at     int64  // in the file
	size   int    // bytes
	packed []byte // nil where they are not held in memory
}

// readPacked appends the blocks of one partition in a shard's key file, with as many
// of their keys as take at most hold bytes.
func readPacked(r io.ReadSeeker, shard uint32, partition int, hold int64, to []packedKeys) ([]packedKeys, error) {
	// Blocks of other partitions are seeked over: a large buffer would read
	// them after all.
	d, err := newDecoderSize(r, magicKeys, 1<<12)
	if err != nil {
		return to, err
	}
	for d.more() {
		kind := keyKind(d.byte())
		if d.err == nil && kind != bandKey && kind != exactKey {
			d.fail(fmt.Errorf("%w: keys of kind %d", doc.ErrCorrupt, kind))
		}
		if p := d.uint(); p != uint64(partition) {
			d.skip(d.uint())
			continue
		}
		size := d.uint()
		read, err := r.Seek(0, io.SeekCurrent)
		if err != nil {
			return to, err
		}
		b := packedKeys{shard: shard, kind: kind, at: read - int64(d.to-d.at), size: int(size)}
		if d.err == nil && size <= uint64(hold) {
			b.packed = d.longBytes([]byte{}, size)
			hold -= int64(size)
		} else {
			d.skip(size)
		}
		to = append(to, b)
	}
	return to, d.err
}

// each calls fn for the keys of a block; length is that of an exact key.
func (k *packedKeys) each(fn func(key uint64, ordinal uint32, length uint64)) error {
	for b := k.packed; len(b) > 0; {
		if len(b) < 8 {
			return fmt.Errorf("%w: ends inside a key", doc.ErrCorrupt)
		}
		key := binary.LittleEndian.Uint64(b)
		if len(b) >= 12 {
			// Most lines have numbers of three bytes.
			if w := binary.LittleEndian.Uint32(b[8:]); w&0x808080 == 0x8080 && k.kind == bandKey {
				fn(key, w&0x7f|w>>1&0x3f80|w>>2&0x1fc000, 0)
				b = b[11:]
				continue
			}
		}
		ordinal, n := binary.Uvarint(b[8:])
		if n <= 0 {
			return fmt.Errorf("%w: ends inside a key", doc.ErrCorrupt)
		}
		if ordinal > math.MaxUint32 {
			return fmt.Errorf("%w: a key of line %d", doc.ErrCorrupt, ordinal)
		}
		b = b[8+n:]
		var length uint64
		if k.kind == exactKey {
			if length, n = binary.Uvarint(b); n <= 0 {
				return fmt.Errorf("%w: ends inside a key", doc.ErrCorrupt)
			}
			b = b[n:]
		}
		fn(key, uint32(ordinal), length)
	}
	return nil
}
