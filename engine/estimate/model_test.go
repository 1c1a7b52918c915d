package estimate

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/task"
)

func TestSchedule(t *testing.T) {
	seconds := []float64{5, 1, 1, 1, 4}
	for slots, want := range map[int]float64{1: 12, 2: 7, 3: 5, 5: 5, 100: 5} {
		if got := schedule(len(seconds), slots, func(i int) float64 { return seconds[i] }); got != want {
			t.Errorf("%d slots: %v, want %v", slots, got, want)
		}
	}
	if got := schedule(0, 4, nil); got != 0 {
		t.Errorf("no tasks: %v", got)
	}
}

// made is a sample and a plan of a corpus so many times as large.
func made(times int) (plan.Plan, Sample) {
	p := plan.Plan{Partitions: 16, ShardSize: 64 << 20, Files: []plan.File{{Path: "a", Compression: "none"}}}
	for range times {
		p.Shards = append(p.Shards, plan.Shard{Length: 64 << 20})
	}
	flat, alone := Curve{32, 0.1, 0.1, 0.1}, Curve{32, 0, 0, 0}
	return p, Sample{
		Bytes: 64 << 20, Documents: 32000, Text: 60 << 20, Expansion: 1, BandKeys: 512000, Compared: 3200, ComparedText: 6 << 20, Shingles: 1e6, Stored: 1e6, NearDups: 1000,
		Growth:     Growth{Sharing: flat, Copies: alone, Compared: flat, Text: flat, Keys: flat, Kept: Families{alone, 31000. / 32, 31000}, KeptText: Families{alone, 1 << 17, 4 << 20}, Contributors: Families{alone, 100. / 32, 100}},
		BaseMemory: 20 << 20,
		Cost: Cost{
			Scan: Line{0.01, 0.5}, Match: Line{0.001, 0.02}, Tally: Line{0.001, 0.02}, Seal: Line{0.01, 0.01},
			Resolve: map[string]Line{"collect": {0, 0.01}, "sets": {0, 0.1}}, Memory: map[task.Stage]int64{task.Scan: 30 << 20},
		},
		Files: Written{Documents: 1 << 20, Keys: 6 << 20, Exact: 100, Buckets: 100_000, Decisions: 50_000, Private: 4000, Output: 60_000, Tally: 20_000},
	}
}

// TestScalesAsTheCorpus: what grows with the corpus does so by as much.
func TestScalesAsTheCorpus(t *testing.T) {
	one := Fleet{Machines: 1, Cores: 1}
	p, s := made(1)
	s.Stored = 0 // of their sets only so much is held, the rest is on disk
	_, small := s.Of(p, one)
	p, s = made(100)
	s.Stored = 0
	c, large := s.Of(p, one)
	if c.Documents != 3_200_000 || c.Bytes != 6400<<20 || math.Abs(c.Sampled-0.01) > 1e-9 {
		t.Errorf("corpus %+v", c)
	}
	for i, name := range (&task.Job{Plan: p}).Stages() {
		if small[i].Name != name || large[i].Name != name {
			t.Fatalf("stage %d is %s and %s, not %s", i, small[i].Name, large[i].Name, name)
		}
	}
	for i, low := range map[int]float64{0: 99, 2: 99} {
		if by := large[i].CPU.Expected / small[i].CPU.Expected; by < low || by > 101 {
			t.Errorf("%s takes %v times as long", large[i].Name, by)
		}
	}
	if large[0].Reads != 100*small[0].Reads || large[0].Memory != small[0].Memory {
		t.Errorf("scan %+v and %+v", small[0], large[0])
	}
	if by := float64(large[2].Memory-s.BaseMemory) / float64(small[2].Memory-s.BaseMemory); by < 99 || by > 101 {
		t.Errorf("resolve holds %v times as much", by)
	}
}

