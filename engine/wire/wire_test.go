package wire

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cespare/xxhash/v2"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/neardup"
)

func drawInstant(t *rapid.T) doc.Instant {
	if !rapid.Bool().Draw(t, "dated") {
		return doc.Instant{}
	}
	return doc.Instant{
		Sec:  rapid.Int64().Draw(t, "sec"),
		Nsec: rapid.Int32Range(0, 999_999_999).Draw(t, "nsec"),
		Set:  true,
	}
}

func drawPlace(t *rapid.T) doc.Place {
	return doc.Place{Shard: rapid.Uint32().Draw(t, "shard"), Ordinal: rapid.Uint32().Draw(t, "ordinal")}
}

func drawDoc(t *rapid.T) Document {
	label := rapid.SliceOf(rapid.Byte())
	r := Document{
		Ordinal:     rapid.Uint32().Draw(t, "ordinal"),
		Offset:      rapid.Int64Range(0, math.MaxInt64).Draw(t, "offset"),
		Reason:      rapid.SampledFrom([]doc.Reason{doc.OK, doc.InvalidJSON, doc.LineTooLong}).Draw(t, "reason"),
		Contributor: label.Draw(t, "contributor"),
		ID:          []byte{},
	}
	if r.Reason != doc.OK {
		r.Column = rapid.IntRange(0, math.MaxInt).Draw(t, "column")
		return r
	}
	r.Bytes, r.Tokens = rapid.Uint64().Draw(t, "bytes"), rapid.Uint64().Draw(t, "tokens")
	r.Hash, r.Created = rapid.Uint64().Draw(t, "hash"), drawInstant(t)
	r.ID = label.Draw(t, "id")
	return r
}

func TestDocsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(rapid.Custom(drawDoc)).Draw(t, "docs")
		var file bytes.Buffer
		e := NewEncoder(&file, MagicDocs)
		for i := range want {
			e.SizedDocument(&want[i])
		}
		if err := e.Flush(); err != nil {
			t.Fatal(err)
		}
		got, err := decodeDocs(file.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatalf("documents (-want +got):\n%s", diff)
		}
	})
}

// Further tokenizers add their figures to documents, and sources theirs.
func TestFurtherTokensRoundTrip(t *testing.T) {
	var b bytes.Buffer
	e := NewEncoder(&b, MagicDocs)
	want := Document{Ordinal: 3, Tokens: 7, Further: []uint64{0, 1 << 40}, Contributor: []byte("Ann"), ID: []byte("id"), Source: []byte("wiki")}
	rejected := Document{Ordinal: 4, Reason: doc.InvalidUTF8, Contributor: []byte("Ann"), Further: []uint64{}}
	e.Sources = true
	e.SizedDocument(&want)
	e.SizedDocument(&rejected)
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	d, err := NewDecoder(&b, MagicDocs)
	if err != nil {
		t.Fatal(err)
	}
	d.Further, d.Sources = 2, true
	for _, w := range []Document{want, rejected} {
		got := Document{Further: make([]uint64, 1)}
		if d.SizedDocument(&got); d.Err != nil {
			t.Fatal(d.Err)
		}
		if diff := gocmp.Diff(w, got, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	}
	if d.More() || d.Err != nil {
		t.Errorf("more documents, or %v", d.Err)
	}
}

// Who wants some documents gets these, wherever the file is cut into buffers; a file
// that ends in one that is skipped is corrupt.
func TestSomeDocuments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOf(rapid.Custom(drawDoc)).Draw(t, "docs")
		wanted := map[uint32]bool{}
		for i := range all {
			wanted[all[i].Ordinal] = rapid.Bool().Draw(t, "wanted")
		}
		var file bytes.Buffer
		e := NewEncoder(&file, MagicDocs)
		var want []Document
		for i := range all {
			e.SizedDocument(&all[i])
			if wanted[all[i].Ordinal] {
				want = append(want, all[i])
			}
		}
		if err := e.Flush(); err != nil {
			t.Fatal(err)
		}
		read := func(b []byte) (got []Document, err error) {
			d, err := NewDecoderSize(bytes.NewReader(b), MagicDocs, rapid.IntRange(1, 200).Draw(t, "buffer"))
			for err == nil && d.More() {
				r := Document{Contributor: []byte{}, ID: []byte{}}
				if d.SizedDocumentOf(&r, func(ordinal uint32) bool { return wanted[ordinal] }) && d.Err == nil {
					got = append(got, r)
				}
				err = d.Err
			}
			return got, err
		}
		got, err := read(file.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("documents (-want +got):\n%s", diff)
		}
		if len(all) > 0 {
			if _, err := read(file.Bytes()[:file.Len()-1]); !errors.Is(err, doc.ErrCorrupt) {
				t.Fatalf("cut by a byte: %v", err)
			}
		}
	})
}

