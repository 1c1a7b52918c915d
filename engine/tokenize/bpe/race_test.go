//go:build race

package bpe

func init() { raceEnabled = true }
