package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
)

// The first lines of files.
const (
	// MagicDocs begins what scan learns of the lines of a shard: SizedDocument.
	MagicDocs      = "tallystick docs 2\n"
	MagicKeys      = "tallystick keys 3\n"
	MagicGroups    = "tallystick groups 1\n"
	MagicDecisions = "tallystick decisions 1\n"
	// MagicOwners begins the contributors of the groups that have several: by the place
	// of the kept document, those beside its own.
	MagicOwners = "tallystick owners 1\n"
	// What a task of decide leaves: decisions and owners of all shards in one file,
	// each after the number of its shard; who stands for whom; the shingle sets of a sweepable
	// run, each after its place; evidence; and what an audit finds among its own.
	MagicDecided     = "tallystick decided 1\n"
	MagicOwnersOfAll = "tallystick owners of all shards 1\n"
	MagicCopies      = "tallystick copies 2\n"
	MagicSets        = "tallystick sets of a task 1\n"
	MagicEvidence    = "tallystick evidence 1\n"
	MagicFindings    = "tallystick findings 1\n"
)

// Document is what scan learns of one line. Its strings are reused by the decoder.
type Document struct {
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

// SetTokens sets the tokens by tokenizer i, after those by the ones before.
func (r *Document) SetTokens(i, tokens int) {
	if i == 0 {
		r.Tokens = uint64(tokens)
	} else {
		r.Further = append(r.Further, uint64(tokens))
	}
}

// Document writes what scan learned of one line.
func (e *Encoder) Document(r *Document) {
	e.Uint(uint64(r.Ordinal))
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
	if e.Sources {
		b = binary.AppendUvarint(b, uint64(len(r.Source)))
		b = append(b, r.Source...)
	}
	e.buf = b
}

// SizedDocument is Document after its size in bytes, so that who wants few of a file
// need not read the others.
func (e *Encoder) SizedDocument(r *Document) {
	if len(e.buf) >= codecBuffer { // not between size and record
		e.flush()
	}
	at := len(e.buf)
	e.buf = append(e.buf, 0)
	e.Document(r)
	size := len(e.buf) - at - 1
	if size < 1<<7 {
		e.buf[at] = byte(size)
		return
	}
	var b [binary.MaxVarintLen64]byte
	e.buf = slices.Replace(e.buf, at, at+1, b[:binary.PutUvarint(b[:], uint64(size))]...)
}

// SizedDocument reads a record into r, whose memory it reuses.
func (d *Decoder) SizedDocument(r *Document) {
	end := d.sizedEnd()
	d.Document(r)
	d.endsAt(end)
}

// sizedEnd reads the size of a record and returns where it ends.
func (d *Decoder) sizedEnd() int64 {
	size := int64(d.Below(maxRecord))
	return d.place() + size
}

// SizedDocumentOf reads the next record into r if its line is wanted, and tells
// whether it is.
func (d *Decoder) SizedDocumentOf(r *Document, wanted func(ordinal uint32) bool) bool {
	end := d.sizedEnd()
	ordinal := d.Uint32()
	if !wanted(ordinal) {
		d.skipTo(end)
		return false
	}
	r.Ordinal = ordinal
	d.document(r)
	d.endsAt(end)
	return true
}

// Document reads a record into r, whose memory it reuses.
func (d *Decoder) Document(r *Document) {
	r.Ordinal = d.Uint32()
	d.document(r)
}

// document is Document behind the ordinal.
func (d *Decoder) document(r *Document) {
	// Field by field: to clear the record would cost as much as to read one.
	r.Column, r.Bytes, r.Tokens, r.Hash, r.Created = 0, 0, 0, 0, doc.Instant{}
	r.ID, r.Source, r.Further = r.ID[:0], r.Source[:0], r.Further[:0]
	r.Offset = d.Size()
	r.Reason = doc.Reason(d.Str())
	r.Contributor = d.Bytes(r.Contributor)
	if r.Reason != doc.OK {
		r.Column = int(d.Size())
		return
	}
	r.Bytes = d.Uint()
	r.Tokens = d.Uint()
	for range d.Further {
		r.Further = append(r.Further, d.Uint())
	}
	r.Hash = d.Fixed64()
	switch dated := d.Byte(); dated {
	case 0:
	case 1:
		r.Created = doc.Instant{Sec: d.Int(), Nsec: int32(d.Below(1e9)), Set: true}
	default:
		d.Fail(fmt.Errorf("%w: %d for whether there is a date", doc.ErrCorrupt, dated))
	}
	r.ID = d.Bytes(r.ID)
	if d.Sources {
		r.Source = d.Bytes(r.Source)
	}
}

// Decision is what resolve decides of one dropped line. The witness is
// spelt out, so that tally needs no other shard.
type Decision struct {
	Ordinal        uint32
	Class          doc.Class
	Witness        doc.Place
	WitnessLine    int64 // one-based, in its file
	WitnessID      string
	WitnessContrib string
	Overlap, Union int // shingles; 0 for an exact duplicate
	Shared         int // buckets
}

// Decision writes what was decided of one line.
func (e *Encoder) Decision(r *Decision) {
	e.Uint(uint64(r.Ordinal))
	e.Byte(byte(r.Class))
	e.Place(r.Witness)
	e.Uint(uint64(r.WitnessLine))
	e.Str(r.WitnessID)
	e.Str(r.WitnessContrib)
	e.Uint(uint64(r.Overlap))
	e.Uint(uint64(r.Union))
	e.Uint(uint64(r.Shared))
}

// Decision reads a record.
func (d *Decoder) Decision(r *Decision) {
	r.Ordinal = d.Uint32()
	r.Class = doc.Class(d.Byte())
	if d.Err == nil && r.Class != doc.ExactDup && r.Class != doc.NearDup {
		d.Fail(fmt.Errorf("%w: a decision of class %d", doc.ErrCorrupt, r.Class))
	}
	r.Witness = d.Place()
	r.WitnessLine = d.Size()
	r.WitnessID = d.Str()
	r.WitnessContrib = d.Str()
	r.Overlap, r.Union = int(d.Uint32()), int(d.Uint32())
	if d.Err == nil && (r.Overlap > r.Union || r.Union == 0 && r.Class == doc.NearDup) {
		d.Fail(fmt.Errorf("%w: a Jaccard of %d/%d", doc.ErrCorrupt, r.Overlap, r.Union))
	}
	r.Shared = int(d.Below(math.MaxInt32 + 1))
}
