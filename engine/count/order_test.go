package count

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/progress"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/request/requesttest"
)

// Batches of all units come in the order of the units, and lines are numbered
// through each file, whichever worker is fast.
func TestOrder(t *testing.T) {
	for round := range 200 {
		r := rand.New(rand.NewPCG(1, uint64(round)))
		type piece struct {
			first   bool
			batches []int // lines
			blank   int64 // lines at the end
		}
		pieces := make([]piece, r.IntN(40))
		var want, got []string
		line := int64(0)
		for i := range pieces {
			p := &pieces[i]
			if p.first = i == 0 || r.IntN(3) == 0; p.first {
				line = 0
			}
			for range r.IntN(4) * r.IntN(80) {
				n := r.IntN(4)
				p.batches = append(p.batches, n)
				for range n {
					line++
					want = append(want, fmt.Sprint(i, line))
				}
			}
			p.blank = int64(r.IntN(3))
			line += p.blank
		}
		o := newOrder(t.Context(), len(pieces), 1+r.IntN(5), 1+r.IntN(200), func(batch []Counted) error {
			for _, d := range batch {
				got = append(got, fmt.Sprint(d.File, " ", d.Line))
			}
			return nil
		})
		var workers sync.WaitGroup
		for range 1 + r.IntN(4) {
			workers.Go(func() {
				for {
					number, ok, err := o.begin()
					if !ok || err != nil {
						if err != nil {
							t.Error(err)
						}
						return
					}
					p := pieces[number]
					res := &result{number: number, first: p.first}
					for _, n := range p.batches {
						b := o.newBatch()
						for range n {
							res.lines++
							*b = append(*b, Counted{File: fmt.Sprint(number), Line: res.lines})
						}
						if err := o.put(res, b); err != nil {
							t.Error(err)
						}
					}
					res.lines += p.blank
					if err := o.end(res); err != nil {
						t.Error(err)
					}
				}
			})
		}
		workers.Wait()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("round %d: -want +got: %s", round, diff)
		}
	}
}

// However many units have short lines, what waits for a slow one is bounded.
func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const units, room, each = 20, 8, 5
		delivered := 0
		o := newOrder(t.Context(), units, units, room, func([]Counted) error { delivered++; return nil })
		slow, _, err := o.begin()
		if err != nil {
			t.Fatal(err)
		}
		var taken atomic.Int64
		var workers sync.WaitGroup
		for range 3 {
			workers.Go(func() {
				for {
					number, ok, err := o.begin()
					if !ok || err != nil {
						return
					}
					res := &result{number: number}
					for range each {
						if err := o.put(res, o.newBatch()); err != nil {
							t.Error(err)
						}
						taken.Add(1)
					}
					if err := o.end(res); err != nil {
						t.Error(err)
					}
				}
			})
		}
		synctest.Wait()
		if n := taken.Load(); n != room {
			t.Errorf("%d batches wait, want %d", n, room)
		}
		if err := o.end(&result{number: slow}); err != nil {
			t.Fatal(err)
		}
		workers.Wait()
		if want := (units - 1) * each; delivered != want || o.waiting != 0 {
			t.Errorf("%d batches delivered, want %d; %d wait", delivered, want, o.waiting)
		}
	})
}

// Who waits, be it to begin a unit or for its turn, ends when all is cancelled.
func TestWaitingIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		o := newOrder(ctx, 9, 1, 1, func([]Counted) error { t.Error("delivered out of turn"); return nil })
		for range 2 { // the first is never ended
			if _, _, err := o.begin(); err != nil {
				t.Fatal(err)
			}
		}
		var ended atomic.Int64
		go func() {
			res := &result{number: 1}
			if err := o.put(res, o.newBatch()); err != nil {
				t.Error(err)
			}
			if err := o.put(res, o.newBatch()); !errors.Is(err, context.Canceled) {
				t.Errorf("put: %v", err)
			}
			ended.Add(1)
		}()
		go func() {
			if _, _, err := o.begin(); !errors.Is(err, context.Canceled) {
				t.Errorf("begin: %v", err)
			}
			ended.Add(1)
		}()
		synctest.Wait()
		if n := ended.Load(); n != 0 {
			t.Errorf("%d did not wait", n)
		}
		cancel()
		synctest.Wait()
		if n := ended.Load(); n != 2 {
			t.Errorf("%d of 2 ended", n)
		}
	})
}

// An error of the function ends everything, and is returned as it is, whether it
// comes within a file or at its end.
func TestErrorOfTheFunction(t *testing.T) {
	files := map[string]string{}
	for i := range 50 {
		lines := 1
		if i == 3 {
			lines = 4*countBatch + 1
		}
		files[fmt.Sprintf("%02d.jsonl", i)] = strings.Repeat("{\"text\":\"one\"}\n", lines)
	}
	m := requesttest.Means
	tokenizers, err := request.OpenTokenizers([]string{"gpt2"}, "match", m)
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("disk full")
	folder := requesttest.Folder(t, files)
	for _, last := range []int{2, 6, 20} {
		calls := 0
		err = Each(t.Context(), requesttest.Rules(folder), m, tokenizers.Counters, InputAuto, t.TempDir(), func([]Counted) error {
			if calls++; calls == last {
				return full
			}
			return nil
		})
		if err != full || calls != last {
			t.Errorf("%v after %d calls, want it after %d", err, calls, last)
		}
	}
}

// progressed sums up what it is told of.
type progressed struct {
	progress.Listener
	mu    sync.Mutex
	total map[string]int64
	added int64
}

func (p *progressed) Start(stage string, total int64, _ string) { p.total[stage] = total }
func (*progressed) End(progress.Timing)                         {}
func (p *progressed) Add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.added += n
}

// Lines have their numbers in the file, wherever it is cut; and what need not be
// read to be cut is read once.
func TestLinesOfShards(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	files := map[string]string{}
	var want []string
	var size int64
	for f := range 8 {
		name := fmt.Sprintf("%d.jsonl", f)
		content, line := "", 0
		for range r.IntN(200) {
			line++
			switch r.IntN(5) {
			case 0:
				content += "\n"
			case 1:
				content += " \r\n"
			default:
				content += "{\"text\":\"one\"}\r\n"
				want = append(want, fmt.Sprintf("%s:%d", name, line))
			}
		}
		if f%2 == 0 {
			content += "{\"text\":\"\"}"
			want = append(want, fmt.Sprintf("%s:%d", name, line+1))
		}
		if size += int64(len(content)); f == 3 {
			size -= int64(len(content))
			name += ".gz"
			content = zipped(t, content)
			size += int64(len(content))
			for i := range want {
				if want[i][0] == '3' {
					want[i] = name + want[i][len("3.jsonl"):]
				}
			}
			size += int64(len(content)) // what is compressed is read twice
		}
		files[name] = content
	}
	p := &progressed{total: map[string]int64{}}
	m := requesttest.Means
	m.Progress, m.Workers = p, 3
	tokenizers, err := request.OpenTokenizers([]string{"gpt2"}, "match", m)
	if err != nil {
		t.Fatal(err)
	}
	rules := requesttest.Rules(requesttest.Folder(t, files))
	rules.ShardSize = 100
	var got []string
	err = Each(t.Context(), rules, m, tokenizers.Counters, InputAuto, t.TempDir(), func(batch []Counted) error {
		for i := range batch {
			got = append(got, batch[i].Label()[len(rules.Inputs[0])+1:])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if p.added != size || p.total["count"]+p.total["plan"] != size {
		t.Errorf("read %d bytes of %v, want %d", p.added, p.total, size)
	}
}