// Records of any length, wherever an encoder's buffer ends in them, are read by who
// wants all of them and by who wants some.
func TestDocumentsOfAnyLength(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var file bytes.Buffer
	var want []Document
	e := NewEncoder(&file, MagicDocs)
	for i := range uint32(4000) {
		size := 1 + random.IntN(400) // sizes of one byte and of two
		if i%500 == 0 {
			size = codecBuffer/2 + random.IntN(codecBuffer)
		}
		r := Document{Ordinal: i << random.IntN(8), Hash: random.Uint64(), Contributor: []byte("Ann"), ID: bytes.Repeat([]byte{'a' + byte(i%26)}, size)}
		e.SizedDocument(&r)
		want = append(want, r)
	}
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	got, err := decodeDocs(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%d documents are not the %d", len(got), len(want))
	}
	some, err := someDocs(file.Bytes(), func(ordinal uint32) bool { return ordinal%3 == 0 })
	if err != nil {
		t.Fatal(err)
	}
	want = slices.DeleteFunc(want, func(r Document) bool { return r.Ordinal%3 != 0 })
	if !reflect.DeepEqual(some, want) {
		t.Errorf("%d documents are not the %d that are wanted", len(some), len(want))
	}
}

// someDocs reads the records of the wanted lines.
func someDocs(file []byte, wanted func(ordinal uint32) bool) (got []Document, err error) {
	d, err := NewDecoder(bytes.NewReader(file), MagicDocs)
	for err == nil && d.More() {
		var r Document
		if d.SizedDocumentOf(&r, wanted) && d.Err == nil {
			got = append(got, r)
		}
		err = d.Err
	}
	return got, err
}

// A size that is not that of its record is corrupt, whoever reads: what is passed over
// would not be what others read.
func TestWrongSizeOfDocument(t *testing.T) {
	var file bytes.Buffer
	e := NewEncoder(&file, MagicDocs)
	for i := range uint32(3) {
		e.SizedDocument(&Document{Ordinal: i, Contributor: []byte("Ann"), ID: []byte("id")})
	}
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	all := func(uint32) bool { return true }
	for by := range byte(40) {
		b := bytes.Clone(file.Bytes())
		if b[len(MagicDocs)] += by - 20; by == 20 {
			continue
		}
		if _, err := decodeDocs(b); !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("%+d: %v", int(by)-20, err)
		}
		if _, err := someDocs(b, all); !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("%+d, asked for: %v", int(by)-20, err)
		}
	}
	b := bytes.Clone(file.Bytes())
	b[len(MagicDocs)] = 0 // no room for the number of the line
	if _, err := someDocs(b, func(uint32) bool { return false }); !errors.Is(err, doc.ErrCorrupt) {
		t.Errorf("passed over: %v", err)
	}
}

// Files that are written and read at once, in memory that others have left, hold what
// was written.
func TestMemoryHandedOn(t *testing.T) {
	var all sync.WaitGroup
	for worker := range byte(8) {
		all.Go(func() {
			for round := range byte(20) {
				var file, keys bytes.Buffer
				e, k := NewEncoder(&file, MagicDocs), NewKeyWriter(NewEncoder(&keys, MagicKeys), 0, 2)
				want := bytes.Repeat([]byte{worker, round}, 700)
				for i := range uint32(300) {
					e.SizedDocument(&Document{Ordinal: i, ID: want})
					for range 50 {
						k.Band(uint64(worker)<<40|uint64(round), i)
					}
				}
				if err := errors.Join(e.Flush(), k.Flush()); err != nil {
					t.Error(err)
				}
				d, err := NewDecoder(bytes.NewReader(file.Bytes()), MagicDocs)
				n := 0
				for r := new(Document); err == nil && d.More(); n++ {
					d.SizedDocument(r)
					if err = d.Err; err == nil && !bytes.Equal(r.ID, want) {
						t.Errorf("worker %d, round %d: record %d is another", worker, round, n)
					}
				}
				if err != nil || n != 300 {
					t.Errorf("%d records: %v", n, err)
				}
				d.Release()
				d.Release() // leaves nothing twice
				bands, _, err := readKeys(bytes.NewReader(keys.Bytes()), 0, 0, nil, nil)
				if err != nil || len(bands) != 300*50 || slices.ContainsFunc(bands, func(b neardup.BandRecord) bool { return b.Key != uint64(worker)<<40|uint64(round) }) {
					t.Errorf("worker %d, round %d: %d keys: %v", worker, round, len(bands), err)
				}
			}
		})
	}
	all.Wait()
}

