//go:build race

package pretoken

func init() { raceEnabled = true }
