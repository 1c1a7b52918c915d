package cluster

import (
	"time"

	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/task"
)

// guess is what a plan without an estimate lets one suppose about a corpus. It is
// generous: a job that asks for too much waits, one that asks for too little dies.
type guess struct {
	text      int64 // bytes, uncompressed
	largest   int64 // of a shard, uncompressed
	documents int64
	p         *plan.Plan
}

const (
	ratio        = 5    // text of a compressed file, by its size
	documentSize = 1000 // bytes: corpora of less have more documents than supposed
	slowest      = 10e6 // bytes of text a second and CPU: a tenth of what is usual
	keySize      = 16   // bytes of a key in match
	sortedTwice  = 3    // times the keys, while they are joined
	fasterKept   = 6    // times as fast one thread compresses what a sweepable run keeps of a text
	memberShare  = 4    // of the documents one in so many shares a key with another
	memberSize   = 512  // bytes of such a document in resolve
	othersSize   = 16   // and in each task of decide, or where only that is kept of it
	perWorker    = 256 << 20
	process      = 512 << 20
)

func guessOf(p *plan.Plan) guess {
	g := guess{p: p}
	for _, s := range p.Shards {
		n := s.Length
		if p.Files[s.File].Compression != "none" {
			n *= ratio
		}
		g.text += n
		g.largest = max(g.largest, n)
	}
	g.documents = g.text/documentSize + 1
	return g
}

// of returns the memory and the time of a job.
func (g guess) of(s *Stage) (memory int64, limit time.Duration) {
	busy := int64(min(s.CPUs, s.PerJob))
	rounds := (s.PerJob + s.CPUs - 1) / s.CPUs
	memory, limit = process+busy*perWorker, 10*time.Minute
	seconds := func(bytes int64) time.Duration { return time.Duration(float64(bytes) / slowest * float64(time.Second)) }
	switch s.Name {
	case task.Scan:
		// A line in a buffer of twice its length, by each worker.
		memory += busy * min(2*g.p.MaxLine, g.largest)
		limit += time.Duration(rounds) * seconds(g.largest)
	case task.Match:
		keys := g.documents * int64(g.p.NearDup.Bands+1) / int64(max(1, g.p.Partitions)) * keySize
		memory += busy * keys * sortedTwice
		limit += time.Duration(rounds) * seconds(keys*sortedTwice)
	case task.Decide:
		// All tasks look at all documents, then each at its share.
		tasks, members := int64(s.Tasks), g.documents/memberShare
		memory += int64(s.CPUs)*perWorker + members*memberSize/tasks + members*othersSize
		limit += time.Duration(s.PerJob) * (seconds(g.text/tasks)/time.Duration(s.CPUs) + seconds(g.text/100))
	case task.Resolve:
		members := g.documents / memberShare * memberSize
		if g.p.DecideTasks > 0 {
			members = g.documents
			if g.p.NearDup.Sweepable() { // it numbers all of them
				members += g.documents / memberShare * othersSize
			}
		}
		memory += int64(s.CPUs)*perWorker + members
		limit += seconds(g.text) / time.Duration(s.CPUs)
		if g.p.NearDup.Sweepable() { // which has to be one thread
			limit += seconds(g.text / fasterKept)
		}
	case task.Tally:
		limit += time.Duration(rounds) * seconds(g.largest/10)
	case task.Seal:
		memory += g.documents / 10 // names of contributors
		limit += seconds(g.text / 1000)
	}
	return memory, limit
}