// A released decoder reads nothing more, and one of a value leaves the value alone.
func TestRelease(t *testing.T) {
	value := bytes.Repeat([]byte{7}, codecBuffer)
	d := ValueOf(value)
	if d.Uint() != 7 {
		t.Error("not the value")
	}
	d.Release()
	if d.More() || d.Uint() != 0 || !errors.Is(d.Err, doc.ErrCorrupt) {
		t.Errorf("read after Release: %v", d.Err)
	}
	e := NewEncoder(io.Discard, MagicDocs)
	for range codecBuffer {
		e.Byte(1)
	}
	if i := bytes.IndexFunc(value, func(r rune) bool { return r != 7 }); i >= 0 {
		t.Errorf("byte %d of the value was overwritten", i)
	}
}

func TestDecisionsRoundTrip(t *testing.T) {
	draw := rapid.Custom(func(t *rapid.T) Decision {
		union := rapid.IntRange(1, math.MaxInt32).Draw(t, "union")
		return Decision{
			Ordinal:     rapid.Uint32().Draw(t, "ordinal"),
			Class:       rapid.SampledFrom([]doc.Class{doc.ExactDup, doc.NearDup}).Draw(t, "class"),
			Witness:     drawPlace(t),
			WitnessLine: rapid.Int64Range(1, math.MaxInt64).Draw(t, "line"),
			WitnessID:   rapid.String().Draw(t, "id"), WitnessContrib: rapid.String().Draw(t, "contributor"),
			Overlap: rapid.IntRange(0, union).Draw(t, "overlap"), Union: union, Shared: rapid.IntRange(0, math.MaxInt32).Draw(t, "shared"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(draw).Draw(t, "decisions")
		var file bytes.Buffer
		e := NewEncoder(&file, MagicDecisions)
		for i := range want {
			e.Decision(&want[i])
		}
		if err := e.Flush(); err != nil {
			t.Fatal(err)
		}
		got, err := decodeDecisions(file.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatalf("decisions (-want +got):\n%s", diff)
		}
	})
}

func decodeDocs(file []byte) ([]Document, error) {
	got := []Document{}
	d, err := NewDecoder(bytes.NewReader(file), MagicDocs)
	if err != nil {
		return nil, err
	}
	for d.More() {
		var r Document
		if d.SizedDocument(&r); d.Err == nil {
			r.Contributor, r.ID = append([]byte{}, r.Contributor...), append([]byte{}, r.ID...)
			got = append(got, r)
		}
	}
	return got, d.Err
}

func decodeDecisions(file []byte) ([]Decision, error) {
	got := []Decision{}
	d, err := NewDecoder(bytes.NewReader(file), MagicDecisions)
	if err != nil {
		return nil, err
	}
	for d.More() {
		var r Decision
		if d.Decision(&r); d.Err == nil {
			got = append(got, r)
		}
	}
	return got, d.Err
}

// keys is what a shard's key file is to hold.
type keys struct {
	bands []neardup.BandRecord
	exact []neardup.ExactRecord
}

func (k *keys) sort() {
	slices.SortFunc(k.bands, func(a, b neardup.BandRecord) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), a.Doc.Compare(b.Doc))
	})
	slices.SortFunc(k.exact, func(a, b neardup.ExactRecord) int {
		return cmp.Or(cmp.Compare(a.Hash, b.Hash), cmp.Compare(a.Length, b.Length), a.Doc.Compare(b.Doc))
	})
}

