package spbpe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/internal/packed"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
	"github.com/tallystick/tallystick/engine/tokenize/vocab"
	"github.com/tallystick/tallystick/kernels/cutscan"
)

// PackVersion is the version of what Open packs: it changes with the format and
// with the meaning of what is packed.
const PackVersion = "spbpe 2"

// Open is New; its second result packs the tokenizer, to be unpacked in another
// process, without its vocabulary and in a fraction of the time. It keeps hold
// of file.
func Open(file pipeline.Object, o pipeline.Options) (c *pipeline.Counter, pack func() []byte, err error) {
	t, err := load(file, o.AddedAsText)
	if err != nil {
		return nil, nil, fmt.Errorf("spbpe: %w", err)
	}
	if c, err = t.counter(file, o); err != nil {
		return nil, nil, err
	}
	return c, func() []byte { return t.pack(file) }, nil
}

// Unpack makes the Counter of a tokenizer that was packed. With o.AddedAsText,
// added tokens that stand in a text are counted as plain text, whichever it was
// packed with.
func Unpack(data []byte, o pipeline.Options) (*pipeline.Counter, error) {
	r := packed.NewReader(data)
	file, err := pipeline.Parse(r.Bytes())
	if err != nil {
		return nil, fmt.Errorf("spbpe: packed: %w", err)
	}
	t := &tokenizer{}
	added, err := t.setStages(file, o.AddedAsText)
	if err != nil {
		return nil, fmt.Errorf("spbpe: packed: %w", err)
	}
	if !t.readModel(r) || !r.Done() {
		return nil, errors.New("spbpe: packed: damaged")
	}
	t.join(added)
	return t.counter(file, o)
}

// pack writes what setStages and the pipeline read of the file, as JSON, and the
// tables of the model as they are.
func (t *tokenizer) pack(file pipeline.Object) []byte {
	stages := map[string]json.RawMessage{}
	for _, key := range []string{"added_tokens", "normalizer", "pre_tokenizer"} {
		if value, ok := file[key]; ok {
			stages[key] = value
		}
	}
	var head bytes.Buffer
	e := json.NewEncoder(&head)
	e.SetEscapeHTML(false) // added tokens like "<unused7>" are read faster
	if err := e.Encode(stages); err != nil {
		return nil // what has been parsed always can
	}
	out := packed.AppendBytes(nil, head.Bytes())

	m := t.model
	out = packed.AppendBytes(out, bytesOf([]bool{m.byteFallback, m.unk, m.fuseUnk, m.hasUnknown, m.whole != nil}))
	out = packed.AppendBytes(out, bytesOf(m.bytes[:]))
	var characters []uint32 // each before its symbol
	for r, s := range m.basic {
		if s != inert {
			characters = append(characters, uint32(r), s)
		}
	}
	var astral []rune
	for r := range m.astral {
		astral = append(astral, r)
	}
	slices.Sort(astral)
	for _, r := range astral {
		characters = append(characters, uint32(r), m.astral[r])
	}
	out = packed.AppendUint32s(out, characters)
	entries := make([]uint64, 0, 2*len(m.pairs.buckets))
	for _, b := range m.pairs.buckets {
		entries = append(entries, b[:]...)
	}
	out = packed.AppendUint64s(out, entries)
	out = packed.AppendUint64s(out, m.pairs.filter)
	out = packed.AppendBytes(out, t.cuts.ascii[:])
	out = packed.AppendUint64s(out, t.cuts.junctions.Words())
	if m.whole != nil {
		out = packed.AppendBytes(out, m.whole.Tokens.Text)
		out = packed.AppendUint32s(out, m.whole.Tokens.Ends)
	}
	return out
}

// readModel reads model and cuts; false for what pack does not write.
func (t *tokenizer) readModel(r *packed.Reader) bool {
	m := &model{}
	t.model = m
	var whole bool
	if !readBools(r, &m.byteFallback, &m.unk, &m.fuseUnk, &m.hasUnknown, &whole) {
		return false
	}
	flags := make([]*bool, len(m.bytes))
	for i := range flags {
		flags[i] = &m.bytes[i]
	}
	if !readBools(r, flags...) {
		return false
	}
	m.noCharacters()
	characters := r.Uint32s()
	for ; len(characters) >= 2; characters = characters[2:] {
		if characters[0] > utf8.MaxRune || characters[1] > inert {
			return false
		}
		m.setCharacter(rune(characters[0]), characters[1])
	}
	buckets, filter := r.Uint64Pairs(), r.Uint64s()
	ascii, junctions := r.Bytes(), r.Uint64s()
	if whole {
		tokens := vocab.Arena{Text: r.Bytes(), Ends: r.Uint32s()}
		if !tokens.Valid() {
			return false
		}
		m.setWhole(vocab.Of(tokens))
	}
	t.cuts = emptyCuts(m, t.split)
	if len(characters) > 0 || !m.pairs.set(buckets, filter) || len(ascii) != len(t.cuts.ascii) || !isPowerOf2(len(junctions)) || len(junctions) > cutscan.MaxPairs {
		return false
	}
	copy(t.cuts.ascii[:], ascii)
	t.cuts.junctions = cutscan.NewPairs(junctions)
	return true
}

// set makes a table of what another one holds; false if none does.
func (t *pairTable) set(buckets [][2]uint64, filter []uint64) bool {
	if !isPowerOf2(len(buckets)) || !isPowerOf2(len(filter)) {
		return false
	}
	t.buckets, t.filter = buckets, filter
	t.setShifts()
	return true
}

func isPowerOf2(n int) bool { return n > 0 && n&(n-1) == 0 }

// bytesOf returns bools as bytes 0 and 1.
func bytesOf(list []bool) []byte {
	out := make([]byte, len(list))
	for i, b := range list {
		if b {
			out[i] = 1
		}
	}
	return out
}

// readBools reads what bytesOf made.
func readBools(r *packed.Reader, list ...*bool) bool {
	flags := r.Bytes()
	if len(flags) != len(list) {
		return false
	}
	for i, b := range list {
		*b = flags[i] != 0
	}
	return true
}
