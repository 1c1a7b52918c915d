package stage

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/tallystick/tallystick/engine/bands"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/neardup"
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

// maxString bounds the identifiers of a record; a line, and so every string
// in it, may be long, but never longer than this.
const maxString = 1 << 31

type encoder struct {
	w   *bufio.Writer
	buf [binary.MaxVarintLen64]byte

	sources bool // documents have sources
}

func newEncoder(w io.Writer, magic string) (*encoder, error) {
	e := &encoder{w: bufio.NewWriterSize(w, 1<<18)}
	_, err := e.w.WriteString(magic)
	return e, err
}

// The bufio.Writer keeps the first error, so only flush reports it.
func (e *encoder) uint(v uint64)   { e.w.Write(e.buf[:binary.PutUvarint(e.buf[:], v)]) }
func (e *encoder) int(v int64)     { e.w.Write(e.buf[:binary.PutVarint(e.buf[:], v)]) }
func (e *encoder) byte(b byte)     { e.w.WriteByte(b) }
func (e *encoder) bytes(b []byte)  { e.uint(uint64(len(b))); e.w.Write(b) }
func (e *encoder) string(s string) { e.uint(uint64(len(s))); e.w.WriteString(s) }
func (e *encoder) fixed64(v uint64) {
	binary.LittleEndian.PutUint64(e.buf[:8], v)
	e.w.Write(e.buf[:8])
}
func (e *encoder) place(p doc.Place) { e.uint(uint64(p.Shard)); e.uint(uint64(p.Ordinal)) }
func (e *encoder) flush() error      { return e.w.Flush() }

type decoder struct {
	r   *bufio.Reader
	src io.Reader
	err error
	buf [8]byte

	further int  // tokenizers of the plan beyond the main one
	sources bool // documents have sources
}

func newDecoder(r io.Reader, magic string) (*decoder, error) {
	return newDecoderSize(r, magic, 1<<18)
}

func newDecoderSize(r io.Reader, magic string, buffer int) (*decoder, error) {
	d := &decoder{r: bufio.NewReaderSize(r, buffer), src: r}
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(d.r, head); err != nil || string(head) != magic {
		return nil, fmt.Errorf("%w: not %q", doc.ErrCorrupt, magic[:len(magic)-1])
	}
	return d, nil
}

// more reports whether another record starts here; a clean end of file leaves
// err nil.
func (d *decoder) more() bool {
	if d.err != nil {
		return false
	}
	_, err := d.r.Peek(1)
	if err != nil && !errors.Is(err, io.EOF) {
		d.err = err
	}
	return err == nil
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("%w: ends inside a record", doc.ErrCorrupt)
		}
		d.err = err
	}
}

func (d *decoder) uint() uint64 {
	if d.err != nil {
		return 0
	}
	b, err := d.r.Peek(binary.MaxVarintLen64)
	v, n := binary.Uvarint(b)
	if n > 0 {
		d.r.Discard(n)
		return v
	}
	if err == nil { // all the bytes that a number can have are there
		err = fmt.Errorf("%w: a number of more than 64 bits", doc.ErrCorrupt)
	}
	d.fail(err)
	return 0
}

// int undoes the zigzag of encoder.int.
func (d *decoder) int() int64 {
	v := d.uint()
	return int64(v>>1) ^ -int64(v&1)
}

// uint32 is a number that must fit.
func (d *decoder) uint32() uint32 {
	v := d.uint()
	if v > math.MaxUint32 {
		d.fail(fmt.Errorf("%w: %d where 32 bits are enough", doc.ErrCorrupt, v))
		return 0
	}
	return uint32(v)
}

func (d *decoder) byte() byte {
	if d.err != nil {
		return 0
	}
	b, err := d.r.ReadByte()
	if err != nil {
		d.fail(err)
	}
	return b
}