// keyFile writes the keys of documents documents with bands keys each.
func keyFile(t testing.TB, rng *rand.Rand, documents, bands, partitions int) ([]byte, keys) {
	t.Helper()
	var file bytes.Buffer
	w := NewKeyWriter(NewEncoder(&file, MagicKeys), 7, partitions)
	var all keys
	for i := range uint32(documents) {
		at := doc.Place{Shard: 7, Ordinal: i * 3}
		x := neardup.ExactRecord{Hash: rng.Uint64(), Length: rng.Uint64N(1 << 40), Doc: at}
		w.Exact(x.Hash, at.Ordinal, x.Length)
		all.exact = append(all.exact, x)
		for range bands {
			b := neardup.BandRecord{Key: rng.Uint64(), Doc: at}
			w.Band(b.Key, at.Ordinal)
			all.bands = append(all.bands, b)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	all.sort()
	return file.Bytes(), all
}

// The partitions of a key file share its keys out: each key is read by exactly
// one, whether its block is read whole or others are seeked over.
func TestKeysRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ documents, bands, partitions int }{
		{0, 0, 4}, {1, 0, 1}, {1, 16, 4}, {100, 3, 256},
		{30_000, 16, 3}, // several blocks of each kind and partition
	} {
		file, want := keyFile(t, rng, c.documents, c.bands, c.partitions)
		if c.documents == 30_000 && len(file) < 6*KeyBlock*c.partitions {
			t.Fatalf("%d bytes of keys do not fill several blocks", len(file))
		}
		var got keys
		for p := range c.partitions {
			before := len(got.bands)
			var err error
			got.bands, got.exact, err = readKeys(bytes.NewReader(file), 7, p, got.bands, got.exact)
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range got.bands[before:] {
				if partitionOf(b.Key, c.partitions) != p {
					t.Fatalf("key %#x in partition %d of %d", b.Key, p, c.partitions)
				}
			}
		}
		got.sort()
		if !slices.Equal(want.bands, got.bands) || !slices.Equal(want.exact, got.exact) {
			t.Errorf("%+v: the keys read are not the keys written", c)
		}
	}
}

func TestPartitionOf(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 255, 256} {
		if p := partitionOf(0, n); p != 0 {
			t.Errorf("key 0 of %d: partition %d", n, p)
		}
		if p := partitionOf(math.MaxUint64, n); p != n-1 {
			t.Errorf("last key of %d: partition %d", n, p)
		}
	}
}

// Every key is in the range of its partition and of no other.
func TestKeysOf(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 7, 256, 1000} {
		last := uint64(math.MaxUint64)
		for p := range n {
			r := KeysOf(p, n)
			if r.First != last+1 || partitionOf(r.First, n) != p || partitionOf(r.Last, n) != p {
				t.Fatalf("partition %d of %d: keys %x to %x", p, n, r.First, r.Last)
			}
			last = r.Last
		}
		if last != math.MaxUint64 {
			t.Errorf("%d partitions end at key %x", n, last)
		}
	}
}

