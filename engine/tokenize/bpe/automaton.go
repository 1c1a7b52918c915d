package bpe

import (
	"github.com/tallystick/tallystick/engine/tokenize/automaton"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// FamilyAutomaton is the family of tokenizers whose pre-tokenizer no rules of
// package pretoken know: package automaton cuts for them, as exactly and more
// slowly.
const FamilyAutomaton = "automaton"

// newWorker makes a worker of the kind that the tokenizer needs.
func (t *tokenizer) newWorker(cacheBytes int) pipeline.Worker {
	if t.splitter != nil {
		return &automatonWorker{worker: newWorker(t, cacheBytes), pieces: t.splitter.Pieces()}
	}
	return newWorker(t, cacheBytes)
}

// automatonWorker is a worker to which an automaton gives the pretokens, put
// together in batches with their start bits.
type automatonWorker struct {
	*worker
	pieces *automaton.Pieces
	batch  []byte
	starts startBits
}

// batchBytes is about how much text is put together.
const batchBytes = 1 << 16

func (w *automatonWorker) Count(text []byte, first bool) (n int) {
	w.pieces.Start(text)
	for {
		if w.batch, w.starts = w.pieces.Batch(w.batch, w.starts[:0], batchBytes); len(w.batch) == 0 {
			return n
		}
		left := w.starts
		n += w.cache.Count(w.batch, &left, w)
	}
}

// startBits are countcache.Starts that have been found already.
type startBits []uint64

func (s *startBits) Bits(dst []uint64) (blocks int) {
	blocks = copy(dst, *s)
	*s = (*s)[blocks:]
	return blocks
}

func (w *automatonWorker) Trim() {
	w.pieces.Trim()
	if cap(w.batch) > maxScratch {
		w.batch, w.starts = nil, nil
	}
	w.worker.Trim()
}
