package bpe

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// PackVersion is the version of what is packed: it changes with the format
// and with the meaning of what is packed.
const PackVersion = "bpe 9"

// Open is New; its second result packs the tokenizer, to be unpacked in another
// process, without its vocabulary and in a fraction of the time. It keeps hold
// of file.
func Open(file pipeline.Object, o pipeline.Options) (c *pipeline.Counter, pack func() []byte, err error) {
	t, err := load(file)
	if err != nil {
		return nil, nil, fmt.Errorf("bpe: %w", err)
	}
	if c, err = t.counter(file, o); err != nil {
		return nil, nil, err
	}
	return c, func() []byte { return t.pack(file) }, nil
}

// Unpack makes the Counter of a tokenizer that was packed. With o.AddedAsText,
// added tokens that stand in a text are counted as plain text, whichever it was
// packed with.
func Unpack(packed []byte, o pipeline.Options) (*pipeline.Counter, error) {
	u := unpacker{data: packed}
	file, err := pipeline.Parse(u.bytes())
	if err != nil {
		return nil, fmt.Errorf("bpe: packed: %w", err)
	}
	t := &tokenizer{}
	if err := t.setStages(file); err != nil {
		return nil, fmt.Errorf("bpe: packed: %w", err)
	}
	m, ok := u.model()
	if !ok || len(u.data) > 0 {
		return nil, errors.New("bpe: packed: damaged")
	}
	t.model = m
	return t.counter(file, o)
}

func (t *tokenizer) counter(file pipeline.Object, o pipeline.Options) (*pipeline.Counter, error) {
	c, err := pipeline.New(file, o, t.family, func() pipeline.Worker { return t.newWorker(o.CacheBytes) })
	if err != nil {
		return nil, fmt.Errorf("bpe: %w", err)
	}
	return c, nil
}

// pack writes the sections of the file but the model, as a JSON object, then
// the model; numbers are little-endian, lists begin with their length.
func (t *tokenizer) pack(file pipeline.Object) []byte {
	sections := map[string]json.RawMessage{}
	for key, value := range file {
		if key != "model" {
			sections[key] = value
		}
	}
	head, err := json.Marshal(sections)
	if err != nil {
		return nil // what has been parsed always can
	}
	out := binary.LittleEndian.AppendUint32(nil, uint32(len(head)))
	out = append(out, head...)

	m := t.model
	out = binary.LittleEndian.AppendUint32(out, uint32(len(m.live.halves)))
	for _, h := range m.live.halves {
		out = binary.LittleEndian.AppendUint32(out, h.left)
		out = binary.LittleEndian.AppendUint32(out, h.right)
	}
	whole := make([]string, 0, len(m.whole))
	for token := range m.whole {
		whole = append(whole, token)
	}
	slices.Sort(whole)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(whole)))
	for _, token := range whole {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(token)))
		out = append(out, token...)
	}
	out = appendWords(out, m.pairs.buckets)
	if m.junctions == nil {
		return append(out, 0)
	}
	out = append(out, 1)
	j := m.junctions
	out = appendWords(out, j.crossed.bits)
	out = appendWords(out, j.torn.bits)
	out = appendWords(out, j.calm)
	for c, id := range j.symbols {
		if id != dead {
			out = binary.LittleEndian.AppendUint32(out, uint32(c))
			out = binary.LittleEndian.AppendUint32(out, id)
		}
	}
	return out
}

func appendWords(out []byte, words []uint64) []byte {
	out = binary.LittleEndian.AppendUint32(out, uint32(len(words)))
	for _, w := range words {
		out = binary.LittleEndian.AppendUint64(out, w)
	}
	return out
}

// unpacker reads what pack has written. What it reads past the end is empty.
type unpacker struct {
	data   []byte
	failed bool
}

func (u *unpacker) take(n int) []byte {
	if n > len(u.data) {
		u.failed, u.data = true, nil
		return nil
	}
	taken := u.data[:n]
	u.data = u.data[n:]
	return taken
}

func (u *unpacker) number() int {
	if b := u.take(4); b != nil {
		return int(binary.LittleEndian.Uint32(b))
	}
	return 0
}

func (u *unpacker) bytes() []byte { return u.take(u.number()) }

func (u *unpacker) words() []uint64 {
	raw := u.take(8 * u.number())
	words := make([]uint64, len(raw)/8)
	for i := range words {
		words[i] = binary.LittleEndian.Uint64(raw[8*i:])
	}
	return words
}

func (u *unpacker) model() (m *model, ok bool) {
	raw := u.take(8 * u.number())
	live := &liveMerges{halves: make([]halves, len(raw)/8)}
	symbols := uint32(int(firstMerged) + len(live.halves))
	for i := range live.halves {
		h := halves{binary.LittleEndian.Uint32(raw[8*i:]), binary.LittleEndian.Uint32(raw[8*i+4:])}
		if h.left >= symbols || h.right >= symbols {
			return nil, false
		}
		live.halves[i] = h
	}
	var whole map[string]struct{}
	if n := u.number(); n > 0 {
		whole = map[string]struct{}{}
		for range n {
			whole[string(u.bytes())] = struct{}{}
			if u.failed {
				return nil, false
			}
		}
	}
	pairs, ok := pairTableOf(u.words(), live.halves)
	if !ok {
		return nil, false
	}
	m = newModelTables(live, pairs, whole)
	if with := u.take(1); len(with) != 1 || with[0] == 0 {
		return m, len(with) == 1
	}
	j := &junctions{symbols: make([]symbol, 1<<16)}
	var ok1, ok2 bool
	j.crossed, ok1 = charPairsOf(u.words())
	j.torn, ok2 = charPairsOf(u.words())
	j.calm = u.words()
	for c := range j.symbols {
		j.symbols[c] = dead
	}
	for len(u.data) > 0 {
		c, id := u.number(), uint32(u.number())
		if c >= len(j.symbols) || id >= symbols {
			return nil, false
		}
		j.symbols[c] = id
	}
	if len(whole) > 0 {
		j.whole, _ = newWholeEdges(whole)
	}
	if !ok1 || !ok2 || len(j.calm) != len(newCharSet()) || u.failed {
		return nil, false
	}
	j.setCuts()
	m.junctions = j
	return m, true
}
