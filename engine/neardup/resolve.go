package neardup

import (
	"context"
	"fmt"
	"slices"

	"github.com/tallystick/tallystick/engine/shingleset"
)

// Verdict says that document Doc is dropped and why: it and the kept document
// Witness have Overlap shingles in common out of Union, and share Shared
// buckets. Doc and Witness are ranks.
type Verdict struct {
	Doc, Witness   uint32
	Overlap, Union uint32
	Shared         int
}

// Stats describe the work of a Resolve. They depend on the input alone, and but for
// what settled pairs they are the sums, or the largest, of those of the components
// of the graph, however it is cut.
type Stats struct {
	Documents uint64 // in at least one bucket
	Dropped   uint64

	// Pairs of a document and a kept one that were tested, and what settled
	// them: Candidates = RejectedBySize + RejectedByBitmap + Merged. A pair is
	// rejected when it cannot reach the threshold or be a better witness than
	// one already proven.
	Candidates       uint64
	RejectedBySize   uint64
	RejectedByBitmap uint64
	Merged           uint64

	// Partners of documents that were kept: pairs of kept documents that share
	// a bucket, below the threshold all of them. The partners of a document are
	// the documents kept before it, or those of them that can be witnesses, with
	// which it shares a bucket that is not large, and of each large bucket the
	// first HotBucket of them.
	KeptCandidates uint64

	// The most partners of a document, and the first that has so many.
	MostCandidates    uint64
	MostCandidatesDoc uint32

	// The bucket that ended with the most kept documents, the lowest id of
	// equals, and how many ended with more than HotBucket. Large buckets cost
	// time, never a document.
	LargestBucket     uint32
	LargestBucketKept uint32
	HotBuckets        uint64
}

// keptIndex lists the kept documents of each bucket, ascending. Its memory is
// that of the graph: room for all members of every bucket.
type keptIndex struct {
	begin   []uint64 // of a bucket's room in members
	kept    []uint32 // how many of it are in use
	members []uint32
}

func newKeptIndex(g Graph) *keptIndex {
	x := &keptIndex{
		begin:   make([]uint64, g.Buckets+1),
		kept:    make([]uint32, g.Buckets),
		members: make([]uint32, len(g.IDs)),
	}
	for _, b := range g.IDs {
		x.begin[b+1]++
	}
	for b := range g.Buckets {
		x.begin[b+1] += x.begin[b]
	}
	return x
}

func (x *keptIndex) bucket(b uint32) []uint32 {
	return x.members[x.begin[b]:][:x.kept[b]]
}

func (x *keptIndex) add(d uint32, buckets []uint32) {
	for _, b := range buckets {
		x.members[x.begin[b]+uint64(x.kept[b])] = d
		x.kept[b]++
	}
}

// HotBucket is the number of kept documents above which a bucket counts as
// hot: documents are then looked for by their shingles instead of one by one.
// It changes costs, never results.
const HotBucket = 512

// Standing are documents that are kept whatever they resemble: those of a
// reference corpus, or those that earlier runs kept. They come before all
// others in priority order.
type Standing struct {
	First uint32 // how many documents stand: the ranks below it
	// Alone says that no other document is a witness.
	Alone bool
	// Before is, by document, what is known of it from earlier graphs; nil: nothing.
	Before []Before
}

// Before is what earlier graphs told of a document, where the documents of one
// graph are too many to be resolved at once: they held the kept documents that come
// before all of this one. A document that has a witness already is dropped, but it
// may find a better one.
type Before struct {
	Overlap, Union uint32 // of the best witness; Union 0: it has none
	Partners       uint32 // found in buckets that are not large; Resolve adds its own
}

// Resolve decides which documents are dropped, by this definition: take the
// documents in priority order; one is dropped if and only if some already kept
// document shares a bucket with it and their true Jaccard is at least num/den;
// its witness is the highest-scoring such document, of equal scores the
// earlier. Verdicts ascend by document; they and the statistics are the same
// for any number of workers.
//
// It goes in batches. The documents of a batch are first tested in parallel
// against those kept before the batch, then against those kept within it: those that
// hang together by shared buckets one by one, in order, and such families side by side.
// Only kept documents are ever candidates, and no test is made that the definition does
// not ask for: this keeps revision histories from costing the square of their length.
//
// A document that stands is kept; with standing.Alone only those count as
// already kept. Progress, if not nil, is told the number of documents done,
// from the caller's goroutine.
func Resolve(ctx context.Context, g Graph, sets shingleset.Sets, num, den int64, standing Standing, workers int, progress func(done int)) ([]Verdict, Stats, error) {
	threshold, err := newThreshold(num, den)
	if err != nil {
		return nil, Stats{}, err
	}
	r := newResolution(g, sets, threshold, workers)
	r.standing = standing
	if progress != nil {
		r.progress = progress
	}
	return r.run(ctx)
}

