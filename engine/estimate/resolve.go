package estimate

import (
	"math"

	"github.com/tallystick/tallystick/engine/shingleset"
	"github.com/tallystick/tallystick/engine/task"
)

// steps adds up what the steps of resolve take that a task does: times says how
// many times as much of each as resolve does where it is alone.
func (m *model) steps(times func(step string) float64) (cpu, clock Range) {
	g := &m.s.Growth
	shards := float64(len(m.p.Shards))
	same, per := Range{m.scale, m.scale, m.scale}, Range{1, 1, 1}
	text, copies := m.grown(g.Text), m.grown(g.CopyText)
	if had := g.Text.All * float64(m.s.Text); had > 0 {
		more := float64(m.s.Longest.Compared) / had
		text = text.plus(Range{more, more, more})
	}
	// What a step grows with, whether it uses all cores, and whether it also
	// takes its part that does not grow for every shard.
	drivers := map[string]struct {
		by                 Range
		parallel, perShard bool
	}{
		"sharing":  {m.grown(g.Keys), false, false},
		"collect":  {same, false, true},
		"exact":    {copies, true, false},
		"graph":    {m.grown(g.Compared), false, false},
		"sets":     {text, true, false},
		"decide":   {m.dropped(), true, false},
		"sample":   {same, true, true}, // of an audit, as the next three
		"index":    {per, false, false},
		"outlines": {same, true, true},
		"judge":    {per, true, false},
		"keep":     {text, false, false},
		"write":    {m.dropped(), false, true},
	}
	cores := float64(m.f.Cores)
	for name, line := range m.s.Cost.Resolve {
		d, known := drivers[name]
		if !known {
			d.by = same
		}
		fixed := line.Each
		if d.perShard {
			fixed *= shards / 2
		}
		seconds := d.by.times(line.Whole).plus(Range{fixed, fixed, fixed}).times(times(name))
		cpu = cpu.plus(seconds)
		if d.parallel {
			seconds = seconds.times(1 / cores)
		}
		clock = clock.plus(seconds)
	}
	return cpu, clock
}

// packed are the bytes of compressed inputs: they are read whole for texts of them
// that are read again.
func (m *model) packed() (bytes float64) {
	for i, shard := range m.p.Shards {
		if m.plain[i] != float64(shard.Length) {
			bytes += float64(shard.Length)
		}
	}
	return bytes
}

// passes is how often texts are read again to decide about them.
func (m *model) passes() (n float64) {
	for _, c := range []Curve{m.s.Growth.CopyText, m.s.Growth.Text} {
		if c.All > 0 {
			n++
		}
	}
	return n
}

// compared are the bytes of text that are read again to decide about them.
func (m *model) compared() float64 {
	g := &m.s.Growth
	return m.of(m.s.Text)*(m.share(g.CopyText).Expected+m.share(g.Text).Expected) + float64(m.s.Longest.Compared)
}

// audited are those that an audit reads: the texts that it samples twice, and those that it
// compares with them besides. These grow with the corpus, as its sample does not.
func (m *model) audited() float64 {
	g := &m.s.Growth
	had := math.Max(0, float64(m.s.ComparedText)-float64(m.s.Text)*(g.CopyText.All+g.Text.All))
	probes, others := 2*float64(m.s.Probes), math.Max(0, float64(m.s.Audited-m.s.Probes))
	longest := float64(m.s.Longest.Text) * probes / math.Max(1, float64(m.documents()))
	return had*(probes+others*m.scale)/math.Max(1, probes+others) + longest
}

// resolve estimates the stage: one task, some of whose steps use all cores.
func (m *model) resolve() Stage {
	s := Stage{Name: task.Resolve, Tasks: 1, AtOnce: 1}
	f := &m.s.Files
	shards := float64(len(m.p.Shards))
	cpu, clock := m.steps(func(string) float64 { return 1 })
	passes := m.passes()
	if m.p.AuditPPM > 0 {
		passes++
	}
	m.unpack(&cpu, &clock, passes)
	s.CPU = cpu
	s.Reads = int64(m.compared() + m.audited() + m.packed()*passes)
	s.Work = int64(m.of(f.Documents)+2*m.outlines()) + 2*int64(m.groups())
	s.Writes = int64(float64(f.Decisions) * m.dropped().Expected)
	held, scratch := m.sets(1)
	s.Scratch = int64(scratch)
	s.Files = int64(shards) + 4
	s.Opens = int64(4*shards) + 4*int64(m.p.Partitions)
	s.Memory = m.resolving(held+m.nodes(1)) + m.unpacking()
	m.inOne(&s, clock, 1)
	return s
}

