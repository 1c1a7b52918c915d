package stage

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/tally"
)

// The files between stages are private to one run and one version: a magic
// line, then records of varints, little-endian hashes and length-prefixed
// strings. How many tokenizers counted, and whether documents have sources, is the plan's to say. Every read is bounded, so a damaged file is an error, not a panic.
const (
	magicDocs      = "tallystick docs 1\n"
	magicKeys      = "tallystick keys 2\n"
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
