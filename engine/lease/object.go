package lease

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tallystick/tallystick/engine/store"
)

// Store is where leases are objects.
type Store interface {
	store.Store
	store.Swapper
}

// object is the content of a lease in a store, which knows no locks: the time
// of the last beat tells whether the holder lives.
type object struct {
	Holder
	ID   string    `json:"id"` // of this lease, never used again
	Beat time.Time `json:"beat"`
}

// requestTime bounds what a beat and a release wait for the store.
const requestTime = 30 * time.Second

// beatEvery is Beat, but for tests.
var beatEvery = Beat

// own are the ids of the leases that this process holds in stores: one of its
// name that is none of these was left when a release failed.
var own sync.Map

// StoreLease is held by this process until Release.
type StoreLease struct {
	in      Store
	name    string
	mu      sync.Mutex // of the next four
	content object
	version string    // of the object
	beaten  time.Time // of the last beat that arrived
	lost    bool      // to somebody else
	ctx     context.Context
	stop    context.CancelFunc
	beats   sync.WaitGroup
	once    sync.Once
}

// TakeIn is Take for the object name in a store. Of several that take a lease
// at the same time, or take over that of a dead process, one succeeds. The
// clocks of the machines must agree much better than [Lost]. ctx bounds the
// call, not the lease.
func TakeIn(ctx context.Context, s Store, name, command string) (*StoreLease, error) {
	l := &StoreLease{in: s, name: name, content: object{Holder: selfIn(command), ID: rand.Text()}}
	own.Store(l.content.ID, true)
	version, err := l.take(ctx)
	if err != nil {
		own.Delete(l.content.ID)
		return nil, err
	}
	l.version, l.beaten = version, l.content.Beat
	l.ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	l.beats.Go(l.beat)
	return l, nil
}

func (l *StoreLease) take(ctx context.Context) (string, error) {
	version := ""
	for attempt := 0; ; attempt++ {
		written, err := l.write(ctx, version)
		if err == nil {
			return written, nil
		}
		// Somebody else has it or was faster, or nobody knows: the object tells.
		now, found, fetchErr := fetch(ctx, l.in, l.name)
		switch {
		case errors.Is(fetchErr, fs.ErrNotExist):
			found = ""
		case fetchErr != nil:
			return "", fetchErr
		case now.ID == l.content.ID:
			return found, nil
		case now.living(time.Now()):
			return "", HeldError{now.Holder}
		}
		if attempt == 5 || ctx.Err() != nil {
			return "", err
		}
		version = found
	}
}

// write writes the lease with the time of now.
func (l *StoreLease) write(ctx context.Context, version string) (string, error) {
	l.content.Beat = time.Now().UTC()
	text, err := json.Marshal(l.content)
	if err != nil {
		return "", err
	}
	return l.in.Swap(ctx, l.name, version, append(text, '\n'))
}

// beat tells others that the holder lives, until the lease is theirs.
func (l *StoreLease) beat() {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-tick.C:
			if lost, _ := l.touch(); lost {
				return
			}
		}
	}
}

// Renew is a beat out of turn, that tells whether there can be any: the error
// wraps errors.ErrUnsupported where the store does not write on the condition
// that an object is as it was. A lease there looks like one of a dead process
// after [Lost], and nobody can take it over. Whatever else fails is made up for
// by the next beat.
func (l *StoreLease) Renew() error {
	if _, err := l.touch(); errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

// touch is one beat. One that fails is made up for by the next.
func (l *StoreLease) touch() (lost bool, _ error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ctx, cancel := context.WithTimeout(l.ctx, requestTime)
	defer cancel()
	version, refused := l.write(ctx, l.version)
	if refused == nil {
		l.version, l.beaten = version, l.content.Beat
		return false, nil
	}
	switch now, version, err := fetch(ctx, l.in, l.name); {
	case err == nil && now.ID == l.content.ID:
		l.version, l.beaten = version, now.Beat
	case errors.Is(err, fs.ErrNotExist):
		// Removed by hand, or by another's release that the store was asked for twice:
		// the next beat makes it again, unless somebody else does before.
		l.version = ""
	case err == nil:
		l.lost = true
	}
	return l.lost, refused
}

// Release gives the lease back and removes its object, unless somebody else
// took it over. Where the store does not answer the object stays, and counts no
// more after [Lost]. It may be called again.
func (l *StoreLease) Release() {
	l.once.Do(func() {
		l.stop()
		l.beats.Wait()
		defer own.Delete(l.content.ID)
		if l.lost {
			return
		}
		// Cancelled commands clean up as well.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), requestTime)
		defer cancel()
		for range 3 {
			// Nobody takes over a lease that was heard of so lately before this arrives.
			// A machine that was suspended may take much to be lately, so it looks first.
			if time.Since(l.beaten) > Lost-requestTime {
				return
			}
			now, _, err := fetch(ctx, l.in, l.name)
			if err == nil && now.ID != l.content.ID || errors.Is(err, fs.ErrNotExist) {
				return
			}
			if err == nil && l.in.Remove(ctx, l.name) == nil {
				return
			}
		}
	})
}

// LookIn is Look for the object name in a store.
func LookIn(ctx context.Context, s Store, name string) (h Holder, living bool, err error) {
	o, _, err := fetch(ctx, s, name)
	return o.Holder, err == nil && o.living(time.Now()), err
}

// HeldIn is Held for the objects of a store whose names begin with prefix; the
// names found are without it.
func HeldIn(ctx context.Context, s Store, prefix string) ([]Found, error) {
	entries, err := s.List(ctx, prefix)
	if err != nil {
		return nil, err
	}
	found := make([]Found, len(entries))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i, e := range entries {
		group.Go(func() error {
			h, living, err := LookIn(ctx, s, e.Name)
			if errors.Is(err, fs.ErrNotExist) { // released meanwhile
				return nil
			}
			found[i] = Found{strings.TrimPrefix(e.Name, prefix), h, living}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var out []Found
	for _, f := range found {
		if f.Name != "" {
			out = append(out, f)
		}
	}
	return out, nil
}

// living reports whether the holder of a lease in a store lives.
func (o object) living(now time.Time) bool {
	if me := selfIn(""); o.Host == me.Host && o.Boot == me.Boot && o.PID != 0 {
		if _, held := own.Load(o.ID); o.PID == me.PID && !held || !processLives(o.PID) {
			return false
		}
	}
	return now.Sub(o.Beat).Abs() < Lost // a beat far ahead is of a wrong clock, and would count for ever
}

// fetch reads a lease. What is none, of a later version or cut short by hand, is
// one that nobody holds.
func fetch(ctx context.Context, s Store, name string) (o object, version string, err error) {
	text, version, err := s.Fetch(ctx, name)
	if err == nil && (len(text) > most || json.Unmarshal(text, &o) != nil) {
		o = object{}
	}
	if err != nil {
		err = fmt.Errorf("lease: %w", err)
	}
	return o, version, err
}

// selfIn is self for stores, which containers share whose names of hosts and
// numbers of processes are the same: the process numbers' namespace tells them
// apart.
func selfIn(command string) Holder {
	h := self(command)
	if space, err := os.Readlink("/proc/self/ns/pid"); err == nil { // Linux only
		h.Boot += " " + space
	}
	return h
}
