package folder

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tallystick/tallystick/engine/alarm"
)

// ReadAlarms reads alarms.json; a run of before there was one has none.
func ReadAlarms(dir string) (alarm.File, error) {
	b, err := os.ReadFile(filepath.Join(dir, alarm.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return alarm.File{}, nil
	}
	if err != nil {
		return alarm.File{}, err
	}
	return alarm.Parse(b)
}

// RefuseAlarms returns an error if the finished run in dir has alarms: it was
// made without --strict and is now asked for with it.
func RefuseAlarms(dir string) error {
	f, err := ReadAlarms(dir)
	if err != nil || f.Raised() == 0 {
		return err
	}
	return &alarm.ErrRaised{File: f, Path: filepath.Join(dir, alarm.Name), Finished: true}
}
