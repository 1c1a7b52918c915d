package lease

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/store/storetest"
)

// leave writes a lease as a holder leaves it whose last beat was that long ago.
func leave(t *testing.T, s Store, name string, h Holder, ago time.Duration) {
	t.Helper()
	text, err := json.Marshal(object{Holder: h, ID: "left", Beat: time.Now().Add(-ago)})
	if err != nil {
		t.Fatal(err)
	}
	_, version, err := s.Fetch(t.Context(), name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if _, err := s.Swap(t.Context(), name, version, text); err != nil {
		t.Fatal(err)
	}
}

func TestTakeIn(t *testing.T) {
	s := store.NewMem()
	first, err := TakeIn(t.Context(), s, "lock", "run")
	if err != nil {
		t.Fatal(err)
	}
	var held HeldError
	if _, err := TakeIn(t.Context(), s, "lock", "plan"); !errors.As(err, &held) || held.Holder.Command != "run" || held.Holder.PID != os.Getpid() {
		t.Errorf("taken twice: %v", err)
	}
	if h, living, err := LookIn(t.Context(), s, "lock"); err != nil || !living || h.Command != "run" {
		t.Errorf("%v, living %v, %v", h, living, err)
	}
	first.Release()
	first.Release()
	if _, _, err := LookIn(t.Context(), s, "lock"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after the release: %v", err)
	}
	elsewhere := Holder{Command: "run", Host: "elsewhere", PID: 1}
	mine := selfIn("run")
	dead := mine
	dead.PID = 1 << 30
	container := mine // of this machine, with the same names and numbers
	container.Boot += "0"
	for name, c := range map[string]struct {
		h      Holder
		ago    time.Duration
		living bool
	}{
		"living elsewhere":   {elsewhere, Lost - 10*time.Second, true},
		"silent elsewhere":   {elsewhere, Lost + time.Second, false},
		"dead here":          {dead, 0, false},
		"left by a release":  {mine, 0, false},
		"another container":  {container, 0, true},
		"a silent container": {container, Lost + time.Second, false},
		"a wrong clock":      {elsewhere, -Lost - time.Minute, false},
	} {
		leave(t, s, "lock", c.h, c.ago)
		if h, living, err := LookIn(t.Context(), s, "lock"); err != nil || living != c.living || h != c.h {
			t.Errorf("%s: %v, living %v, %v", name, h, living, err)
		}
		l, err := TakeIn(t.Context(), s, "lock", "run")
		switch {
		case c.living && !errors.As(err, &held), !c.living && err != nil:
			t.Errorf("%s: %v", name, err)
		case err == nil:
			l.Release()
		}
		if err := s.Remove(t.Context(), "lock"); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"", "{", "[]", `{"beat":"tomorrow"}`, strings.Repeat(" ", most+1)} {
		if _, err := s.Swap(t.Context(), "lock", "", []byte(text)); err != nil {
			t.Fatal(err)
		}
		if l, err := TakeIn(t.Context(), s, "lock", "run"); err != nil {
			t.Errorf("%.20q: %v", text, err)
		} else {
			l.Release()
		}
	}
}

// TestOneTakes: of many who want the lease of a dead holder, in a store that
// is overloaded, loses answers and lists what was, one has it at a time; and a
// store that works again holds up nobody.
func TestOneTakes(t *testing.T) {
	for seed := range uint64(8) {
		s := store.NewMem()
		s.Stale = 3
		leave(t, s, "lock", Holder{Host: "elsewhere", PID: 1}, 2*Lost)
		dice := rand.New(rand.NewPCG(seed, 0))
		s.Fail = func(store.Op, string) error {
			if dice.IntN(5) > 0 {
				return nil
			}
			return errors.New("503 slow down")
		}
		var wg sync.WaitGroup
		var holders, taken atomic.Int64
		for range 8 {
			wg.Go(func() {
				for range 20 {
					l, err := TakeIn(t.Context(), s, "lock", "run")
					if err != nil {
						continue
					}
					if holders.Add(1) > 1 {
						t.Errorf("seed %d: two holders", seed)
					}
					time.Sleep(100 * time.Microsecond)
					taken.Add(1)
					holders.Add(-1)
					l.Release()
				}
			})
		}
		wg.Wait()
		if taken.Load() == 0 {
			t.Errorf("seed %d: nobody ever had it", seed)
		}
		s.Fail = nil
		l, err := TakeIn(t.Context(), s, "lock", "run")
		if err != nil {
			t.Fatalf("seed %d: after all: %v", seed, err)
		}
		l.Release()
	}
}

// until waits for what must come true.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited for %s", what)
		}
	}
}

