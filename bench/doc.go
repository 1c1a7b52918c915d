// Package bench measures the parts of a job and the whole of it, beside rivals
// that do the same work in the same process: `go test -bench . ./bench`.
// Everything lives in its tests; README.md says how to run and record them.
package bench