// A file cut anywhere is an error or a shorter file: cut inside a record, it
// is an error.
func TestTruncated(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var docs, decisions bytes.Buffer
	docEnds, decisionEnds := map[int]bool{}, map[int]bool{}
	e := NewEncoder(&docs, MagicDocs)
	d := NewEncoder(&decisions, MagicDecisions)
	for i := range uint32(5) {
		e.Flush()
		d.Flush()
		docEnds[docs.Len()], decisionEnds[decisions.Len()] = true, true
		e.SizedDocument(&Document{Ordinal: i, Contributor: []byte("Ann"), Hash: rng.Uint64(), ID: []byte("id"), Created: doc.Instant{Sec: -5, Set: true}})
		d.Decision(&Decision{Ordinal: i, Class: doc.NearDup, WitnessID: "w", Overlap: 4, Union: 5})
	}
	for _, f := range []struct {
		name   string
		file   *bytes.Buffer
		ends   map[int]bool
		decode func([]byte) (int, error)
	}{
		{"docs", &docs, docEnds, func(b []byte) (int, error) { r, err := decodeDocs(b); return len(r), err }},
		{"decisions", &decisions, decisionEnds, func(b []byte) (int, error) { r, err := decodeDecisions(b); return len(r), err }},
	} {
		for n := range f.file.Len() {
			if _, err := f.decode(f.file.Bytes()[:n]); errors.Is(err, doc.ErrCorrupt) == f.ends[n] {
				t.Errorf("%s cut at %d of %d bytes: %v", f.name, n, f.file.Len(), err)
			}
		}
	}
	// Keys: every match task must see a cut anywhere.
	keyed, _ := keyFile(t, rng, 50, 4, 3)
	for n := len(MagicKeys) + 1; n < len(keyed); n++ {
		failed := 0
		for p := range 3 {
			if _, _, err := readKeys(bytes.NewReader(keyed[:n]), 7, p, nil, nil); errors.Is(err, doc.ErrCorrupt) {
				failed++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if failed != 3 {
			t.Fatalf("cut at %d of %d bytes: %d of 3 partitions noticed", n, len(keyed), failed)
		}
	}
}

// A flipped byte of a block is seen by who reads that block, one of the end by everybody, and
// so is a file of another shard.
func TestFlippedKeys(t *testing.T) {
	whole, _ := keyFile(t, rand.New(rand.NewPCG(5, 5)), 50, 4, 3)
	if _, err := ReadPacked(bytes.NewReader(whole), 8, 0, 0, nil); !errors.Is(err, doc.ErrCorrupt) {
		t.Errorf("the keys of shard 7 for those of shard 8: %v", err)
	}
	_, end, err := readDirectory(bytes.NewReader(whole), 7)
	if err != nil {
		t.Fatal(err)
	}
	for at := range whole {
		file := bytes.Clone(whole)
		file[at] ^= 1 << (at % 8)
		noticed := 0
		for p := range 3 {
			if _, _, err := readKeys(bytes.NewReader(file), 7, p, nil, nil); errors.Is(err, doc.ErrCorrupt) {
				noticed++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if want := 3; int64(at) >= end && noticed != want {
			t.Errorf("byte %d of the end: %d of %d noticed", at, noticed, want)
		}
		if int64(at) < end && noticed > 1 {
			t.Errorf("byte %d of a block: %d noticed", at, noticed)
		}
	}
}

// Numbers that no writer writes.
func TestImpossible(t *testing.T) {
	overflow := bytes.Repeat([]byte{0xff}, binary.MaxVarintLen64)
	for name, b := range map[string][]byte{
		"varint of 65 bits":  append(slices.Clone(overflow), 1),
		"endless varint":     bytes.Repeat(overflow, 3),
		"ordinal of 33 bits": binary.AppendUvarint(nil, 1<<32),
	} {
		for _, magic := range []string{MagicDocs, MagicDecisions} {
			file := append([]byte(magic), b...)
			file = append(file, make([]byte, 64)...)
			var err error
			if magic == MagicDocs {
				_, err = decodeDocs(file)
			} else {
				_, err = decodeDecisions(file)
			}
			if !errors.Is(err, doc.ErrCorrupt) {
				t.Errorf("%s in %q: %v", name, magic, err)
			}
		}
	}
	for _, class := range []doc.Class{doc.Kept, doc.Excluded, doc.Rejected, doc.NumClasses, 255} {
		var file bytes.Buffer
		e := NewEncoder(&file, MagicDecisions)
		e.Decision(&Decision{Class: class})
		e.Flush()
		if _, err := decodeDecisions(file.Bytes()); !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("decision of class %s: %v", class, err)
		}
	}
	huge := binary.AppendUvarint(nil, math.MaxUint64-20) // as an int64 it points back
	first := append([]byte{9, 3}, huge...)               // a place beyond the file
	for name, b := range map[string][]byte{
		"offset":                append(first, 0, 0, 0),
		"column":                append([]byte{9, 3, 1, 1, 'x', 0}, huge...),
		"neither date nor none": append([]byte{9, 3, 1, 0, 0, 1, 1}, "8 bytes.\x02\x00\x00"...),
		"nanoseconds":           append(append([]byte{9, 3, 1, 0, 0, 1, 1}, "8 bytes.\x01\x00"...), binary.AppendUvarint(nil, 1e9)...),
	} {
		file := append(append([]byte(MagicDocs), b...), make([]byte, 64)...)
		if _, err := decodeDocs(file); !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("%s of a document: %v", name, err)
		}
	}
	for name, b := range map[string][]byte{
		"line of a witness": append([]byte{3, byte(doc.NearDup), 0, 0}, huge...),
		"overlap":           append([]byte{3, byte(doc.NearDup), 0, 0, 1, 0, 0}, huge...),
		"union":             append([]byte{3, byte(doc.NearDup), 0, 0, 1, 0, 0, 1}, huge...),
		"buckets":           append([]byte{3, byte(doc.NearDup), 0, 0, 1, 0, 0, 1, 1}, binary.AppendUvarint(nil, 1<<31)...),
	} {
		file := append(append([]byte(MagicDecisions), b...), make([]byte, 64)...)
		if _, err := decodeDecisions(file); !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("%s of a decision: %v", name, err)
		}
	}
	for name, b := range map[string][]byte{
		"unknown kind":           {'?', 0, 1, 0},
		"huge block":             append([]byte{'b', 0}, huge...),
		"huge block of another":  append([]byte{'b', 1}, huge...),
		"block without its key":  {'b', 0, 3, 1, 2, 3},
		"key without a line":     append([]byte{'b', 0, 8}, make([]byte, 8)...),
		"exact without a length": append([]byte{'x', 0, 9}, make([]byte, 9)...),
		"line of 33 bits":        append(append([]byte{'b', 0, 13}, make([]byte, 8)...), binary.AppendUvarint(nil, 1<<32)...),
	} {
		head := sumKeys(b[:3], b[3:])
		if strings.HasPrefix(name, "huge") {
			head = sumKeys(b, nil)
		}
		if _, _, err := readKeys(bytes.NewReader(endKeys(b, head)), 0, 0, nil, nil); !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Directories that lie about what is before them.
	block := append([]byte{'b', 0, 9}, make([]byte, 9)...)
	if _, _, err := readKeys(bytes.NewReader(endKeys(block, sumKeys(block[:3], block[3:]))), 0, 0, nil, nil); err != nil {
		t.Fatal(err)
	}
	for name, directory := range map[string][]byte{
		"empty":             {},
		"too short a block": sumKeys([]byte{'b', 0, 8}, block[3:11]),
		"too long a block":  sumKeys([]byte{'b', 0, 10}, append(slices.Clone(block[3:]), KeyDirectory)),
		"two blocks":        append(sumKeys([]byte{'b', 0, 9}, block[3:]), sumKeys([]byte{'b', 0, 0}, nil)...),
		"half a head":       append(sumKeys([]byte{'b', 0, 9}, block[3:]), 'b'),
		"another sum":       sumKeys([]byte{'b', 0, 9}, block[4:]),
		"of all that is":    sumKeys(append([]byte{'b', 0}, binary.AppendUvarint(nil, maxString+1)...), nil),
	} {
		if _, _, err := readKeys(bytes.NewReader(endKeys(block, directory)), 0, 0, nil, nil); !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("directory: %s: %v", name, err)
		}
	}
	// And an end that lies about where the directory is.
	for _, at := range []uint64{0, 1, uint64(len(MagicKeys)) - 1, uint64(len(MagicKeys)), 1 << 20, math.MaxInt64, math.MaxUint64 - 7, math.MaxUint64} {
		file := endKeys(block, sumKeys(block[:3], block[3:]))
		binary.LittleEndian.PutUint64(file[len(file)-len(MagicKeys)-16:], at)
		if _, _, err := readKeys(bytes.NewReader(file), 0, 0, nil, nil); !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("directory at %d: %v", at, err)
		}
	}
}

