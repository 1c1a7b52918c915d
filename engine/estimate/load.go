package estimate

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/plan"
)

// Load reads the estimate beside the plan in a file. found is false where
// there is none; that of another plan is none.
func Load(planFile string, p *plan.Plan) (e File, found bool, err error) {
	name := filepath.Join(filepath.Dir(planFile), Name)
	if object.IsName(planFile) {
		name = object.Join(object.Dir(planFile), Name)
	}
	b, err := folder.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return e, false, nil
	}
	if err != nil {
		return e, false, err
	}
	if e, err = Parse(b); err != nil {
		return e, false, err
	}
	return e, e.RunID == p.RunID, nil
}
