package bench

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// cell is one figure of the results: a contender at a job on a text.
type cell struct {
	job       string // "JSONL", "Count/gpt2", "MinHash", "Run"
	text      string
	contender string
	threads   int    // GOMAXPROCS while it is measured
	skip      string // why it cannot be measured here, or empty

	// part tells cells of one job and text apart that read unequal amounts
	// of it and so cannot have equal answers.
	part string
	// prepare does what is not measured. If fresh is set it is called before
	// every run, else once.
	prepare func() (work, error)
	fresh   bool
}

// work is what a cell does: run reads bytes and returns what it found.
type work struct {
	bytes int64
	run   func() (answer, error)
}

// answer is what one run found. Contenders at the same job on the same part of
// a text must agree in all but the digest, and each with itself in all.
type answer struct {
	documents int64
	total     int64  // bytes of fields, tokens, windows of words
	digest    uint64 // of what only this contender computes; 0: nothing
}

func (c *cell) name() string { return c.job + "/" + c.text + "/" + c.contender }

// group names the cells whose answers must agree.
func (c *cell) group() string { return strings.TrimSuffix(c.job+"/"+c.text+"/"+c.part, "/") }

// ledger holds the first answer of every cell and group; later ones must agree.
type ledger map[string]answer

// newLedger starts from the answers checked in for the bundled corpus.
func newLedger() ledger {
	l := ledger{}
	for name, a := range expected {
		l[name] = a
	}
	return l
}

func (l ledger) check(c *cell, a answer) error {
	if want, seen := l[c.name()]; seen && a != want {
		return fmt.Errorf("%s: answer %+v, want %+v", c.name(), a, want)
	}
	l[c.name()] = a
	a.digest = 0
	if want, seen := l[c.group()]; seen && a != want {
		return fmt.Errorf("%s: answer %+v, want that of the other contenders, %+v", c.name(), a, want)
	}
	l[c.group()] = a
	return nil
}

// ensure prepares what is to run next.
func (c *cell) ensure(w *work) error {
	if w.run != nil && !c.fresh {
		return nil
	}
	next, err := c.prepare()
	if err != nil {
		return fmt.Errorf("%s: prepare: %w", c.name(), err)
	}
	*w = next
	return nil
}

// limitThreads sets GOMAXPROCS until the returned function is called.
func (c *cell) limitThreads() (restore func()) {
	before := runtime.GOMAXPROCS(c.threads)
	return func() { runtime.GOMAXPROCS(before) }
}

// sample runs the cell until it has run for the given time, at least once, and
// returns MB (10⁶ bytes) per second of wall clock.
func (c *cell) sample(l ledger, w *work, least time.Duration) (float64, error) {
	defer c.limitThreads()()
	var spent time.Duration
	var bytes int64
	for spent == 0 || spent < least {
		if err := c.ensure(w); err != nil {
			return 0, err
		}
		start := time.Now()
		a, err := w.run()
		spent += time.Since(start)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", c.name(), err)
		}
		if err := l.check(c, a); err != nil {
			return 0, err
		}
		bytes += w.bytes
	}
	return float64(bytes) / 1e6 / spent.Seconds(), nil
}

// benchmark makes a sub-benchmark of every cell.
func benchmark(b *testing.B, cells []cell) {
	l := newLedger()
	for _, c := range cells {
		_, job, _ := strings.Cut(c.job+"/", "/") // the benchmark's own name says the rest
		b.Run(job+c.text+"/"+c.contender, func(b *testing.B) {
			if c.skip != "" {
				b.Skip(c.skip)
			}
			defer c.limitThreads()()
			var w work
			if err := c.ensure(&w); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(w.bytes)
			b.ReportAllocs()
			for b.Loop() {
				if c.fresh {
					b.StopTimer()
					if err := c.ensure(&w); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
				a, err := w.run()
				if err != nil {
					b.Fatal(err)
				}
				if err := l.check(&c, a); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// perText makes the cells of every text; those of a text that is not here are
// one cell that says so.
func perText(job string, make func(t *text) []cell) []cell {
	var cells []cell
	for _, t := range texts {
		if t.skip != "" {
			cells = append(cells, cell{job: job, text: t.name, contender: "all", skip: t.skip})
			continue
		}
		for _, c := range make(t) {
			c.job, c.text = job, t.name
			c.threads = max(1, c.threads)
			cells = append(cells, c)
		}
	}
	return cells
}

// allCells are the cells of all benchmarks.
func allCells() []cell {
	var cells []cell
	cells = append(cells, jsonlCells()...)
	cells = append(cells, countCells()...)
	cells = append(cells, minhashCells()...)
	return append(cells, runCells()...)
}
