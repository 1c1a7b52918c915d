package lease

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestMain lets the tests start processes that hold a lease and do nothing.
func TestMain(m *testing.M) {
	if path := os.Getenv("TEST_LEASE"); path != "" {
		if _, err := Take(path, "sleeper"); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("taken")
		time.Sleep(time.Minute)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// sleeper starts a process that holds the lease of path.
func sleeper(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "TEST_LEASE="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "taken\n" {
		t.Fatalf("the other process: %q, %v", line, err)
	}
	return cmd
}

func TestTakeAndRelease(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lease")
	if _, _, err := Look(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("nobody holds it: %v", err)
	}
	l, err := Take(path, "run")
	if err != nil {
		t.Fatal(err)
	}
	h, living, err := Look(path)
	if err != nil || !living || h.Command != "run" || h.PID != os.Getpid() {
		t.Fatalf("held by %+v, living %v, %v", h, living, err)
	}
	var held HeldError
	if _, err := Take(path, "plan"); !errors.As(err, &held) || !strings.Contains(err.Error(), fmt.Sprintf("run (process %d on ", os.Getpid())) {
		t.Fatalf("taken twice: %v", err)
	}
	l.Release()
	l.Release()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("released, its file is there: %v", err)
	}
	if l, err = Take(path, "plan"); err != nil {
		t.Fatal(err)
	}
	l.Release()
	if _, err := Take(filepath.Join(path, "below", "nowhere"), "run"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in no folder: %v", err)
	}
}

// A lease ends with the process that holds it, however that ends, and another
// takes it over at once.
func TestKilledHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lease")
	other := sleeper(t, path)
	var held HeldError
	if _, err := Take(path, "run"); !errors.As(err, &held) || held.Holder.PID != other.Process.Pid {
		t.Fatalf("taken from a living process: %v", err)
	}
	found, err := Held(filepath.Dir(path))
	if err != nil || len(found) != 1 || found[0].Name != "lease" || !found[0].Living {
		t.Fatalf("found %v, %v", found, err)
	}
	other.Process.Kill()
	other.Wait()
	if h, living, err := Look(path); err != nil || living || h.Command != "sleeper" {
		t.Fatalf("after the kill: %v, living %v, %v", h, living, err)
	}
	l, err := Take(path, "run")
	if err != nil {
		t.Fatal(err)
	}
	l.Release()
}

// Of many that want a lease at once one gets it, also where a dead holder left
// its file.
func TestOneWinner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lease")
	for round := range 20 {
		if round%2 == 1 {
			write(t, path, `{"command":"run","host":"`+self("").Host+`","pid":1,"boot":"`+self("").Boot+`"}`, time.Now())
		}
		var winners atomic.Int32
		var all sync.WaitGroup
		var mine [8]*Lease
		for i := range mine {
			all.Go(func() {
				if l, err := Take(path, "run"); err == nil {
					winners.Add(1)
					mine[i] = l
				} else if held := (HeldError{}); !errors.As(err, &held) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := winners.Load(); n != 1 {
			t.Fatalf("round %d: %d winners", round, n)
		}
		for _, l := range mine {
			if l != nil {
				l.Release()
			}
		}
	}
}

// Somebody who looks at a file that is just made, and has nothing in it yet, must
// not keep it from who made it: nobody would get it then.
func TestLookedAtWhileMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lease")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tryLock(other, false); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(20*time.Millisecond, func() { other.Close() })
	l, err := hold(f, true, path, "run")
	if err != nil {
		t.Fatal(err)
	}
	l.Release()
}

func write(t *testing.T, path, text string, touched time.Time) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, touched, touched); err != nil {
		t.Fatal(err)
	}
}

// A holder on another machine is judged by the age of its file alone: its lock
// may not reach here.
func TestOtherMachine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lease")
	const text = `{"command":"run","host":"elsewhere","pid":7,"started":"2026-01-02T03:04:05Z","boot":"b"}`
	write(t, path, text, time.Now().Add(-Lost/2))
	var held HeldError
	if _, err := Take(path, "run"); !errors.As(err, &held) || err.Error() != "held by run (process 7 on elsewhere, since 2026-01-02 03:04:05 UTC)" {
		t.Fatalf("taken from a process that was alive a minute ago: %v", err)
	}
	write(t, path, text, time.Now().Add(-2*Lost))
	l, err := Take(path, "run")
	if err != nil {
		t.Fatal(err)
	}
	l.Release()
	// A file that says nothing was being written, or belongs to who died then.
	write(t, path, `{"comm`, time.Now())
	if _, err := take(path, "run"); !errors.As(err, &held) || held.Holder != (Holder{}) {
		t.Fatalf("half a lease: %v", err)
	}
	if l, err = Take(path, "run"); err != nil {
		t.Fatalf("half a lease that stays one: %v", err)
	}
	l.Release()
	write(t, path, "", time.Now())
	if h, living, err := Look(path); err != nil || living {
		t.Errorf("an empty lease that stays one: held by %+v, living %v, %v", h, living, err)
	}
}

func TestAlive(t *testing.T) {
	me, now := self("run"), time.Now()
	dead := me
	dead.PID = 1 << 30
	there := me
	there.Boot = "another boot"
	for _, c := range []struct {
		name  string
		h     Holder
		state lockState
		touch time.Time
		want  bool
	}{
		{"its lock is held", dead, lockRefused, now.Add(-time.Hour), true},
		{"here, without its lock", me, lockTaken, now, false},
		{"here, no locks, a process", me, lockUnknown, now, true},
		{"here, no locks, another process of that number", me, lockUnknown, now.Add(-time.Hour), false},
		{"elsewhere, no locks", there, lockUnknown, now, true},
		{"elsewhere, a lock that does not reach there", there, lockTaken, now, true},
		{"starting", Holder{}, lockTaken, now, true},
		{"ended as it started", Holder{}, lockTaken, now.Add(-3 * time.Second), false},
		{"starting elsewhere, no locks", Holder{}, lockUnknown, now.Add(-3 * time.Second), true},
		{"elsewhere, silent", there, lockTaken, now.Add(-time.Hour), false},
	} {
		if got := alive(c.h, c.state, c.touch); got != c.want {
			t.Errorf("%s: alive is %v, want %v", c.name, got, c.want)
		}
	}
}

// TestStoppedWhileTaking: a process that was stopped while it looked at a file that was just
// released takes it when it goes on, however long that was; one that is held stays held.
func TestStoppedWhileTaking(t *testing.T) {
	var clock time.Time
	now := func() time.Time {
		clock = clock.Add(time.Hour)
		return clock
	}
	for _, first := range []error{errMoved, HeldError{Holder{Host: "another"}}} {
		errs := []error{first, nil}
		if _, err := patiently(func() (*Lease, error) {
			err := errs[0]
			errs = errs[1:]
			return nil, err
		}, now); err != nil {
			t.Errorf("%v at first: %v", first, err)
		}
		if _, err := patiently(func() (*Lease, error) { return nil, first }, now); err != first {
			t.Errorf("%v again and again: %v", first, err)
		}
	}
}