// resolution is the state of one Resolve.
type resolution struct {
	graph     Graph
	sets      shingleset.Sets
	threshold ratio
	batch     int
	hotBucket int
	standing  Standing
	progress  func(done int)

	kept     *keptIndex
	large    []bool    // buckets that may be hot
	hot      *hotIndex // nil until a bucket is hot
	workers  []resolver
	families batchFamilies
	matches  []match // of each document of the batch, against those kept before it, then all
	partners []int   // how many those were, first in buckets that are not large
	verdicts []Verdict
	stats    Stats
}

// resolver is what one goroutine works with.
type resolver struct {
	prover prover
	gather gatherer
}

func newResolution(g Graph, sets shingleset.Sets, threshold ratio, workers int) *resolution {
	r := &resolution{
		graph:     g,
		sets:      sets,
		threshold: threshold,
		batch:     batchSize,
		hotBucket: HotBucket,
		progress:  func(int) {},
		kept:      newKeptIndex(g),
		large:     g.Large,
		workers:   make([]resolver, max(workers, 1)),
		families:  batchFamilies{graph: g},
	}
	if r.large == nil {
		r.large = make([]bool, g.Buckets)
		for b := range r.large {
			r.large[b] = r.kept.begin[b+1]-r.kept.begin[b] > uint64(HotBucket)
		}
	}
	for w := range r.workers {
		r.workers[w].prover = prover{sets: sets, threshold: threshold}
	}
	return r
}

func (r *resolution) run(ctx context.Context) ([]Verdict, Stats, error) {
	r.matches = make([]match, r.batch)
	r.partners = make([]int, r.batch)
	each := func(w int, d uint32) error {
		if d < r.standing.First {
			return nil // kept, whatever it resembles
		}
		at := int(d) % r.batch
		var err error
		r.matches[at], r.partners[at], err = r.against(&r.workers[w], d, 0, r.before(d))
		return err
	}
	errs := make([]error, r.batch)
	after := func(lo, hi uint32) error {
		workers := len(r.workers)
		if r.hot != nil {
			workers = 1 // its index is of all documents
		}
		r.families.find(lo, hi, workers)
		err := spread(ctx, lo, hi, workers, errs[:hi-lo], func(w int, d uint32) error {
			return r.families.each(d, func(d uint32) error { return r.decide(&r.workers[w], d, lo) })
		})
		if err != nil {
			return err
		}
		crowded := false
		for d := lo; d < hi; d++ {
			crowded = r.note(d) || crowded
		}
		if crowded && r.hot == nil {
			var err error
			if r.hot, err = newHotIndex(ctx, r.graph, r.sets, r.threshold, r.kept, r.hotBucket); err != nil {
				return fmt.Errorf("index hot buckets: %w", err)
			}
		}
		r.progress(int(hi))
		return nil
	}
	if err := inBatches(ctx, r.graph.Len(), r.batch, len(r.workers), each, after); err != nil {
		return nil, Stats{}, err
	}

	var counts proofCounts
	for w := range r.workers {
		counts.add(r.workers[w].prover.counts)
	}
	r.stats.Dropped = uint64(len(r.verdicts))
	r.stats.Candidates, r.stats.RejectedBySize = counts.candidates, counts.bySize
	r.stats.RejectedByBitmap, r.stats.Merged = counts.byBitmap, counts.merged
	for b, n := range r.kept.kept {
		if n > r.stats.LargestBucketKept {
			r.stats.LargestBucket, r.stats.LargestBucketKept = uint32(b), n
		}
		if int(n) > r.hotBucket {
			r.stats.HotBuckets++
		}
	}
	return r.verdicts, r.stats, nil
}

// decide keeps or drops d, which has been tested against the documents before
// lo, the first of its batch, after those of the batch that share a bucket with it.
func (r *resolution) decide(w *resolver, d, lo uint32) error {
	buckets := r.graph.Of(d)
	if len(buckets) == 0 {
		return nil
	}
	if d < r.standing.First {
		r.keep(d, buckets)
		return nil
	}
	at := int(d) % r.batch
	m, partners, err := r.against(w, d, lo, r.matches[at])
	if err != nil {
		return err
	}
	partners += r.partners[at]
	if r.standing.Before != nil {
		r.standing.Before[d].Partners += uint32(partners)
	}
	for _, b := range buckets {
		if r.large[b] {
			partners += min(int(r.kept.kept[b]), HotBucket)
		}
	}
	r.matches[at], r.partners[at] = m, partners
	if !m.known && !m.found() && !r.standing.Alone {
		r.keep(d, buckets)
	}
	return nil
}

