package stage

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/task/tasktest"
)

// A job over a store that fails one operation in ten, reads short, lists what
// was, and takes its time: tasks that fail are done again, and every output is
// what it is on a good day.
func TestFaultyStore(t *testing.T) {
	good := newDecideJob(t, 1)
	runAll(t, good)
	want := tasktest.Contents(t, good)
	overloaded := errors.New("503 slow down")
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 0))
			mem := store.NewMem()
			mem.MaxRead, mem.Stale, mem.Latency = 30_000, 3, time.Microsecond
			failed := map[store.Op]int{}
			mem.Fail = func(op store.Op, _ string) error {
				often := 20
				if op == store.OpRead {
					often = 200 // a task reads much more often than it writes
				}
				if dice.IntN(often) > 0 {
					return nil
				}
				failed[op]++
				return overloaded
			}
			job := *good
			job.Out, job.Dir = mem, t.TempDir()
			if err := os.Mkdir(filepath.Join(job.Dir, task.WorkDir), 0o777); err != nil {
				t.Fatal(err)
			}
			for task.WriteJSON(t.Context(), mem, task.PlanFile, job.Plan) != nil {
				continue
			}
			for _, name := range task.Order {
				tasks, err := job.Tasks(name)
				if err != nil {
					t.Fatal(err)
				}
				for i := range tasks {
					err := overloaded
					for try := 0; err != nil; try++ {
						if !errors.Is(err, overloaded) || try == 1000 {
							t.Fatalf("%s task %d, try %d: %v", name, i, try, err)
						}
						_, _, err = Do(t.Context(), &job, name, i)
					}
				}
			}
			mem.Fail, mem.Stale = nil, 0
			for _, op := range []store.Op{store.OpOpen, store.OpRead, store.OpWrite, store.OpCommit, store.OpCommitted} {
				if failed[op] == 0 {
					t.Errorf("no %s failed: %v", op, failed)
				}
			}
			got := map[string]string{}
			for name := range want {
				f, err := mem.Open(t.Context(), name)
				if err != nil {
					t.Fatal(err)
				}
				b, err := io.ReadAll(f)
				if err != nil {
					t.Fatal(err)
				}
				got[name] = string(b)
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("outputs differ from those of a good day (-want +got):\n%s", strings.ToValidUTF8(diff, "?"))
			}
		})
	}
}
