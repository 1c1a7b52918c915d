package sweepable

import "github.com/tallystick/tallystick/engine/fate"

// Files are one of each kind.
var Files = []string{sweepGraph, sweepSets, sweepDocs(1)}

// Nodes are the documents that k decides.
func (k *Kept) Nodes() *fate.Nodes { return k.nodes }
