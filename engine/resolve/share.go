package resolve

import (
	"cmp"
	"container/heap"
	"context"
	"encoding/binary"
	"slices"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sync/errgroup"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/docset"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// A task of decide resolves a share of the documents. Nothing is decided about a
// document but by those that it hangs together with, so shares are of whole
// components: here those of documents that share any key, be it that of a group of
// equal hash and length, which is proven only later. Every task reads all groups, finds the
// same components and shares them out in the same way, forgets what is not its own, and
// goes on as if there were nothing else.

// documentWeight is what is added to the bytes of a document in the weight of its
// component: a place in the graph takes about as long as so many bytes of text.
const documentWeight = 1 << 10

// mostWeight of a text: longer ones could not be read.
const mostWeight = 1 << 31

// sharedOut is what all tasks of decide must agree about.
type sharedOut struct {
	taken     bool   // places are those of the share alone
	documents uint64 // that share a key
	digest    uint64 // of who has which

	// For an audit: who shares a key, and of each group of equal hash and length all but
	// the first by place.
	all, later docset.Places
	collide    bool // in a group of the share texts, or sources, are not the same
}

func (s *sharedOut) put(e *wire.Encoder) {
	e.Uint(s.documents)
	e.Fixed64(s.digest)
}

func (s *sharedOut) get(d *wire.Decoder) { s.documents, s.digest = d.Uint(), d.Fixed64() }

// takeShare forgets the places of all documents that other tasks resolve.
func (r *resolver) takeShare(ctx context.Context) error {
	if held := int64(r.number) * shareBytes; r.Memory > 0 && held > r.Memory && held > leastToResolve {
		return r.tooLittle("a task of decide finds out what hangs together among all of them", held/2+leastToResolve)
	}
	together, err := r.hanging(ctx)
	if err != nil {
		return err
	}
	firsts := docset.NewBits(r.number)
	for n := range together {
		together[n] = together.Find(uint32(n))
		firsts.Add(together[n])
	}
	components, count := firsts.Rank()
	weights, err := r.weigh(ctx, count, func(number uint32) uint32 { return components.Of(together[number]) })
	if err != nil {
		return err
	}
	tasks := assign(weights, r.Plan.DecideTasks)
	var own docset.Places
	digest := xxhash.New()
	var b []byte
	number := 0
	for place := range r.places.All() {
		of := tasks[components.Of(together[number])]
		if int(of) == r.Record.Task {
			own.Add(place)
		}
		b = binary.LittleEndian.AppendUint32(b[:0], place.Shard)
		b = binary.LittleEndian.AppendUint32(b, place.Ordinal)
		digest.Write(binary.LittleEndian.AppendUint16(b, of))
		number++
	}
	r.shared.taken, r.shared.documents, r.shared.digest = true, uint64(number), digest.Sum64()
	if r.Plan.AuditPPM > 0 {
		r.shared.all = r.places
		r.shared.later.Number()
	}
	r.places = own
	r.number = own.Number()
	return nil
}

// shareBytes is what takeShare holds of every document that shares a key: its link, its
// part of the sets of places and firsts, and of its component, which has two at least, a
// weight, an entry to sort and a task.
const shareBytes = 4 + 1 + (8+4+2)/2

// hanging finds out which documents hang together: share keys, directly or by others.
func (r *resolver) hanging(ctx context.Context) (docset.Forest, error) {
	f := docset.NewForest(r.number)
	for _, kind := range []string{"exact", "buckets"} {
		err := r.readGroups(ctx, kind, func(members []doc.Place) error {
			first, err := r.at(members[0])
			if err != nil {
				return err
			}
			for _, p := range members[1:] {
				n, err := r.at(p)
				if err != nil {
					return err
				}
				f.Unite(uint32(first), uint32(n))
				if kind == "exact" && r.Plan.AuditPPM > 0 {
					r.shared.later.Add(p)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return f, nil
}

// weigh returns what so many components weigh. It reads as many shards at once as tally.
func (r *resolver) weigh(ctx context.Context, count int, component func(number uint32) uint32) ([]uint64, error) {
	weights := make([]uint64, count)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.AtOnce(task.Tally))
	for shard := range r.Plan.Shards {
		group.Go(func() error {
			var rec wire.Document
			return r.eachDocOf(ctx, shard, &rec, func(p doc.Place, _ *wire.Decision) error {
				if number, shares := r.places.Find(p); shares {
					atomic.AddUint64(&weights[component(number)], documentWeight+min(rec.Bytes, mostWeight))
				}
				return nil
			})
		})
	}
	return weights, group.Wait()
}

// isOthers reports whether a group is of the share of another task: all of its members
// then are.
func (r *resolver) isOthers(members []doc.Place) bool {
	if !r.shared.taken {
		return false
	}
	_, own := r.places.Find(members[0])
	return !own
}

// assign gives components to tasks by their weights: the heaviest first, each to the
// task with the least so far (longest processing time first; Graham 1969), of equals
// to the first. It returns the task of each.
func assign(weights []uint64, tasks int) []uint16 {
	order := make([]uint32, len(weights))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int { return cmp.Or(cmp.Compare(weights[b], weights[a]), cmp.Compare(a, b)) })
	loads := make(loads, tasks)
	for i := range loads {
		loads[i].task = uint16(i)
	}
	out := make([]uint16, len(weights))
	for _, c := range order {
		out[c] = loads[0].task
		loads[0].weight += weights[c]
		heap.Fix(&loads, 0)
	}
	return out
}

// load is what a task has to do.
type load struct {
	weight uint64
	task   uint16
}

// loads is a heap of them, the least on top.
type loads []load

func (l loads) Len() int { return len(l) }
func (l loads) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(l[i].weight, l[j].weight), cmp.Compare(l[i].task, l[j].task)) < 0
}
func (l loads) Swap(i, j int) { l[i], l[j] = l[j], l[i] }
func (l *loads) Push(any)     {}
func (l *loads) Pop() any     { return nil }
