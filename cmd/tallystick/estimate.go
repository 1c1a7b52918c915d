package main

import (
	"fmt"
	"runtime"

	"github.com/tallystick/tallystick/engine"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/estimate"
)

// usualNetwork is what a machine among several is taken to move if nobody says
// otherwise, in bytes a second: 10 Gbit/s.
const usualNetwork = 1_250_000_000

type estimateFlags struct {
	Estimate bool     `help:"Also show what a run takes: tasks, memory, files, bytes moved, time of every stage."`
	Machines natural  `default:"1" placeholder:"N" help:"Machines that share the tasks (default: 1)."`
	Cores    natural  `placeholder:"N" help:"Cores of each (default: those of this one)."`
	Network  byteSize `placeholder:"SIZE" help:"Bytes a second that each moves, such as 1250MB (default: 1250MB; no limit for one machine)."`
	Memory   byteSize `placeholder:"SIZE" help:"Bound on memory that processes will have, as in run (default: none)."`
	Sample   byteSize `placeholder:"SIZE" help:"How much of the corpus is tried (default: 64MiB)."`
	JSON     bool     `name:"json" help:"Print estimate.json instead of tables; implies --estimate."`
}

// check refuses what makes no sense, and completes the rest.
func (f *estimateFlags) check() error {
	f.Estimate = f.Estimate || f.JSON
	if !f.Estimate && (f.Machines > 1 || f.Cores > 0 || f.Network > 0 || f.Memory > 0 || f.Sample > 0) {
		return fmt.Errorf("%w: --machines, --cores, --network, --memory and --sample say what to estimate: add --estimate", doc.ErrUsage)
	}
	if f.Machines == 0 {
		return fmt.Errorf("%w: --machines: there is at least one", doc.ErrUsage)
	}
	if f.Memory > 0 && f.Memory < engine.LeastMemory {
		return fmt.Errorf("%w: --memory: the least bound is %d MiB", doc.ErrUsage, engine.LeastMemory>>20)
	}
	if f.Cores == 0 {
		f.Cores = natural(runtime.NumCPU())
	}
	if f.Network == 0 && f.Machines > 1 {
		f.Network = usualNetwork
	}
	return nil
}

func (f *estimateFlags) options() engine.EstimateOptions {
	return engine.EstimateOptions{
		Fleet: estimate.Fleet{
			Machines: int(min(f.Machines, 1<<20)), Cores: int(min(f.Cores, 1<<16)), Network: float64(f.Network), Memory: int64(f.Memory),
		},
		SampleSize: int64(f.Sample),
	}
}
