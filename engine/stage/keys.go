package stage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"

	"github.com/tallystick/tallystick/engine/bands"
	"github.com/tallystick/tallystick/engine/doc"
)

// keyKind tells the two joins of match apart.
type keyKind byte

const (
	bandKey  keyKind = 'b'
	exactKey keyKind = 'x'
)

// keyWriter writes the join keys of one shard as blocks of one partition and
// kind each: memory stays at a block per partition however long the shard is.
// Each block has a head (kind, partition, size), for those who read the file
// from its front; a directory at the end repeats the heads, so that a match
// task reads only what is its own.
type keyWriter struct {
	e            *encoder
	directory    []byte
	size         uint64        // of the file up to the directory, bytes
	bands, exact [][]byte      // by partition
	tables       *bands.Writer // the same as Parquet, or nil
}

const keyBlock = 1 << 16 // bytes

// keyDirectory stands where another block would have its kind. After the
// directory come its offset and the magic line again.
const keyDirectory = 'd'

// newKeyWriter writes to what others may write to as well.
func newKeyWriter(e *encoder, partitions int) *keyWriter {
	return &keyWriter{e: e, size: uint64(len(magicKeys)), bands: make([][]byte, partitions), exact: make([][]byte, partitions)}
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
	known := len(k.directory)
	k.directory = append(k.directory, byte(kind))
	k.directory = binary.AppendUvarint(k.directory, uint64(p))
	k.directory = binary.AppendUvarint(k.directory, uint64(len(blocks[p])))
	k.size += uint64(len(k.directory) - known + len(blocks[p]))
	k.e.byte(byte(kind))
	k.e.uint(uint64(p))
	k.e.bytes(blocks[p])
	blocks[p] = blocks[p][:0]
}

// flush ends a key file.
func (k *keyWriter) flush() error {
	k.putAll()
	k.e.byte(keyDirectory)
	k.e.bytes(k.directory)
	k.e.fixed64(k.size)
	k.e.buf = append(k.e.buf, magicKeys...)
	if k.tables != nil {
		if err := k.tables.Close(); err != nil {
			return fmt.Errorf("write keys: %w", err)
		}
	}
	return k.e.flush()
}

// putAll writes what has not filled a block.
func (k *keyWriter) putAll() {
	for p := range k.bands { // both of a partition side by side: one range to read
		k.put(exactKey, p)
		k.put(bandKey, p)
	}
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

// blockFile is an open file of known size.
type blockFile interface {
	io.ReaderAt
	Size() int64
}

// keyTail is how much of a key file's end is read at first, in bytes: more than
// most directories take.
const keyTail = 8 << 10

// readPacked appends the blocks of one partition in a shard's key file, with as many
// of their keys as take at most hold bytes. It reads nothing but the directory and
// those.
func readPacked(f blockFile, shard uint32, partition int, hold int64, to []packedKeys) ([]packedKeys, error) {
	directory, end, err := readDirectory(f)
	if err != nil {
		return to, err
	}
	d := &decoder{src: bytes.NewReader(directory), buf: make([]byte, min(len(directory)+binary.MaxVarintLen64, codecBuffer))}
	known := len(to)
	at := uint64(len(magicKeys))
	for d.more() {
		kind, p, size := keyKind(d.byte()), d.uint(), d.uint()
		at += uint64(1 + uvarintLen(p) + uvarintLen(size))
		switch {
		case d.err != nil:
		case kind != bandKey && kind != exactKey:
			d.fail(fmt.Errorf("%w: keys of kind %d", doc.ErrCorrupt, kind))
		case size > maxString || at+size > uint64(end):
			d.fail(fmt.Errorf("%w: a block of %d bytes at %d", doc.ErrCorrupt, size, at))
		case p == uint64(partition):
			to = append(to, packedKeys{shard: shard, kind: kind, at: int64(at), size: int(size)})
		}
		at += size
	}
	if d.err == nil && at != uint64(end) {
		d.fail(fmt.Errorf("%w: blocks of %d bytes in %d", doc.ErrCorrupt, at, end))
	}
	if d.err != nil {
		return to[:known], d.err
	}
	return to, holdBlocks(f, to[known:], hold)
}

// readDirectory returns the directory of a key file, and where its blocks end.
func readDirectory(f blockFile) (directory []byte, end int64, err error) {
	const trailer = 8 + len(magicKeys)
	size := f.Size()
	tail := make([]byte, min(size, keyTail))
	if err := readFullAt(f, tail, size-int64(len(tail))); err != nil {
		return nil, 0, err
	}
	if size < int64(len(magicKeys)+trailer) || string(tail[len(tail)-len(magicKeys):]) != magicKeys {
		return nil, 0, fmt.Errorf("%w: does not end with %q", doc.ErrCorrupt, magicKeys[:len(magicKeys)-1])
	}
	at := binary.LittleEndian.Uint64(tail[len(tail)-trailer:])
	if at < uint64(len(magicKeys)) || at > uint64(size)-uint64(trailer) || uint64(size)-at > maxString {
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
	d := &decoder{src: bytes.NewReader(tail[:len(tail)-trailer]), buf: make([]byte, binary.MaxVarintLen64)}
	if kind := d.byte(); d.err == nil && kind != keyDirectory {
		d.fail(fmt.Errorf("%w: no directory at %d", doc.ErrCorrupt, at))
	}
	directory = d.bytes(nil)
	if d.err == nil && d.more() {
		d.fail(fmt.Errorf("%w: more than a directory at %d", doc.ErrCorrupt, at))
	}
	return directory, end, d.err
}

func uvarintLen(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// holdBlocks reads the blocks that hold bytes have room for, those that lie side by
// side at once.
func holdBlocks(f blockFile, blocks []packedKeys, hold int64) error {
	const near = 16 // the head of a block is shorter
	for len(blocks) > 0 {
		n, end := 0, blocks[0].at
		for n < len(blocks) && int64(blocks[n].size) <= hold && blocks[n].at-end < near {
			hold -= int64(blocks[n].size)
			end = blocks[n].at + int64(blocks[n].size)
			n++
		}
		if n == 0 {
			blocks = blocks[1:]
			continue
		}
		from := blocks[0].at
		all := make([]byte, end-from)
		if err := readFullAt(f, all, from); err != nil {
			return err
		}
		for i := range blocks[:n] {
			b := &blocks[i]
			b.packed = all[b.at-from:][:b.size:b.size]
		}
		blocks = blocks[n:]
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
