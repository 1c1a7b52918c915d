package main

import (
	"fmt"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/request"
)

// auditFlags ask for an audit.
type auditFlags struct {
	Audit auditShare `default:"auto" placeholder:"SHARE" group:"Near duplicates:" help:"Share of the texts to measure the recall on, such as 1%; auto: 0.1%, but 100 texts at least and 1,000 at most; off (default: auto)."`
}

func (f *auditFlags) apply(r *request.Rules) { r.Audit, r.AuditPPM = f.Audit.auto, f.Audit.ppm }

// auditShare is a share of the texts.
type auditShare struct {
	auto bool
	ppm  int64
}

// UnmarshalText parses a share from 0 to 1, auto or off.
func (a *auditShare) UnmarshalText(text []byte) error {
	switch string(text) {
	case "auto":
		*a = auditShare{auto: true}
		return nil
	case "off":
		*a = auditShare{}
		return nil
	}
	var m millionths
	if err := m.UnmarshalText(text); err != nil {
		return err
	}
	if m > 1e6 {
		return fmt.Errorf("%w: %q is more than all texts", doc.ErrUsage, text)
	}
	*a = auditShare{ppm: int64(m)}
	return nil
}
