//go:build !amd64 || purego

package cutscan

import "github.com/tallystick/tallystick/kernels"

func (t *Table) scan(starts []uint64, text []byte, at int, leads *Leads) {
	t.scanGeneric(starts, text, at, leads)
}

func (e *Edges) near(near, places []uint64, text []byte, at int) {
	e.nearGeneric(near, places, text, at)
}

func (p *Pairs) among(text *Padded, places uint64, before uint32) uint64 {
	return p.amongGeneric(text, places, before)
}

func implementation() string { return kernels.Generic }

// ForceGeneric makes Scan use the Go reference until restore is called, which it
// does in this build anyway.
func ForceGeneric() (restore func()) { return func() {} }

// ForceAVX2 is ForceGeneric for what machines without AVX-512 do.
func ForceAVX2() (restore func()) { return func() {} }