// sumKeys is the head of a block as it is in a directory.
func sumKeys(head, packed []byte) []byte {
	return binary.LittleEndian.AppendUint64(slices.Clone(head), xxhash.Sum64(packed))
}

// endKeys makes a key file of blocks and a directory.
func endKeys(blocks, directory []byte) []byte {
	file := append([]byte(MagicKeys), blocks...)
	at := len(file)
	file = append(file, KeyDirectory)
	file = append(binary.AppendUvarint(file, uint64(len(directory))), directory...)
	file = binary.LittleEndian.AppendUint64(file, uint64(at))
	return append(binary.LittleEndian.AppendUint64(file, xxhash.Sum64(directory)), MagicKeys...)
}

// counted counts what is read of a file.
type counted struct {
	*bytes.Reader
	calls, bytes int
}

func (c *counted) ReadAt(b []byte, at int64) (int, error) {
	c.calls++
	c.bytes += len(b)
	return c.Reader.ReadAt(b, at)
}

// A match task reads what is its own, at once where it lies together, and not
// the blocks that it has no room for.
func TestKeysShare(t *testing.T) {
	for _, c := range []struct{ documents, partitions int }{{20_000, 64}, {20_000, 3}, {2_000, 256}, {60_000, 40}} {
		file, _ := keyFile(t, rand.New(rand.NewPCG(7, 8)), c.documents, 16, c.partitions)
		for p := range c.partitions {
			r := &counted{Reader: bytes.NewReader(file)}
			blocks, err := ReadPacked(r, 7, p, math.MaxInt64, nil)
			if err != nil {
				t.Fatal(err)
			}
			own := 0
			for _, b := range blocks {
				own += len(b.Packed) + 16
			}
			if own < len(file)/c.partitions/2 || r.bytes > own+2*keyTail || r.calls > own/KeyBlock+3 {
				t.Errorf("%+v: partition %d has %d bytes of %d; %d were read by %d calls", c, p, own, len(file), r.bytes, r.calls)
			}
		}
		r := &counted{Reader: bytes.NewReader(file)}
		if blocks, err := ReadPacked(r, 7, 0, 0, nil); err != nil || len(blocks) == 0 || blocks[0].Packed != nil || r.bytes > 2*keyTail {
			t.Errorf("%+v: without room, %d blocks and %d bytes were read: %v", c, len(blocks), r.bytes, err)
		}
	}
}

