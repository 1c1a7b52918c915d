package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"sync"

	"github.com/cespare/xxhash/v2"

	"github.com/tallystick/tallystick/engine/bands"
	"github.com/tallystick/tallystick/engine/doc"
)

// KeyKind tells the two joins of match apart.
type KeyKind byte

// The kinds.
const (
	BandKey  KeyKind = 'b'
	ExactKey KeyKind = 'x'
)

// KeyWriter writes the join keys of one shard as blocks of one partition and
// kind each: memory stays at a block per partition however long the shard is.
// Each block has a head (kind, partition, size), for those who read the file
// from its front; a directory at the end repeats the heads, each with the XXH64 of
// its block, so that a match task reads only what is its own, and sees damage in it.
type KeyWriter struct {
	e            *Encoder
	shard        uint32
	directory    []byte
	size         uint64        // of the file up to the directory, bytes
	bands, exact [][]byte      // by partition
	Tables       *bands.Writer // where the same go as Parquet; may be nil
}

// KeyBlock is the size of a full block, bytes.
const KeyBlock = 1 << 16

// KeyDirectory stands where another block would have its kind. After the
// directory come its offset, its XXH64, whose seed is the shard, and the magic line again.
const KeyDirectory = 'd'

// NewKeyWriter writes the keys of a shard to what others may write to as well.
func NewKeyWriter(e *Encoder, shard uint32, partitions int) *KeyWriter {
	k := &KeyWriter{e: e, shard: shard, size: uint64(len(MagicKeys)), bands: make([][]byte, partitions), exact: make([][]byte, partitions)}
	for _, blocks := range [][][]byte{k.bands, k.exact} {
		for p := range blocks { // without one it grows: small runs have few keys
			if b, ok := releasedBlocks.Get().(*[]byte); ok {
				blocks[p] = (*b)[:0]
			}
		}
	}
	return k
}

// releasedBlocks are memory of blocks, touched already, that key writers left.
var releasedBlocks sync.Pool // of *[]byte

// leastReleased is the least block worth to be left to another, bytes.
const leastReleased = KeyBlock / 4