// TestFleet: more machines never take longer, and one task stays one task.
func TestFleet(t *testing.T) {
	p, s := made(1000)
	var before []Stage
	for _, machines := range []int{1, 4, 16, 64} {
		_, stages := s.Of(p, Fleet{Machines: machines, Cores: 8, Network: 1e9})
		for i := range before {
			if stages[i].Seconds.Expected > before[i].Seconds.Expected {
				t.Errorf("%s: %d machines take %v s, fewer %v", stages[i].Name, machines, stages[i].Seconds.Expected, before[i].Seconds.Expected)
			}
		}
		before = stages
	}
	if r := before[2]; r.AtOnce != 1 || r.Bound != "CPU, one task" {
		t.Errorf("resolve: %+v", r)
	}
	if m := before[1]; m.AtOnce != 16 || m.Bound != "CPU, too few tasks" {
		t.Errorf("match: %+v", m)
	}
	_, slow := s.Of(p, Fleet{Machines: 64, Cores: 8, Network: 1e6})
	if slow[0].Bound != "network" || slow[0].Seconds.Expected < float64(slow[0].Moved())/64/1e6 {
		t.Errorf("scan: %+v", slow[0])
	}
}

// TestDecideTasks: tasks of decide do together what resolve does alone, and each reads
// all groups besides; each holds less, and resolve little.
func TestDecideTasks(t *testing.T) {
	p, s := made(1000)
	s.Cost.Resolve = map[string]Line{"sharing": {0, 0.01}, "collect": {0, 0.01}, "graph": {0, 0.05}, "sets": {0, 1}, "decide": {0, 0.5}, "outlines": {0, 0.01}, "write": {0, 0.01}}
	f := Fleet{Machines: 64, Cores: 8}
	_, alone := s.Of(p, f)
	before := alone[2]
	for _, tasks := range []int{2, 16, 64, 256} {
		p.DecideTasks = tasks
		_, stages := s.Of(p, f)
		decide, resolve := stages[2], stages[3]
		if decide.Name != task.Decide || decide.Tasks != tasks || decide.AtOnce != min(tasks, f.Machines) || resolve.Name != task.Resolve || len(stages) != len(alone)+1 {
			t.Fatalf("%d tasks: %+v", tasks, stages)
		}
		if decide.CPU.Expected+resolve.CPU.Expected < alone[2].CPU.Expected || resolve.CPU.Expected > alone[2].CPU.Expected/10 {
			t.Errorf("%d tasks take %v and %v CPU, resolve alone %v", tasks, decide.CPU, resolve.CPU, alone[2].CPU)
		}
		if tasks <= f.Machines && (decide.Seconds.Expected >= before.Seconds.Expected || decide.Memory >= before.Memory) {
			t.Errorf("%d tasks take %v and %d bytes, fewer %v and %d", tasks, decide.Seconds, decide.Memory, before.Seconds, before.Memory)
		}
		if decide.Longest > decide.Seconds.Expected || tasks > f.Machines && decide.Longest > 0.5*decide.Seconds.Expected {
			t.Errorf("%d tasks: the longest takes %v of %v", tasks, decide.Longest, decide.Seconds)
		}
		e := New(p, s, f, "a processor")
		_, one := e.Job(p, task.Decide, 1, 8)
		if _, all := e.Job(p, task.Decide, tasks, 8); all-leastTime < time.Duration(tasks-1)*(one-leastTime) {
			t.Errorf("a job of %d tasks has %v, of one %v", tasks, all, one)
		}
		before = decide
	}
}