// bytes appends the next string to dst[:0], which is reused.
func (d *decoder) bytes(dst []byte) []byte {
	n := d.uint()
	if d.err != nil {
		return dst[:0]
	}
	if n > maxString {
		d.fail(fmt.Errorf("%w: a string of %d bytes", doc.ErrCorrupt, n))
		return dst[:0]
	}
	// Grown as bytes arrive: a damaged length must not allocate by itself.
	dst = dst[:0]
	for n > 0 {
		step := min(n, 1<<16)
		at := len(dst)
		dst = append(dst, make([]byte, step)...)
		if _, err := io.ReadFull(d.r, dst[at:]); err != nil {
			d.fail(err)
			return dst[:0]
		}
		n -= step
	}
	return dst
}

func (d *decoder) string() string { return string(d.bytes(nil)) }

func (d *decoder) fixed64() uint64 {
	if d.err != nil {
		return 0
	}
	if _, err := io.ReadFull(d.r, d.buf[:8]); err != nil {
		d.fail(err)
	}
	return binary.LittleEndian.Uint64(d.buf[:8])
}

func (d *decoder) place() doc.Place {
	return doc.Place{Shard: d.uint32(), Ordinal: d.uint32()}
}

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
	e.uint(uint64(r.Offset))
	e.string(string(r.Reason))
	e.bytes(r.Contributor)
	if r.Reason != doc.OK {
		e.uint(uint64(r.Column))
		return
	}
	e.uint(r.Bytes)
	e.uint(r.Tokens)
	for _, n := range r.Further {
		e.uint(n)
	}
	e.fixed64(r.Hash)
	if r.Created.Set {
		e.byte(1)
		e.int(r.Created.Sec)
		e.uint(uint64(r.Created.Nsec))
	} else {
		e.byte(0)
	}
	e.bytes(r.ID)
	if e.sources {
		e.bytes(r.Source)
	}
}

