package wary

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/RoaringBitmap/roaring/v2"
)

// Index returns the ordinals of the documents that an index file has as
// kept, and its digest: those with a record and without a decision.
func Index(file io.Reader, sources bool) (kept *roaring.Bitmap, digest string, err error) {
	sum := sha256.New()
	in := indexReader{r: bufio.NewReader(io.TeeReader(file, sum))}
	const magic = "tallystick index 1\n"
	if head := in.take(uint64(len(magic))); in.err != nil || string(head) != magic {
		return nil, "", fmt.Errorf("is not %q", magic[:len(magic)-1])
	}
	kept = roaring.New()
	dropped := roaring.New()
	for {
		tag, err := in.r.ReadByte()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, "", err
		}
		switch tag {
		case 'd':
			kept.Add(in.document(sources))
		case 'v':
			dropped.Add(in.decision())
		case 'b', 'x': // keys: partition, block
			in.number()
			in.text()
		default:
			return nil, "", fmt.Errorf("a record of kind %q", tag)
		}
		if in.err != nil {
			return nil, "", in.err
		}
	}
	kept.AndNot(dropped)
	return kept, hex.EncodeToString(sum.Sum(nil)), nil
}

// indexReader reads the parts of records; after an error it reads zeros.
type indexReader struct {
	r   *bufio.Reader
	err error
}

func (in *indexReader) number() uint64 {
	if in.err != nil {
		return 0
	}
	var n uint64
	n, in.err = binary.ReadUvarint(in.r)
	return n
}

func (in *indexReader) ordinal() uint32 {
	n := in.number()
	if n > 1<<32-1 && in.err == nil {
		in.err = fmt.Errorf("line %d of a shard", n)
	}
	return uint32(n)
}

// take reads n bytes and gives back the first few.
func (in *indexReader) take(n uint64) []byte {
	if in.err != nil {
		return nil
	}
	head, err := in.r.Peek(int(min(n, 64)))
	head = append([]byte(nil), head...)
	if err == nil && n > 1<<62 {
		err = fmt.Errorf("a text of %d bytes", n)
	}
	if err == nil {
		_, err = io.CopyN(io.Discard, in.r, int64(n))
	}
	in.err = err
	return head
}

func (in *indexReader) text() []byte { return in.take(in.number()) }

// document reads ordinal, offset, reason, contributor, bytes, tokens, hash,
// created, id and source, and returns the first.
func (in *indexReader) document(sources bool) uint32 {
	ordinal := in.ordinal()
	in.number()
	if reason := in.text(); in.err == nil && len(reason) > 0 {
		in.err = fmt.Errorf("line %d of the shard is rejected: %s", ordinal, reason)
	}
	in.text()
	in.number()
	in.number()
	in.take(8)
	switch dated := in.take(1); {
	case in.err != nil:
	case dated[0] == 1:
		in.number()
		in.number()
	case dated[0] != 0:
		in.err = fmt.Errorf("line %d of the shard: %d for whether it has a date", ordinal, dated[0])
	}
	in.text()
	if sources {
		in.text()
	}
	return ordinal
}

// decision reads ordinal, class, place, line, id and contributor of the
// witness, overlap, union and shared buckets, and returns the first.
func (in *indexReader) decision() uint32 {
	ordinal := in.ordinal()
	in.take(1)
	for range 3 {
		in.number()
	}
	in.text()
	in.text()
	for range 3 {
		in.number()
	}
	return ordinal
}