// note takes in what was decided of d. It reports whether one of its buckets is hot.
func (r *resolution) note(d uint32) (crowded bool) {
	buckets := r.graph.Of(d)
	if len(buckets) == 0 {
		return false
	}
	r.stats.Documents++
	if d >= r.standing.First {
		m, partners := r.matches[int(d)%r.batch], r.partners[int(d)%r.batch]
		if n := uint64(partners); n > r.stats.MostCandidates {
			r.stats.MostCandidates, r.stats.MostCandidatesDoc = n, d
		}
		if m.known {
			return false // dropped, and its witness is the one that it had
		}
		if m.found() {
			r.verdicts = append(r.verdicts, Verdict{
				Doc: d, Witness: m.doc,
				Overlap: m.overlap, Union: m.union,
				Shared: r.graph.shared(d, m.doc),
			})
			return false
		}
		r.stats.KeptCandidates += uint64(partners)
	}
	return slices.ContainsFunc(buckets, func(b uint32) bool { return int(r.kept.kept[b]) > r.hotBucket })
}

// before returns the match that a document has from earlier graphs.
func (r *resolution) before(d uint32) match {
	if r.standing.Before == nil || r.standing.Before[d].Union == 0 {
		return match{}
	}
	// It comes before all documents of this graph: no equal score is better.
	return match{overlap: r.standing.Before[d].Overlap, union: r.standing.Before[d].Union, known: true}
}

// keep makes d a document that later ones are tested against.
func (r *resolution) keep(d uint32, buckets []uint32) {
	r.kept.add(d, buckets)
	if r.hot != nil {
		r.hot.prefixes.add(d)
	}
}

// against tests d against the kept documents, no earlier than from, that it
// shares a bucket with. It returns the best of them if it is better than m,
// else m, and how many share one that is not large.
func (r *resolution) against(w *resolver, d, from uint32, m match) (match, int, error) {
	buckets := r.graph.Of(d)
	room, crowded := 0, false
	for _, b := range buckets {
		if r.hot != nil && r.hot.buckets[b] {
			crowded = true
		} else {
			room += len(since(r.kept.bucket(b), from))
		}
	}
	if crowded {
		room += r.hot.prefixes.room(d, from)
	}
	if room == 0 {
		return m, 0, nil
	}
	w.gather.reset(room)
	partners := 0
	for _, large := range []bool{false, true} {
		for _, b := range buckets {
			if r.large[b] != large || r.hot != nil && r.hot.buckets[b] {
				continue
			}
			for _, other := range since(r.kept.bucket(b), from) {
				w.gather.add(other)
			}
		}
		if !large {
			partners = len(w.gather.found)
		}
	}
	if crowded {
		r.hot.prefixes.gather(&w.gather, d, from)
	}

	candidates := w.gather.bySharing()
	s := w.prover.subject(d)
	for _, c := range candidates {
		total := s.size + r.sets.Size(c.doc)
		o, ok, err := w.prover.overlap(&s, c.doc, m.bar(r.threshold, c.doc, total))
		if err != nil {
			return match{}, 0, err
		}
		// One that was found by its shingles may share no bucket.
		if ok && (!crowded || r.graph.shared(d, c.doc) > 0) {
			m = match{doc: c.doc, overlap: uint32(o), union: uint32(total - o)}
		}
	}
	return m, partners, nil
}

// hotIndex finds the kept documents of hot buckets by their shingles. Families
// of documents that share a template, but less than the threshold, stay in
// buckets together without one dropping another; going through them would cost
// the square of their number.
type hotIndex struct {
	buckets  []bool // which are looked up here
	prefixes *prefixIndex
}

// newHotIndex takes over all buckets that may become hot, with the documents
// kept so far. It is made when the first one does, so that corpora without
// hot buckets, most of them, do not pay for it.
func newHotIndex(ctx context.Context, g Graph, sets shingleset.Sets, threshold ratio, kept *keptIndex, limit int) (*hotIndex, error) {
	x := &hotIndex{buckets: make([]bool, g.Buckets)}
	for b := range x.buckets {
		x.buckets[b] = kept.begin[b+1]-kept.begin[b] > uint64(limit)
	}
	isKept := make([]bool, g.Len())
	for b := range x.buckets {
		if x.buckets[b] {
			for _, d := range kept.bucket(uint32(b)) {
				isKept[d] = true
			}
		}
	}
	var docs []uint32
	for d := range uint32(g.Len()) {
		for _, b := range g.Of(d) {
			if x.buckets[b] {
				docs = append(docs, d)
				break
			}
		}
	}
	var err error
	if x.prefixes, err = newPrefixIndex(ctx, g.Len(), docs, sets, threshold); err != nil {
		return nil, err
	}
	for _, d := range docs {
		if isKept[d] {
			x.prefixes.add(d)
		}
	}
	return x, nil
}