// Band adds a band key of a document.
func (k *KeyWriter) Band(key uint64, ordinal uint32) {
	if k.Tables != nil {
		k.Tables.Band(key, ordinal)
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
	if k.bands[p] = b; len(b) >= KeyBlock {
		k.put(BandKey, p)
	}
}

// Exact adds the exact key of a document of so many bytes of text.
func (k *KeyWriter) Exact(key uint64, ordinal uint32, length uint64) {
	p := partitionOf(key, len(k.exact))
	b := binary.LittleEndian.AppendUint64(k.exact[p], key)
	b = binary.AppendUvarint(b, uint64(ordinal))
	k.exact[p] = binary.AppendUvarint(b, length)
	if len(k.exact[p]) >= KeyBlock {
		k.put(ExactKey, p)
	}
}

func (k *KeyWriter) put(kind KeyKind, p int) {
	blocks := k.exact
	if kind == BandKey {
		blocks = k.bands
	}
	if len(blocks[p]) == 0 {
		return
	}
	known := len(k.directory)
	k.directory = append(k.directory, byte(kind))
	k.directory = binary.AppendUvarint(k.directory, uint64(p))
	k.directory = binary.AppendUvarint(k.directory, uint64(len(blocks[p])))
	k.size += uint64(len(k.directory) - known + len(blocks[p]))
	k.directory = binary.LittleEndian.AppendUint64(k.directory, xxhash.Sum64(blocks[p]))
	k.e.Byte(byte(kind))
	k.e.Uint(uint64(p))
	k.e.Bytes(blocks[p])
	blocks[p] = blocks[p][:0]
}

// Flush ends a key file.
func (k *KeyWriter) Flush() error {
	k.PutAll()
	for _, blocks := range [][][]byte{k.bands, k.exact} {
		for p, b := range blocks {
			if cap(b) >= leastReleased {
				releasedBlocks.Put(&b)
			}
			blocks[p] = nil
		}
	}
	k.e.Byte(KeyDirectory)
	k.e.Bytes(k.directory)
	k.e.Fixed64(k.size)
	k.e.Fixed64(sumDirectory(k.directory, k.shard))
	k.e.buf = append(k.e.buf, MagicKeys...)
	if k.Tables != nil {
		if err := k.Tables.Close(); err != nil {
			return fmt.Errorf("write keys: %w", err)
		}
	}
	return k.e.Flush()
}

// PutAll writes what has not filled a block.
func (k *KeyWriter) PutAll() {
	for p := range k.bands { // both of a partition side by side: one range to read
		k.put(ExactKey, p)
		k.put(BandKey, p)
	}
}

// partitionOf maps a key to one of n partitions by its high bits.
func partitionOf(key uint64, n int) int {
	return int((key >> 32) * uint64(n) >> 32)
}

// KeysOf is the range of the keys that partitionOf maps to partition p of n.
func KeysOf(p, n int) bands.Range {
	first := func(p int) uint64 { // high half of the least key of p
		return (uint64(p)<<32 + uint64(n) - 1) / uint64(n)
	}
	last := uint64(math.MaxUint64)
	if p+1 < n {
		last = first(p+1)<<32 - 1
	}
	return bands.Range{First: first(p) << 32, Last: last}
}

// PackedKeys are those of one block of a shard's key file.
type PackedKeys struct {
	Shard  uint32
	Kind   KeyKind
	At     int64  // in the file
	Size   int    // bytes
	Sum    uint64 // XXH64 of them
	Packed []byte // nil where they are not held in memory
}

// BlockFile is an open file of known size.
type BlockFile interface {
	io.ReaderAt
	Size() int64
}

// keyTail is how much of a key file's end is read at first, in bytes: more than
// most directories take.
const keyTail = 8 << 10

// ReadPacked appends the blocks of one partition in a shard's key file, with as many
// of their keys as take at most hold bytes. It reads nothing but the directory and
// those.
func ReadPacked(f BlockFile, shard uint32, partition int, hold int64, to []PackedKeys) ([]PackedKeys, error) {
	directory, end, err := readDirectory(f, shard)
	if err != nil {
		return to, err
	}
	d := &Decoder{src: bytes.NewReader(directory), buf: make([]byte, min(len(directory)+binary.MaxVarintLen64, codecBuffer))}
	known := len(to)
	at := uint64(len(MagicKeys))
	for d.More() {
		kind, p, size := KeyKind(d.Byte()), d.Uint(), d.Uint()
		sum := d.Fixed64()
		at += uint64(1 + uvarintLen(p) + uvarintLen(size))
		switch {
		case d.Err != nil:
		case kind != BandKey && kind != ExactKey:
			d.Fail(fmt.Errorf("%w: keys of kind %d", doc.ErrCorrupt, kind))
		case size > maxString || at+size > uint64(end):
			d.Fail(fmt.Errorf("%w: a block of %d bytes at %d", doc.ErrCorrupt, size, at))
		case p == uint64(partition):
			to = append(to, PackedKeys{Shard: shard, Kind: kind, At: int64(at), Size: int(size), Sum: sum})
		}
		at += size
	}
	if d.Err == nil && at != uint64(end) {
		d.Fail(fmt.Errorf("%w: blocks of %d bytes in %d", doc.ErrCorrupt, at, end))
	}
	if d.Err != nil {
		return to[:known], d.Err
	}
	return to, holdBlocks(f, to[known:], hold)
}

// sumDirectory is the checksum of a directory. Who reads it reads no other file as that of
// the shard, whole as that one may be.
func sumDirectory(directory []byte, shard uint32) uint64 {
	sum := xxhash.NewWithSeed(uint64(shard))
	sum.Write(directory)
	return sum.Sum64()
}

// readDirectory returns the directory of a shard's key file, and where its blocks end.
func readDirectory(f BlockFile, shard uint32) (directory []byte, end int64, err error) {
	const trailer = 8 + 8 + len(MagicKeys)
	size := f.Size()
	tail := make([]byte, min(size, keyTail))
	if err := readFullAt(f, tail, size-int64(len(tail))); err != nil {
		return nil, 0, err
	}
	if size < int64(len(MagicKeys)+trailer) || string(tail[len(tail)-len(MagicKeys):]) != MagicKeys {
		return nil, 0, fmt.Errorf("%w: does not end with %q", doc.ErrCorrupt, MagicKeys[:len(MagicKeys)-1])
	}
	at, sum := binary.LittleEndian.Uint64(tail[len(tail)-trailer:]), binary.LittleEndian.Uint64(tail[len(tail)-trailer+8:])
	if at < uint64(len(MagicKeys)) || at > uint64(size)-uint64(trailer) || uint64(size)-at > maxString {
		return nil, 0, fmt.Errorf("%w: a directory at %d of %d bytes", doc.ErrCorrupt, at, size)
	}
	end = int64(at)
	if before := size - int64(len(tail)) - end; before > 0 {
		front := make([]byte, before)
		if err := readFullAt(f, front, end); err != nil {
			return nil, 0, err
		}
		tail = append(front, tail...)
	} else {
		tail = tail[-before:]
	}
	d := &Decoder{src: bytes.NewReader(tail[:len(tail)-trailer]), buf: make([]byte, binary.MaxVarintLen64)}
	if kind := d.Byte(); d.Err == nil && kind != KeyDirectory {
		d.Fail(fmt.Errorf("%w: no directory at %d", doc.ErrCorrupt, at))
	}
	directory = d.Bytes(nil)
	if d.Err == nil && (d.More() || sumDirectory(directory, shard) != sum) {
		d.Fail(fmt.Errorf("%w: not the directory that was written at %d for shard %d", doc.ErrCorrupt, at, shard))
	}
	return directory, end, d.Err
}

func uvarintLen(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// holdBlocks reads the blocks that hold bytes have room for, those that lie side by
// side at once.
func holdBlocks(f BlockFile, blocks []PackedKeys, hold int64) error {
	const near = 16 // the head of a block is shorter
	for len(blocks) > 0 {
		n, end := 0, blocks[0].At
		for n < len(blocks) && int64(blocks[n].Size) <= hold && blocks[n].At-end < near {
			hold -= int64(blocks[n].Size)
			end = blocks[n].At + int64(blocks[n].Size)
			n++
		}
		if n == 0 {
			blocks = blocks[1:]
			continue
		}
		from := blocks[0].At
		all := make([]byte, end-from)
		if err := readFullAt(f, all, from); err != nil {
			return err
		}
		for i := range blocks[:n] {
			b := &blocks[i]
			b.Packed = all[b.At-from:][:b.Size:b.Size]
			if err := b.check(); err != nil {
				return err
			}
		}
		blocks = blocks[n:]
	}
	return nil
}

// Load reads a block that is not held to buf, which it returns, grown if need be.
func (k *PackedKeys) Load(f io.ReaderAt, buf []byte) ([]byte, error) {
	buf = slices.Grow(buf[:0], k.Size)[:k.Size]
	if err := readFullAt(f, buf, k.At); err != nil {
		return buf, err
	}
	k.Packed = buf
	return buf, k.check()
}

// check compares the keys with their sum.
func (k *PackedKeys) check() error {
	if xxhash.Sum64(k.Packed) != k.Sum {
		return fmt.Errorf("%w: not the keys that were written at %d", doc.ErrCorrupt, k.At)
	}
	return nil
}

// readFullAt is io.ReadFull for a place in a file.
func readFullAt(f io.ReaderAt, b []byte, at int64) error {
	n, err := f.ReadAt(b, at)
	switch {
	case n == len(b):
		return nil
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w: ends at %d", doc.ErrCorrupt, at+int64(n))
	}
	return err
}

// Each calls fn for the keys of a block; length is that of an exact key.
func (k *PackedKeys) Each(fn func(key uint64, ordinal uint32, length uint64)) error {
	for b := k.Packed; len(b) > 0; {
		if len(b) < 8 {
			return fmt.Errorf("%w: ends inside a key", doc.ErrCorrupt)
		}
		key := binary.LittleEndian.Uint64(b)
		if len(b) >= 12 {
			// Most lines have numbers of three bytes.
			if w := binary.LittleEndian.Uint32(b[8:]); w&0x808080 == 0x8080 && k.Kind == BandKey {
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
		if k.Kind == ExactKey {
			if length, n = binary.Uvarint(b); n <= 0 {
				return fmt.Errorf("%w: ends inside a key", doc.ErrCorrupt)
			}
			b = b[n:]
		}
		fn(key, uint32(ordinal), length)
	}
	return nil
}

// Copy adds the wanted keys of a block that d has read.
func (k *KeyWriter) Copy(d *Decoder, kind KeyKind, packed []byte, wanted func(tag byte, ordinal uint32) bool) {
	if d.Err == nil && kind != BandKey && kind != ExactKey {
		d.Fail(fmt.Errorf("%w: keys of kind %d", doc.ErrCorrupt, kind))
	}
	if d.Err != nil {
		return
	}
	block := PackedKeys{Kind: kind, Packed: packed}
	err := block.Each(func(key uint64, ordinal uint32, length uint64) {
		switch {
		case !wanted(byte(kind), ordinal):
		case kind == BandKey:
			k.Band(key, ordinal)
		default:
			k.Exact(key, ordinal, length)
		}
	})
	if err != nil {
		d.Fail(err)
	}
}
