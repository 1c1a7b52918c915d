package main

import (
	"fmt"

	"github.com/tallystick/tallystick/engine/object"
)

// local refuses the folder of a run that is in a store to commands that read
// and write local files only.
func local(folders ...string) error {
	for _, f := range folders {
		if object.IsName(f) {
			return fmt.Errorf("%s is not a local folder; copy the run from its store first (aws s3 cp --recursive)", f)
		}
	}
	return nil
}

// Validate is called when the arguments are parsed.
func (c *verifyCmd) Validate() error { return local(c.Dir) }

// Validate is called when the arguments are parsed.
func (c *explainCmd) Validate() error { return local(c.Dir) }

// Validate is called when the arguments are parsed.
func (c *payCmd) Validate() error { return local(c.Dir) }

// Validate is called when the arguments are parsed.
func (c *sweepCmd) Validate() error { return local(c.Out) }

// Validate is called when the arguments are parsed.
func (c *rethresholdCmd) Validate() error { return local(c.Dir, c.Out) }
