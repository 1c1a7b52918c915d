//go:build race

package spbpe

func init() { raceEnabled = true }
