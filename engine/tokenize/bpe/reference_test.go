package bpe

import (
	"encoding/json"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// reference counts by the list of merges as it is in the file, with a heap:
// nothing is left out and nothing is looked up by half.
type reference struct {
	bytes  [256]uint32
	merges mergeTable
	whole  map[string]struct{}
}

func newReference(t testing.TB, spec json.RawMessage) *reference {
	t.Helper()
	var file struct {
		Vocab  map[string]uint32
		Merges []any
		Ignore bool `json:"ignore_merges"`
	}
	if err := json.Unmarshal(spec, &file); err != nil {
		t.Fatal(err)
	}
	m := &reference{merges: newMergeTable(len(file.Merges)), whole: map[string]struct{}{}}
	for b, char := range byteChars {
		m.bytes[b] = file.Vocab[string(char)]
	}
	for rank, merge := range file.Merges {
		var left, right string
		switch merge := merge.(type) {
		case string:
			left, right, _ = strings.Cut(merge, " ")
		case []any:
			left, right = merge[0].(string), merge[1].(string)
		}
		m.merges.set(file.Vocab[left], file.Vocab[right], uint32(rank), file.Vocab[left+right])
	}
	if file.Ignore {
		for token := range file.Vocab {
			m.whole[spelling(token)] = struct{}{}
		}
	}
	return m
}

// spelling returns the bytes that a token spells, "" if it spells none.
func spelling(token string) string {
	var out []byte
next:
	for _, r := range token {
		for b, char := range byteChars {
			if r == char {
				out = append(out, byte(b))
				continue next
			}
		}
		return ""
	}
	return string(out)
}

func (m *reference) count(pretoken []byte) int {
	if _, ok := m.whole[string(pretoken)]; ok {
		return 1
	}
	return m.merge(pretoken)
}

// loadedModel is a model and its reference, from a file.
type loadedModel struct {
	*tokenizer
	*model
	reference *reference
}

var loadedModels sync.Map // name → loadedModel

// shared returns the model of a tokenizer of the reference data.
func shared(t testing.TB, name string) loadedModel {
	t.Helper()
	if m, ok := loadedModels.Load(name); ok {
		return m.(loadedModel)
	}
	file, err := pipeline.Parse(refdata.ReadAll(t, refdata.Path("tokenizers", name+".json.zst")))
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := load(file)
	if err != nil {
		t.Fatal(err)
	}
	m := loadedModel{loaded, loaded.model, newReference(t, file["model"])}
	loadedModels.Store(name, m)
	return m
}

// A merge is rank<<32 | id of the merged token; noMerge sorts after all.
const noMerge = math.MaxUint64

// mergeTable maps a pair of token ids to its merge: open addressing, linear
// probing, at most half full.
type mergeTable struct {
	entries []mergeEntry
	shift   uint8
}

type mergeEntry struct {
	pair  uint64 // left<<32 | right
	merge uint64 // noMerge marks a free entry
}

func newMergeTable(n int) mergeTable {
	bits := uint8(1)
	for 1<<bits < 2*n {
		bits++
	}
	t := mergeTable{entries: make([]mergeEntry, 1<<bits), shift: 64 - bits}
	for i := range t.entries {
		t.entries[i].merge = noMerge
	}
	return t
}

// at returns the entry of the pair, free if it has none.
func (t *mergeTable) at(left, right uint32) *mergeEntry {
	pair := uint64(left)<<32 | uint64(right)
	h := pair * 0x9E3779B97F4A7C15
	h ^= h >> 29
	h *= 0xBF58476D1CE4E5B9
	for i := int(h >> t.shift); ; i++ {
		e := &t.entries[i&(len(t.entries)-1)]
		if e.pair == pair || e.merge == noMerge {
			return e
		}
	}
}

// set gives the pair a merge; the last one given holds.
func (t *mergeTable) set(left, right, rank, id uint32) {
	e := t.at(left, right)
	e.pair = uint64(left)<<32 | uint64(right)
	e.merge = uint64(rank)<<32 | uint64(id)
}

// get returns the merge of the pair, or noMerge.
func (t *mergeTable) get(left, right uint32) uint64 { return t.at(left, right).merge }

// merge makes the merge of the lowest rank, the leftmost of equals first, while
// there is one: the pairs wait in a heap by rank, then place; an entry whose
// pair has changed since is passed over.
func (m *reference) merge(pretoken []byte) int {
	n := len(pretoken)
	ids := make([]uint32, n)
	merges := make([]uint64, n) // merges[i] is that of the symbol at i and the next
	prev := make([]int32, n)
	next := make([]int32, n)
	for i, b := range pretoken {
		ids[i] = m.bytes[b]
		prev[i], next[i] = int32(i-1), int32(i+1)
	}
	waiting := make(mergeHeap, 0, n)
	merges[n-1] = noMerge
	for i := range n - 1 {
		merges[i] = m.merges.get(ids[i], ids[i+1])
		if merges[i] != noMerge {
			waiting = append(waiting, merges[i]&^math.MaxUint32|uint64(i))
		}
	}
	waiting.init()

	count := n
	renew := func(i int32) {
		merges[i] = noMerge
		if j := next[i]; int(j) < n {
			merges[i] = m.merges.get(ids[i], ids[j])
		}
		if merges[i] != noMerge {
			waiting.push(merges[i]&^math.MaxUint32 | uint64(i))
		}
	}
	for len(waiting) > 0 {
		top := waiting.pop()
		i := int32(uint32(top))
		if merges[i] == noMerge || merges[i]>>32 != top>>32 {
			continue
		}
		ids[i] = uint32(merges[i])
		gone := next[i]
		merges[gone] = noMerge
		next[i] = next[gone]
		if int(next[i]) < n {
			prev[next[i]] = i
		}
		count--
		renew(i)
		if prev[i] >= 0 {
			renew(prev[i])
		}
	}
	return count
}

// mergeHeap is a binary min-heap.
type mergeHeap []uint64

func (h mergeHeap) init() {
	for i := len(h)/2 - 1; i >= 0; i-- {
		h.down(i)
	}
}

func (h *mergeHeap) push(v uint64) {
	*h = append(*h, v)
	s := *h
	for i := len(s) - 1; i > 0; {
		parent := (i - 1) / 2
		if s[parent] <= s[i] {
			break
		}
		s[parent], s[i] = s[i], s[parent]
		i = parent
	}
}

func (h *mergeHeap) pop() uint64 {
	s := *h
	top := s[0]
	s[0] = s[len(s)-1]
	*h = s[:len(s)-1]
	h.down(0)
	return top
}

func (h mergeHeap) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1] < h[child] {
			child++
		}
		if h[i] <= h[child] {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
