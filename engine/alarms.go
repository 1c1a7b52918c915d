package engine

import (
	"fmt"

	"github.com/tallystick/tallystick/engine/alarm"
	"github.com/tallystick/tallystick/engine/folder"
)

// notedAlarms is how many alarms the report and the summary spell out.
const notedAlarms = 5

// alarmNotes returns the alarms of the run in dir as sentences, the first ones.
// floored says that its buckets are those of a floor.
func alarmNotes(dir string, floored bool) ([]string, error) {
	f, err := folder.ReadAlarms(dir)
	if err != nil {
		return nil, err
	}
	var notes []string
	for _, a := range f.Alarms[:min(len(f.Alarms), notedAlarms)] {
		notes = append(notes, fmt.Sprintf("Alarm: %s.", a.Message))
	}
	if more := f.Raised() - len(notes); more > 0 {
		notes = append(notes, fmt.Sprintf("Alarms: %d more are in %s.", more, alarm.Name))
	}
	if floored && f.Measured.Percolates(&f.Limits) {
		notes = append(notes, fmt.Sprintf("By the buckets of the floor %s: a higher floor saves time, and the decisions stay as they are.", f.Measured.Neighbours()))
	}
	return notes, nil
}