// decide estimates the stage: each task reads all groups and all records of documents
// twice, to share the documents out and for what it needs of its own, and for an audit
// all outlines, then does its share of the rest.
func (m *model) decide() Stage {
	s := Stage{Name: task.Decide, Tasks: m.p.DecideTasks}
	f := &m.s.Files
	tasks, shards := float64(s.Tasks), float64(len(m.p.Shards))
	s.AtOnce = min(s.Tasks, m.f.Machines)
	cpu, clock := m.steps(func(step string) float64 {
		switch step {
		case "sharing":
			return sharingTwice
		case "collect":
			return 1
		case "exact", "graph", "sets", "decide", "write", "outlines":
			return 1 / tasks
		case "sample", "index": // every task samples, and indexes, all of them
			return 1
		}
		return 0
	})
	// Weights are collected from the same records, on all cores.
	weights, _ := m.steps(func(step string) float64 {
		if step == "collect" {
			return 1
		}
		return 0
	})
	cpu, clock = cpu.plus(weights), clock.plus(weights.times(1/float64(m.f.Cores)))
	passes, outlines := m.passes(), 0.0
	if m.p.AuditPPM > 0 {
		passes++
		outlines = 2 * m.outlines()
	}
	m.unpack(&cpu, &clock, passes)
	s.CPU = cpu.times(tasks)
	s.Reads = int64(m.compared() + m.audited() + m.packed()*passes*tasks)
	s.Work = int64(tasks * (2*m.of(f.Documents) + 4*m.groups() + outlines))
	s.Writes = int64(float64(f.Decisions)*m.dropped().Expected + m.passedOn())
	held, scratch := m.sets(tasks)
	s.Scratch = int64(scratch * tasks)
	s.Files = 5 * int64(s.Tasks)
	s.Opens = int64(tasks * (5*shards + 5*float64(m.p.Partitions)))
	documents := float64(m.documents())
	shared := documents * m.share(m.s.Growth.Sharing).Expected * sharedSize
	s.Memory = m.resolving(held+m.nodes(tasks)+shared) + m.unpacking()
	m.inOne(&s, clock, math.Ceil(tasks/float64(s.AtOnce)))
	return s
}

// merge estimates resolve where the tasks of decide have decided: it writes their
// decisions by shard, adds up what they found for an audit, and keeps what other thresholds
// need.
func (m *model) merge() Stage {
	s := Stage{Name: task.Resolve, Tasks: 1, AtOnce: 1}
	f := &m.s.Files
	shards := float64(len(m.p.Shards))
	cpu, clock := m.steps(func(step string) float64 {
		switch step {
		case "write", "judge", "keep":
			return 1
		case "sharing", "graph":
			if m.p.NearDup.Sweepable() {
				return numberedTwice
			}
		}
		return 0
	})
	s.CPU = cpu
	s.Writes = int64(float64(f.Decisions) * m.dropped().Expected)
	s.Work = s.Writes
	s.Opens = int64(m.p.DecideTasks * 5)
	if m.p.NearDup.Sweepable() {
		s.Work += int64(m.passedOn() + m.of(f.Documents) + 4*m.groups())
		s.Opens += int64(shards + 5*float64(m.p.Partitions))
	}
	s.Files = int64(shards) + 4
	s.Memory = m.resolving(m.kept())
	m.inOne(&s, clock, 1)
	return s
}

// passedOn are the bytes of shingle sets that the tasks of decide of a sweepable run leave to
// resolve: edits of each other, as those that they hold.
func (m *model) passedOn() float64 {
	if !m.p.NearDup.Sweepable() {
		return 0
	}
	return 8 * m.stored()
}

// kept is what resolve holds while it merges what a sweepable run keeps.
func (m *model) kept() float64 {
	if !m.p.NearDup.Sweepable() {
		return 0
	}
	return math.Min(m.passedOn(), setsHeld) + float64(m.documents())*m.share(m.s.Growth.Sharing).Expected*keptSize
}

