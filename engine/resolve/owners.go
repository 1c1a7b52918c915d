package resolve

import (
	"cmp"
	"context"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/wire"
)

// ownership is one contributor of the group of a kept document other than the
// document's own.
type ownership struct {
	kept        int32 // node
	contributor string
}

// own notes that dropped, a node, is in the group of kept. What stands has been
// paid for, or never is: its tokens are not split again.
func (r *resolver) own(dropped, kept int32) {
	if !r.Plan.SharesCredit() || r.IsStanding(kept) {
		return
	}
	if name := r.All[dropped].Contributor; name != r.All[kept].Contributor {
		r.owners = append(r.owners, ownership{kept, name})
	}
}

// writeOwners writes the contributors of the groups that have several, by the
// place of the kept document.
func (r *resolver) writeOwners(ctx context.Context) error {
	if !r.Plan.SharesCredit() {
		return nil
	}
	slices.SortFunc(r.owners, func(a, b ownership) int {
		return cmp.Or(cmp.Compare(a.kept, b.kept), cmp.Compare(a.contributor, b.contributor))
	})
	r.owners = slices.Compact(r.owners)
	out := r.begin("owners")
	var names [][]byte
	for rest := r.owners; len(rest) > 0; rest = rest[len(names):] { // nodes, and so owners, are in order of place
		names = names[:0]
		for n := 0; n < len(rest) && rest[n].kept == rest[0].kept; n++ {
			names = append(names, []byte(rest[n].contributor))
		}
		place := r.All[rest[0].kept].Place
		e, err := out.to(ctx, place.Shard)
		if err != nil {
			return err
		}
		putOwners(e, place, names)
	}
	return out.end(ctx)
}

// putOwners writes the contributors beside the document's own.
func putOwners(e *wire.Encoder, kept doc.Place, names [][]byte) {
	e.Uint(uint64(kept.Ordinal))
	e.Uint(uint64(len(names)))
	for _, name := range names {
		e.Bytes(name)
	}
}
