package tokenize

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/tallystick/tallystick/engine/tokenize/hf"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
	"github.com/tallystick/tallystick/kernels/utf8valid"
)

// engine counts the tokens of UTF-8, and returns pipeline.ErrNotUTF8 for
// anything else. It is safe for concurrent use.
type engine interface {
	Count(text []byte) (int, error)
}

// reference gives Hugging Face's library the errors of an engine.
type reference struct{ *hf.Counter }

func (r reference) Count(text []byte) (int, error) {
	if !utf8valid.Valid(text) {
		return 0, pipeline.ErrNotUTF8
	}
	return r.Counter.Count(text)
}

// Counter counts tokens by one tokenizer. It is safe for concurrent use, and
// counting by the native engine allocates nothing once it is warm.
type Counter struct {
	name   string
	engine engine
	spare  sync.Pool // of *[]byte: texts made valid
}

// Engine names the engine that counts: EngineNative or EngineHF.
func (c *Counter) Engine() string { return c.name }

// TryCount returns the number of tokens of text, which it does not keep. What
// is not UTF-8 counts as the package comment says.
//
// It fails for a text of 2 GiB or more. The native engine knows no other
// error; hf fails where Hugging Face's library does (a Unigram model without
// an unknown token, say).
func (c *Counter) TryCount(text []byte) (int, error) {
	n, err := c.engine.Count(text)
	if errors.Is(err, pipeline.ErrNotUTF8) {
		return c.countReplaced(text)
	}
	return n, err
}

// Count is TryCount for callers to whom a failure is a bug: it panics with the
// error. By the native engine, texts under 2 GiB never fail.
func (c *Counter) Count(text []byte) int {
	n, err := c.TryCount(text)
	if err != nil {
		panic(fmt.Errorf("tokenize: %w", err))
	}
	return n
}

// maxSpare is the largest buffer, in bytes, that is kept for the next text.
const maxSpare = 1 << 20

func (c *Counter) countReplaced(text []byte) (int, error) {
	buf, _ := c.spare.Get().(*[]byte)
	if buf == nil {
		buf = new([]byte)
	}
	valid := appendReplaced((*buf)[:0], text)
	n, err := c.engine.Count(valid)
	if cap(valid) <= maxSpare {
		*buf = valid
		c.spare.Put(buf)
	}
	return n, err
}

// batchBytes is how much text CountBatch gives a goroutine at a time: enough
// that taking it costs nothing, little enough that all end together.
const batchBytes = 64 << 10

// CountBatch stores the number of tokens of texts[i] in counts[i], counting on
// all processors (GOMAXPROCS). counts must be as long as texts. Like Count it
// panics where TryCount fails, in the goroutine that called it.
func (c *Counter) CountBatch(texts [][]byte, counts []int) {
	if len(counts) < len(texts) {
		panic(fmt.Sprintf("tokenize: CountBatch of %d texts into %d counts", len(texts), len(counts)))
	}
	size := 0
	for _, t := range texts {
		size += len(t)
	}
	workers := min(runtime.GOMAXPROCS(0), len(texts), size/batchBytes+1)
	if workers <= 1 {
		if err := c.countAll(texts, counts); err != nil {
			panic(fmt.Errorf("tokenize: %w", err))
		}
		return
	}
	b := batch{counter: c, texts: texts, counts: counts}
	var others sync.WaitGroup
	for range workers - 1 {
		others.Go(b.run)
	}
	b.run()
	others.Wait()
	if b.err != nil {
		panic(fmt.Errorf("tokenize: %w", b.err))
	}
}

// batch is one CountBatch.
type batch struct {
	counter *Counter
	texts   [][]byte
	counts  []int

	mu   sync.Mutex
	next int   // texts that were taken
	err  error // the first one
}

// take returns the range of texts that the caller shall count, empty if none
// are left.
func (b *batch) take(err error) (from, to int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
	}
	from = b.next
	if b.err != nil {
		return from, from
	}
	for size := 0; b.next < len(b.texts) && size < batchBytes; b.next++ {
		size += len(b.texts[b.next])
	}
	return from, b.next
}

func (b *batch) run() {
	var err error
	for {
		from, to := b.take(err)
		if from == to {
			return
		}
		err = b.counter.countAll(b.texts[from:to], b.counts[from:to])
	}
}

// CountTogether is CountBatch in the calling goroutine alone, for texts of less
// than 2 GiB: it never fails. With an engine for which many short texts together
// are not faster than one by one it returns false, and counts nothing.
func (c *Counter) CountTogether(texts [][]byte, counts []int) bool {
	if native, ok := c.engine.(*pipeline.Counter); !ok || !native.Groups() {
		return false
	}
	if err := c.countAll(texts, counts); err != nil {
		panic(fmt.Errorf("tokenize: %w", err))
	}
	return true
}

// countAll is TryCount of all texts, up to the first error.
func (c *Counter) countAll(texts [][]byte, counts []int) (err error) {
	native, ok := c.engine.(*pipeline.Counter)
	if ok {
		native.CountTogether(texts, counts)
	}
	for i, text := range texts {
		if ok && counts[i] != pipeline.Uncounted {
			continue
		}
		if counts[i], err = c.TryCount(text); err != nil {
			return err
		}
	}
	return nil
}
