package neardup

import "context"

// Verdict says that document Doc is dropped and why: it and the kept document
// Witness have Overlap shingles in common out of Union, and share Shared
// buckets. Doc and Witness are ranks.
type Verdict struct {
	Doc, Witness   uint32
	Overlap, Union uint32
	Shared         int
}

// Stats describe the work of a Resolve. They depend on the input alone.
type Stats struct {
	Documents uint64 // in at least one bucket
	Dropped   uint64

	// Pairs of a document and a kept one that share a bucket, and what
	// settled them: Candidates = RejectedBySize + RejectedByBitmap + Merged.
	// A pair is rejected when it cannot reach the threshold or be a better
	// witness than one already proven.
	Candidates       uint64
	RejectedBySize   uint64
	RejectedByBitmap uint64
	Merged           uint64

	// The document with the most candidates, the first of equals.
	MostCandidates    uint64
	MostCandidatesDoc uint32

	// The bucket that ended with the most kept documents, the lowest id of
	// equals. Large buckets cost time, never a document.
	LargestBucket     uint32
	LargestBucketKept uint32
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

// largest returns the first bucket with the most kept documents.
func (x *keptIndex) largest() (id, kept uint32) {
	for b, n := range x.kept {
		if n > kept {
			id, kept = uint32(b), n
		}
	}
	return id, kept
}

// Resolve decides which documents are dropped, by this definition: take the
// documents in priority order; one is dropped if and only if some already kept
// document shares a bucket with it and their true Jaccard is at least num/den;
// its witness is the highest-scoring such document, of equal scores the
// earlier. Verdicts ascend by document; they and the statistics are the same
// for any number of workers.
//
// It goes in batches. The documents of a batch are first tested in parallel
// against those kept before the batch, then one by one, in order, against
// those kept within it. Only kept documents are ever candidates, and no test
// is made that the definition does not ask for: this keeps revision histories
// from costing the square of their length.
//
// Progress, if not nil, is told the number of documents done, from the
// caller's goroutine.
func Resolve(ctx context.Context, g Graph, sets Sets, num, den int64, workers int, progress func(done int)) ([]Verdict, Stats, error) {
	threshold, err := newThreshold(num, den)
	if err != nil {
		return nil, Stats{}, err
	}
	return resolve(ctx, g, sets, threshold, workers, batchSize, progress)
}

func resolve(ctx context.Context, g Graph, sets Sets, threshold ratio, workers, batch int, progress func(done int)) ([]Verdict, Stats, error) {
	var (
		verdicts  []Verdict
		stats     Stats
		index     = newKeptIndex(g)
		resolvers = make([]resolver, max(workers, 1))
		matches   = make([]match, batch)
		tested    = make([]int, batch) // candidates of each document of the batch
	)
	for w := range resolvers {
		resolvers[w] = resolver{
			prover: prover{sets: sets, threshold: threshold},
			graph:  g,
			index:  index,
		}
	}

	each := func(w int, d uint32) error {
		at := int(d) % batch
		var err error
		matches[at], tested[at], err = resolvers[w].against(d, 0, match{})
		return err
	}
	after := func(lo, hi uint32) error {
		for d := lo; d < hi; d++ {
			buckets := g.Of(d)
			if len(buckets) == 0 {
				continue
			}
			at := int(d) % batch
			m, n, err := resolvers[0].against(d, lo, matches[at])
			if err != nil {
				return err
			}
			stats.Documents++
			if n := uint64(tested[at] + n); n > stats.MostCandidates {
				stats.MostCandidates, stats.MostCandidatesDoc = n, d
			}
			if m.found() {
				verdicts = append(verdicts, Verdict{Doc: d, Witness: m.doc, Overlap: m.overlap, Union: m.union, Shared: m.shared})
			} else {
				index.add(d, buckets)
			}
		}
		if progress != nil {
			progress(int(hi))
		}
		return nil
	}
	if err := inBatches(ctx, g.Len(), batch, len(resolvers), each, after); err != nil {
		return nil, Stats{}, err
	}

	var counts proofCounts
	for w := range resolvers {
		counts.add(resolvers[w].prover.counts)
	}
	stats.Dropped = uint64(len(verdicts))
	stats.Candidates, stats.RejectedBySize = counts.candidates, counts.bySize
	stats.RejectedByBitmap, stats.Merged = counts.byBitmap, counts.merged
	stats.LargestBucket, stats.LargestBucketKept = index.largest()
	return verdicts, stats, nil
}

// resolver tests documents against the kept index. It belongs to one
// goroutine.
type resolver struct {
	prover prover
	graph  Graph
	index  *keptIndex
	gather gatherer
}

// against tests d against the kept documents, no earlier than from, that it
// shares a bucket with. It returns the better of m and the best of them, and
// how many there were.
func (r *resolver) against(d, from uint32, m match) (match, int, error) {
	buckets := r.graph.Of(d)
	room := 0
	for _, b := range buckets {
		room += len(since(r.index.bucket(b), from))
	}
	if room == 0 {
		return m, 0, nil
	}
	r.gather.reset(room)
	for _, b := range buckets {
		for _, other := range since(r.index.bucket(b), from) {
			r.gather.add(other)
		}
	}
	candidates := r.gather.bySharing()
	m, err := r.prover.best(d, candidates, m)
	return m, len(candidates), err
}

// since returns the end of the ascending list docs that is not before from,
// looking from its end: of a batch, a bucket has few.
func since(docs []uint32, from uint32) []uint32 {
	if from == 0 {
		return docs
	}
	i := len(docs)
	for i > 0 && docs[i-1] >= from {
		i--
	}
	return docs[i:]
}
