package resolve

// DoIn is Do, or Decide, in a room of so many bytes; MergeIn is Merge in one.
var (
	DoIn    = resolveIn
	MergeIn = mergeIn
)
