package stage

import "github.com/tallystick/tallystick/engine/task"

// Names of package task that callers still know by their old ones.
type (
	Name    = task.Stage
	Job     = task.Job
	Record  = task.Record
	Counter = task.Counter
	WorkSum = task.WorkSum
)

// The stages, and names of files.
const (
	Scan    = task.Scan
	Match   = task.Match
	Resolve = task.Resolve
	Tally   = task.Tally
	Seal    = task.Seal

	WorkDir    = task.WorkDir
	PlanFile   = task.PlanFile
	StdinSpool = task.StdinSpool
)

// What callers use of files and inputs.
var (
	Order        = task.Order
	NewParser    = task.NewParser
	Digest       = task.Digest
	WriteJSON    = task.WriteJSON
	WriteNewJSON = task.WriteNewJSON
	WriteBytes   = task.WriteBytes
)