// unpack adds what it takes to read compressed inputs so often.
func (m *model) unpack(cpu, clock *Range, passes float64) {
	expand := m.packed() * m.s.Cost.Expand * passes
	*cpu = cpu.plus(Range{expand, expand, expand})
	expand /= float64(m.f.Cores)
	*clock = clock.plus(Range{expand, expand, expand})
}

// unpacking is what a machine holds that reads compressed inputs with all of its cores.
func (m *model) unpacking() int64 {
	files := 0
	for _, f := range m.p.Files {
		if f.Compression != "none" {
			files++
		}
	}
	return int64(min(files, m.f.Cores)) * m.s.Cost.ExpandMemory
}

// sets are the bytes of shingle sets that each of so many tasks holds, and of those
// in its scratch file. What finds no place in memory is in the file as it is, not as its
// edits of another set.
func (m *model) sets(tasks float64) (held, scratch float64) {
	same := m.audited()*setShare + 8*float64(m.s.Longest.Stored)
	stored, whole := 8*m.stored()+same, 8*float64(m.s.Shingles)*m.grown(m.s.Growth.Text).Expected+same
	if m.f.Memory == 0 { // else of the bound, which memory is cut to
		held = math.Min(stored/tasks, setsHeld)
	}
	return held, whole / tasks * (1 - held/math.Max(1, stored/tasks))
}

// stored are the elements that shingle sets take, where there is room in memory. Those of
// kept documents are whole, what is dropped differs little from one of these, and is
// stored as that.
func (m *model) stored() float64 {
	g := &m.s.Growth
	all := float64(m.s.Shingles) * m.grown(g.Text).Expected
	kept := g.KeptText.At(float64(g.KeptText.Parts.Blocks) * m.scale).Expected
	had := math.Min(float64(m.s.Stored), g.KeptText.Number*float64(m.s.Shingles)/math.Max(1, g.Text.All*float64(m.s.Text)))
	whole := had * kept / math.Max(1, g.KeptText.Number)
	return math.Min(all, whole+(float64(m.s.Stored)-had)*m.dropped().Expected)
}

// nodes are the bytes that each of so many tasks holds of the documents.
func (m *model) nodes(tasks float64) float64 {
	g := &m.s.Growth
	return m.nodesOf(float64(m.documents()), m.share(g.Sharing).Expected/tasks, m.share(g.Compared).Expected/tasks)
}

func (m *model) nodesOf(documents, sharing, compared float64) float64 {
	labels, parity := m.labelSize(), float64(shingleset.ParityBytes(int(m.s.Shingles/max(1, m.s.Compared))))
	keys := float64(m.s.BandKeys) / math.Max(1, float64(m.s.Documents))
	return documents * (lineSize + sharing*(nodeSize+labels) + compared*(setSize+parity+bucketSize*keys))
}

// resolving is the memory of a task of resolve or decide that holds so much that grows.
func (m *model) resolving(grown float64) int64 {
	g := &m.s.Growth
	had := math.Min(setsHeld, 8*float64(m.s.Stored)) + m.nodesOf(float64(m.s.Documents), g.Sharing.All, g.Compared.All)
	return m.memory(task.Resolve, 1, grown, had) + int64(m.f.Cores-1)*workerSize
}

// inOne adds to a stage how long it takes: so many rounds of tasks that use all cores of
// a machine, for so long each.
func (m *model) inOne(s *Stage, clock Range, rounds float64) {
	wait := (float64(s.Files)*m.s.Cost.Create + float64(s.Opens)*m.s.Cost.Open) / float64(s.Tasks)
	each := clock.plus(Range{wait, wait, wait})
	s.Seconds = each.times(rounds)
	s.Longest = each.Expected
	m.bound(s, clock.Expected, wait)
}

// sharingTwice is how much longer than to number documents it takes to find out as well
// what hangs together.
const sharingTwice = 3

// numberedTwice is how much longer than to make a graph of documents in memory it takes to number
// documents and buckets that are not, for which groups are read four times.
const numberedTwice = 2

// keptSize is what it takes then of every document that shares a key.
const keptSize = 17

// setShare is about the size of a shingle set by that of its text: 8 bytes for
// a word.
const setShare = 1

// sharedSize is what a task of decide holds of every document that shares a key,
// be it its own or not.
const sharedSize = 12

// labelSize are the bytes of id and contributor of a document.
func (m *model) labelSize() float64 {
	return math.Max(0, float64(m.s.Files.Documents)/math.Max(1, float64(m.s.Documents))-24)
}
