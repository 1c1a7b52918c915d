package engine

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/tallystick/tallystick/engine/estimate"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/plan"
)

// LoadEstimate reads the estimate beside the plan in a file. found is false where
// there is none; that of another plan is none.
func LoadEstimate(planFile string, p *plan.Plan) (e estimate.File, found bool, err error) {
	name := filepath.Join(filepath.Dir(planFile), estimate.Name)
	if object.IsName(planFile) {
		name = object.Join(object.Dir(planFile), estimate.Name)
	}
	b, err := readAnywhere(name)
	if errors.Is(err, fs.ErrNotExist) {
		return e, false, nil
	}
	if err != nil {
		return e, false, err
	}
	if e, err = estimate.Parse(b); err != nil {
		return e, false, err
	}
	return e, e.RunID == p.RunID, nil
}