// TestDecideTasksOfASweepableRun: resolve writes what is kept, from sets that the tasks pass
// on; and that is the part of it that nobody shares.
func TestDecideTasksOfASweepableRun(t *testing.T) {
	p, s := made(1000)
	s.Cost.Resolve = map[string]Line{"sharing": {0, 0.01}, "graph": {0, 0.05}, "sets": {0, 1}, "decide": {0, 0.5}, "keep": {0, 0.4}, "write": {0, 0.01}}
	f := Fleet{Machines: 64, Cores: 8}
	p.DecideTasks = 16
	_, plain := s.Of(p, f)
	p.NearDup.FloorNum, p.NearDup.FloorDen = 1, 2
	_, stages := s.Of(p, f)
	sets := int64(8 * s.Stored * 1000)
	if got := stages[2].Writes - plain[2].Writes; got < sets/2 || got > 2*sets {
		t.Errorf("decide writes %d bytes more, of %d of sets", got, sets)
	}
	if got := stages[3].Work - plain[3].Work; got < sets/2 || got > 2*sets {
		t.Errorf("resolve reads %d bytes more, of %d of sets", got, sets)
	}
	if more, files := stages[3].Opens-plain[3].Opens, int64(len(p.Shards)+p.Partitions); more < files {
		t.Errorf("resolve opens %d files more, of %d of documents and groups", more, files)
	}
	if stages[3].Memory <= plain[3].Memory {
		t.Errorf("resolve holds %d bytes, %d where nothing is kept", stages[3].Memory, plain[3].Memory)
	}
	p.DecideTasks = 0
	_, alone := s.Of(p, f)
	if got := stages[3].CPU.Expected; got < 400 || got >= alone[2].CPU.Expected {
		t.Errorf("resolve takes %v s, alone %v", got, alone[2].CPU.Expected)
	}
}

// TestBoundOnMemory: a process holds no more than it may.
func TestBoundOnMemory(t *testing.T) {
	p, s := made(10000)
	_, free := s.Of(p, Fleet{Machines: 1, Cores: 16})
	_, bound := s.Of(p, Fleet{Machines: 1, Cores: 16, Memory: 256 << 20})
	for i := range free {
		if bound[i].Memory > 256<<20 || bound[i].Memory > free[i].Memory {
			t.Errorf("%s holds %d bytes, without a bound %d", bound[i].Name, bound[i].Memory, free[i].Memory)
		}
	}
	if free[2].Memory < 1<<30 {
		t.Errorf("resolve of 320 million documents in %d bytes?", free[2].Memory)
	}
}

// Anybody can compute the digest of an estimate: its figures must make sense.
func TestForgedEstimate(t *testing.T) {
	for name, forge := range map[string]func(*Sample){
		"":                  func(*Sample) {},
		"negative memory":   func(s *Sample) { s.BaseMemory = -5 },
		"endless scan":      func(s *Sample) { s.Cost.Scan.Whole = 1e300 },
		"sample of nothing": func(s *Sample) { s.Bytes = 0 },
	} {
		p, s := made(1)
		s.Expansion = 1
		e := New(p, s, Fleet{Machines: 1, Cores: 1}, "a processor")
		forge(&e.Sample)
		var b bytes.Buffer
		if err := e.Write(&b); err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(b.Bytes()); (err != nil) != (name != "") || err != nil && !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p, s := made(1)
	s.Cost.Scan.Whole, s.Cost.Memory = 1e18, map[task.Stage]int64{task.Scan: 1e18}
	e := New(p, s, Fleet{Machines: 1, Cores: 1}, "a processor")
	if memory, limit := e.Job(p, task.Scan, 1<<20, 64); memory < leastMargin || memory > mostMemory || limit < leastTime {
		t.Errorf("a job of %d bytes and %v", memory, limit)
	}
}

// TestLongest: what the longest lines take is there once, whatever else there is.
func TestLongest(t *testing.T) {
	p, s := made(100)
	const text = 40 << 20
	_, before := s.Of(p, Fleet{Machines: 1, Cores: 1})
	s.Longest = Longest{Bytes: 64 << 20, Documents: 10, Text: text, Compared: text, Memory: map[task.Stage]int64{task.Resolve: 1 << 40}}
	p.Shards = append(p.Shards, p.Shards[0])
	c, after := s.Of(p, Fleet{Machines: 1, Cores: 1})
	if c.Documents != 3_200_010 {
		t.Errorf("%d documents", c.Documents)
	}
	if more := after[2].Reads - before[2].Reads; more < text || more > text+1 {
		t.Errorf("resolve reads %d bytes more", more)
	}
	if m := after[2].Memory; m < s.BaseMemory+1<<40 {
		t.Errorf("resolve holds %d bytes", m)
	}
}
