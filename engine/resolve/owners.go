package resolve

import (
	"cmp"
	"context"
	"slices"

	"github.com/tallystick/tallystick/engine/task"
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
	rest := r.owners
	for shard := range r.delivery {
		e, err := r.Encode(ctx, task.WorkPath(task.Resolve, shard, "owners"), wire.MagicOwners)
		if err != nil {
			return err
		}
		// Nodes, and so owners, are in order of place.
		for len(rest) > 0 && r.All[rest[0].kept].Place.Shard == uint32(shard) {
			kept := rest[0].kept
			n := 1
			for n < len(rest) && rest[n].kept == kept {
				n++
			}
			e.Uint(uint64(r.All[kept].Place.Ordinal))
			e.Uint(uint64(n))
			for _, o := range rest[:n] {
				e.Str(o.contributor)
			}
			rest = rest[n:]
		}
		if err := e.Flush(); err != nil {
			return err
		}
	}
	return nil
}
