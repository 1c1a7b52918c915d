package main

import (
	"fmt"

	"github.com/tallystick/tallystick/engine/doc"
)

// auditFlags ask for an audit.
type auditFlags struct {
	Audit auditShare `default:"0" placeholder:"SHARE" group:"Near duplicates:" help:"Measure the recall on a sample of the texts, such as 0.1%: reads all texts once more (default: 0, no audit)."`
}

// auditShare is a share of the texts, in millionths.
type auditShare millionths

// UnmarshalText parses a share from 0 to 1.
func (a *auditShare) UnmarshalText(text []byte) error {
	var m millionths
	if err := m.UnmarshalText(text); err != nil {
		return err
	}
	if m > 1e6 {
		return fmt.Errorf("%w: %q is more than all texts", doc.ErrUsage, text)
	}
	*a = auditShare(m)
	return nil
}