// TestBeats: a holder is heard of through failures, until somebody takes over.
func TestBeats(t *testing.T) {
	beatEvery = time.Millisecond
	defer func() { beatEvery = Beat }()
	s := store.NewMem()
	l, err := TakeIn(t.Context(), s, "lock", "run")
	if err != nil {
		t.Fatal(err)
	}
	beat := func() time.Time {
		o, _, err := fetch(t.Context(), s, "lock")
		if err != nil {
			t.Fatal(err)
		}
		return o.Beat
	}
	for range 3 {
		before := beat()
		until(t, "a beat", func() bool { return beat().After(before) })
	}
	// A store may be asked twice to remove what another gave back, and take this.
	if err := s.Remove(t.Context(), "lock"); err != nil {
		t.Fatal(err)
	}
	until(t, "the lease again", func() bool {
		h, living, err := LookIn(t.Context(), s, "lock")
		return err == nil && living && h == l.content.Holder
	})
	// Another takes over, which it may if this one was silent.
	other := Holder{Command: "run", Host: "elsewhere", PID: 1}
	until(t, "the other", func() bool {
		_, version, err := s.Fetch(t.Context(), "lock")
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(object{Holder: other, ID: "other", Beat: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Swap(t.Context(), "lock", version, text)
		return err == nil
	})
	l.beats.Wait() // it notices
	l.Release()
	if h, living, err := LookIn(t.Context(), s, "lock"); err != nil || !living || h != other {
		t.Errorf("after the release of who lost it: %v, %v, %v", h, living, err)
	}
}

// TestRenew: a store in which a lease cannot be renewed is known at once; one that
// is only overloaded is none.
func TestRenew(t *testing.T) {
	mem := store.NewMem()
	l, err := TakeIn(t.Context(), storetest.Unconditional{Mem: mem}, "lock", "run")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Renew(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("without conditional writes: %v", err)
	}
	l.Release()
	if _, _, err := LookIn(t.Context(), mem, "lock"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after the release: %v", err)
	}

	if l, err = TakeIn(t.Context(), mem, "lock", "run"); err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	before := l.beaten
	mem.Fail = func(store.Op, string) error { return errors.New("503 slow down") }
	if err := l.Renew(); err != nil || l.beaten != before {
		t.Errorf("overloaded: %v", err)
	}
	mem.Fail = nil
	if err := l.Renew(); err != nil || !l.beaten.After(before) {
		t.Errorf("%v, beaten %v", err, l.beaten.Sub(before))
	}
}

// TestReleaseOfAnothers: who was suspended, and so does not know that its lease was
// taken over, leaves it to whose it is.
func TestReleaseOfAnothers(t *testing.T) {
	s := store.NewMem()
	l, err := TakeIn(t.Context(), s, "lock", "run")
	if err != nil {
		t.Fatal(err)
	}
	other := Holder{Command: "run", Host: "elsewhere", PID: 1}
	leave(t, s, "lock", other, 0)
	l.Release()
	if h, living, err := LookIn(t.Context(), s, "lock"); err != nil || !living || h != other {
		t.Errorf("after the release of who lost it: %v, %v, %v", h, living, err)
	}
}

func TestHeldIn(t *testing.T) {
	s := store.NewMem()
	if found, err := HeldIn(t.Context(), s, "running/"); err != nil || len(found) > 0 {
		t.Errorf("of nothing: %v, %v", found, err)
	}
	for i := range 40 {
		l, err := TakeIn(t.Context(), s, fmt.Sprintf("running/%02d", i), "scan")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Release()
	}
	leave(t, s, "running/zz", Holder{Host: "elsewhere"}, 2*Lost)
	leave(t, s, "runs", Holder{Host: "elsewhere"}, 0)
	s.Stale = 2 // what is released and still listed is no error
	l, err := TakeIn(t.Context(), s, "running/40", "scan")
	if err != nil {
		t.Fatal(err)
	}
	l.Release()
	found, err := HeldIn(t.Context(), s, "running/")
	if err != nil || len(found) != 41 || found[0].Name != "00" || !found[39].Living || found[40].Living || found[40].Name != "zz" {
		t.Errorf("%v, %v", found, err)
	}
}