// FuzzDecode: whatever the bytes, every decoder ends with records that encode
// to what was read, or with doc.ErrCorrupt.
func FuzzDecode(f *testing.F) {
	for _, magic := range []string{MagicDocs, MagicKeys, MagicGroups, MagicDecisions, MagicOutlines} {
		f.Add([]byte(magic))
		f.Add(append([]byte(magic), bytes.Repeat([]byte{0xff}, 30)...))
		f.Add(append([]byte(magic), make([]byte, 40)...))
	}
	keyed, _ := keyFile(f, rand.New(rand.NewPCG(5, 6)), 9, 3, 2)
	f.Add(keyed)
	var docs bytes.Buffer
	e := NewEncoder(&docs, MagicDocs)
	e.SizedDocument(&Document{Ordinal: 9, Contributor: []byte("Ann"), Hash: 1 << 63, ID: []byte("id"), Created: doc.Instant{Sec: -5, Nsec: 7, Set: true}})
	e.SizedDocument(&Document{Ordinal: 10, Reason: doc.InvalidUTF8, Column: 40})
	e.Flush()
	f.Add(docs.Bytes())
	f.Fuzz(func(t *testing.T, file []byte) {
		if all, err := decodeDocs(file); err == nil { // who passes records over reads the same
			some, err := someDocs(file, func(ordinal uint32) bool { return ordinal%2 == 0 })
			all = slices.DeleteFunc(all, func(r Document) bool { return r.Ordinal%2 != 0 })
			if diff := gocmp.Diff(all, some, cmpopts.EquateEmpty()); diff != "" || err != nil {
				t.Errorf("documents of even lines: %v (-all +some):\n%s", err, diff)
			}
		}
		for _, decode := range []func() error{
			func() error { _, err := decodeDocs(file); return err },
			func() error { _, err := someDocs(file, func(uint32) bool { return false }); return err },
			func() error { _, err := decodeDecisions(file); return err },
			func() error { _, _, err := readKeys(bytes.NewReader(file), 7, 0, nil, nil); return err },
			func() error { _, _, err := readKeys(bytes.NewReader(file), 7, 1, nil, nil); return err },
			func() error {
				return EachGroup(bytes.NewReader(file), func([]doc.Place) error { return nil })
			},
			func() error {
				var r Outline
				d, err := NewDecoder(bytes.NewReader(file), MagicOutlines)
				for err == nil && d.More() {
					d.Outline(&r)
					err = d.Err
				}
				return err
			},
		} {
			if err := decode(); err != nil && !errors.Is(err, doc.ErrCorrupt) {
				t.Errorf("%v: does not wrap %v", err, doc.ErrCorrupt)
			}
		}
	})
}

// readKeys appends to the two joins every key of the partition that a shard's
// key file holds.
func readKeys(r BlockFile, shard uint32, partition int, bands []neardup.BandRecord, exact []neardup.ExactRecord) ([]neardup.BandRecord, []neardup.ExactRecord, error) {
	blocks, err := ReadPacked(r, shard, partition, math.MaxInt64, nil)
	if err != nil {
		return bands, exact, err
	}
	for _, b := range blocks {
		err = errors.Join(err, b.Each(func(key uint64, ordinal uint32, length uint64) {
			at := doc.Place{Shard: b.Shard, Ordinal: ordinal}
			if b.Kind == BandKey {
				bands = append(bands, neardup.BandRecord{Key: key, Doc: at})
			} else {
				exact = append(exact, neardup.ExactRecord{Hash: key, Length: length, Doc: at})
			}
		}))
	}
	return bands, exact, err
}