func (d *decoder) doc(r *docRecord) {
	*r = docRecord{Contributor: r.Contributor, ID: r.ID[:0], Source: r.Source[:0], Further: r.Further[:0]}
	r.Ordinal = d.uint32()
	r.Offset = int64(d.uint())
	r.Reason = doc.Reason(d.string())
	r.Contributor = d.bytes(r.Contributor)
	if r.Reason != doc.OK {
		r.Column = int(d.uint())
		return
	}
	r.Bytes = d.uint()
	r.Tokens = d.uint()
	for range d.further {
		r.Further = append(r.Further, d.uint())
	}
	r.Hash = d.fixed64()
	if d.byte() == 1 {
		r.Created = doc.Instant{Sec: d.int(), Nsec: int32(d.uint()), Set: true}
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
	r.WitnessLine = int64(d.uint())
	r.WitnessID = d.string()
	r.WitnessContrib = d.string()
	r.Overlap = int(d.uint())
	r.Union = int(d.uint())
	r.Shared = int(d.uint())
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

func (d *decoder) sums() tally.Row {
	r := tally.Row{Contributor: d.string()}
	for class := range r.Class {
		r.Class[class] = doc.Counts{Documents: d.uint(), Bytes: d.uint(), Tokens: d.uint()}
	}
	for range d.further {
		var tokens doc.ClassTokens
		for class := range tokens {
			tokens[class] = d.uint()
		}
		r.Further = append(r.Further, tokens)
	}
	return r
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
	e      *encoder
	blocks map[keyKind][][]byte // by kind and partition
	tables *bands.Writer        // the same as Parquet, or nil
}

const keyBlock = 1 << 16 // bytes

func newKeyWriter(w io.Writer, partitions int) (*keyWriter, error) {
	e, err := newEncoder(w, magicKeys)
	if err != nil {
		return nil, err
	}
	return newKeysOf(e, partitions), nil
}

// newKeysOf writes to what others write to as well.
func newKeysOf(e *encoder, partitions int) *keyWriter {
	return &keyWriter{e: e, blocks: map[keyKind][][]byte{
		bandKey: make([][]byte, partitions), exactKey: make([][]byte, partitions),
	}}
}

func (k *keyWriter) add(kind keyKind, key uint64, rest ...uint64) {
	if k.tables != nil && kind == bandKey {
		k.tables.Band(key, uint32(rest[0]))
	}
	blocks := k.blocks[kind]
	p := partitionOf(key, len(blocks))
	b := binary.LittleEndian.AppendUint64(blocks[p], key)
	for _, v := range rest {
		b = binary.AppendUvarint(b, v)
	}
	blocks[p] = b
	if len(b) >= keyBlock {
		k.put(kind, p)
	}
}

func (k *keyWriter) put(kind keyKind, p int) {
	b := k.blocks[kind][p]
	if len(b) == 0 {
		return
	}
	k.e.byte(byte(kind))
	k.e.uint(uint64(p))
	k.e.bytes(b)
	k.blocks[kind][p] = b[:0]
}

func (k *keyWriter) flush() error {
	for _, kind := range []keyKind{exactKey, bandKey} {
		for p := range k.blocks[kind] {
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

// readKeys appends to the two joins every key of the partition that a shard's
// key file holds.
func readKeys(r io.ReadSeeker, shard uint32, partition int, bands []neardup.BandRecord, exact []neardup.ExactRecord) ([]neardup.BandRecord, []neardup.ExactRecord, error) {
	// Blocks of other partitions are seeked over: a large buffer would read
	// them after all.
	d, err := newDecoderSize(r, magicKeys, 1<<12)
	if err != nil {
		return bands, exact, err
	}
	var block []byte
	for d.more() {
		kind := keyKind(d.byte())
		if d.err == nil && kind != bandKey && kind != exactKey {
			d.fail(fmt.Errorf("%w: keys of kind %d", doc.ErrCorrupt, kind))
		}
		if p := d.uint(); p != uint64(partition) {
			d.skip(d.uint())
			continue
		}
		block = d.bytes(block)
		d.eachKey(kind, block, func(key uint64, ordinal uint32, length uint64) {
			at := doc.Place{Shard: shard, Ordinal: ordinal}
			if kind == bandKey {
				bands = append(bands, neardup.BandRecord{Key: key, Doc: at})
			} else {
				exact = append(exact, neardup.ExactRecord{Hash: key, Length: length, Doc: at})
			}
		})
	}
	return bands, exact, d.err
}

// eachKey calls fn for the keys of a block; length is that of an exact key.
func (d *decoder) eachKey(kind keyKind, block []byte, fn func(key uint64, ordinal uint32, length uint64)) {
	for b := block; d.err == nil && len(b) > 0; {
		if len(b) < 8 {
			d.fail(io.ErrUnexpectedEOF)
			return
		}
		key := binary.LittleEndian.Uint64(b)
		b = b[8:]
		ordinal, n := binary.Uvarint(b)
		if n <= 0 {
			d.fail(io.ErrUnexpectedEOF)
			return
		}
		b = b[n:]
		if ordinal > math.MaxUint32 {
			d.fail(fmt.Errorf("%w: a key of line %d", doc.ErrCorrupt, ordinal))
			return
		}
		var length uint64
		if kind == exactKey {
			if length, n = binary.Uvarint(b); n <= 0 {
				d.fail(io.ErrUnexpectedEOF)
				return
			}
			b = b[n:]
		}
		fn(key, uint32(ordinal), length)
	}
}

// skip passes over n bytes, which must be there: it reads the last of them.
func (d *decoder) skip(n uint64) {
	if d.err != nil || n == 0 {
		return
	}
	if n > maxString {
		d.fail(fmt.Errorf("%w: a block of %d bytes", doc.ErrCorrupt, n))
		return
	}
	n--
	buffered := min(n, uint64(d.r.Buffered()))
	d.r.Discard(int(buffered))
	if n -= buffered; n > 0 {
		if _, err := d.src.(io.Seeker).Seek(int64(n), io.SeekCurrent); err != nil {
			d.fail(err)
			return
		}
		d.r.Reset(d.src)
	}
	d.byte()
}
