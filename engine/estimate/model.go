package estimate

import (
	"container/heap"
	"math"

	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/task"
)

// Fleet is what a run would have.
type Fleet struct {
	Machines int     `json:"machines"`
	Cores    int     `json:"cores"`                    // of each
	Network  float64 `json:"network_bytes_per_second"` // of each, in and out; 0: no limit
	Memory   int64   `json:"process_memory_bytes"`     // bound of a process; 0: none
	Store    bool    `json:"output_in_store"`          // the output folder is in an object store
}

// Stage is what a stage takes.
type Stage struct {
	Name   task.Stage `json:"stage"`
	Tasks  int        `json:"tasks"`
	AtOnce int        `json:"at_once"` // tasks that run at the same time, on all machines
	// Memory is the resident set of a process that uses all cores of a machine,
	// mapped files apart; Mapped are those.
	Memory int64 `json:"memory_bytes"`
	Mapped int64 `json:"mapped_bytes"`
	// Reads are bytes of inputs, Work those of files that other tasks wrote,
	// Writes what the stage writes for others, Scratch for itself.
	Reads   int64   `json:"input_bytes"`
	Work    int64   `json:"work_bytes_read"`
	Writes  int64   `json:"bytes_written"`
	Scratch int64   `json:"scratch_bytes"`
	Files   int64   `json:"files_written"`
	Opens   int64   `json:"files_read"`
	CPU     Range   `json:"cpu_seconds"`
	Seconds Range   `json:"seconds"`
	Longest float64 `json:"longest_task_seconds"`
	Bound   string  `json:"bound_by"`
}

// Moved is what a stage reads and writes in all, scratch apart.
func (s *Stage) Moved() int64 { return s.Reads + s.Work + s.Writes }

// Corpus is what the whole is expected to be.
type Corpus struct {
	Bytes        int64   `json:"bytes"` // of lines, uncompressed
	Documents    int64   `json:"documents"`
	Contributors int64   `json:"contributors"`
	Sharing      Range   `json:"sharing"` // share of documents with a key that another one has
	Copies       Range   `json:"copies"`  // with an equal text
	Sampled      float64 `json:"sampled"` // share of the bytes
}

// model scales a sample to a corpus.
type model struct {
	s     *Sample
	p     *plan.Plan
	f     Fleet
	scale float64 // the corpus without its longest lines, in samples
	lines float64 // bytes of the corpus
	plain []float64
}

func newModel(p *plan.Plan, s *Sample, f Fleet) *model {
	m := &model{s: s, p: p, f: f}
	m.f.Machines, m.f.Cores = max(1, f.Machines), max(1, f.Cores)
	for _, shard := range p.Shards {
		n := float64(shard.Length)
		if p.Files[shard.File].Compression != "none" {
			n *= s.Expansion
		}
		m.plain = append(m.plain, n)
		m.lines += n
	}
	m.scale = math.Max(0, m.lines-float64(s.Longest.Bytes)) / float64(s.Bytes)
	return m
}

// share is a curve's share in the whole corpus.
func (m *model) share(c Curve) Range { return c.At(float64(c.Blocks) * m.scale) }

// grown is how many times as much as in the sample there is of what has a
// share that a curve describes.
func (m *model) grown(c Curve) Range {
	if c.All == 0 {
		return Range{m.scale, m.scale, m.scale}
	}
	r := m.share(c)
	return Range{m.scale * r.Low / c.All, m.scale * r.Expected / c.All, m.scale * r.High / c.All}
}

// dropped is how many times as many documents are dropped as in the sample: all but one
// of each family.
func (m *model) dropped() Range {
	g := &m.s.Growth
	had := m.s.dropped()
	if had == 0 {
		return m.grown(g.Sharing)
	}
	kept := g.Kept.At(float64(g.Kept.Parts.Blocks) * m.scale)
	documents := float64(m.s.Documents) * m.scale
	of := func(kept float64) float64 { return math.Max(1, (documents-kept)/had) }
	return Range{of(kept.High), of(kept.Expected), of(kept.Low)}
}

// contributors are those of so many samples.
func (s *Sample) contributors(samples float64) float64 {
	f := &s.Growth.Contributors
	return math.Max(1, f.At(samples*float64(f.Parts.Blocks)).Expected)
}

// corpus tells what the whole is.
func (m *model) corpus() Corpus {
	return Corpus{
		Bytes: int64(m.lines), Documents: m.documents(), Contributors: int64(m.s.contributors(m.scale)),
		Sharing: m.share(m.s.Growth.Sharing), Copies: m.share(m.s.Growth.Copies), Sampled: math.Min(1, float64(m.s.Bytes+m.s.Longest.Bytes)/math.Max(1, m.lines)),
	}
}

func (m *model) documents() int64 {
	return int64(float64(m.s.Documents)*m.scale) + m.s.Longest.Documents
}

// of is n bytes of the sample in the whole corpus.
func (m *model) of(n int64) float64 { return float64(n) * m.scale }

// outlines are the bytes of those of all documents: they are as long as texts are.
func (m *model) outlines() float64 {
	return float64(m.s.Files.Outlines) * m.lines / float64(m.s.Bytes)
}

// slots are the tasks that the fleet does at once.
func (m *model) slots(tasks int) int { return min(tasks, m.f.Machines*m.f.Cores) }

// busy are the tasks of one machine at once.
func (m *model) busy(tasks int) float64 {
	return float64(min((tasks+m.f.Machines-1)/m.f.Machines, m.f.Cores))
}

// finish adds to a stage what follows from its parts: the seconds of CPU of its
// tasks, one core each, what a worker needs once, and the longest machine's
// wait for files and network.
func (m *model) finish(s *Stage, tasks func(i int) float64, once float64) {
	s.AtOnce = m.slots(s.Tasks)
	files := float64(s.Files)*m.s.Cost.Create + float64(s.Opens)*m.s.Cost.Open
	wait := 0.0
	if s.Tasks > 0 {
		wait = files / float64(s.Tasks)
	}
	cpu := schedule(s.Tasks, s.AtOnce, tasks)
	all := schedule(s.Tasks, s.AtOnce, func(i int) float64 { return tasks(i) + wait })
	total := 0.0
	for i := range s.Tasks {
		total += tasks(i)
		s.Longest = math.Max(s.Longest, once+tasks(i)+wait)
	}
	total += once * float64(s.AtOnce)
	s.CPU = Range{total, total, total}
	s.Seconds = Range{all + once, all + once, all + once}
	m.bound(s, cpu+once, all-cpu)
}

// bound lets the network have its say, and tells what a stage waits for.
func (m *model) bound(s *Stage, cpu, files float64) {
	s.Bound = "CPU"
	if files > cpu {
		s.Bound = "files"
	}
	machines := min(m.f.Machines, s.Tasks)
	if m.f.Network > 0 && machines > 0 {
		if t := float64(s.Moved()) / float64(machines) / m.f.Network; t > s.Seconds.Expected {
			s.Seconds = Range{math.Max(s.Seconds.Low, t), t, math.Max(s.Seconds.High, t)}
			s.Bound = "network"
		}
	}
	slots := m.f.Machines * m.f.Cores
	if s.Name == task.Decide { // whose tasks use all cores
		slots = m.f.Machines
	}
	if s.Tasks < slots && s.Bound != "network" {
		s.Bound += ", too few tasks"
		if s.Tasks == 1 {
			s.Bound = s.Bound[:len(s.Bound)-len("too few tasks")] + "one task"
		}
	}
}

// schedule gives tasks, in their order, to whoever is free first, and returns
// when the last one ends.
func schedule(tasks, slots int, seconds func(i int) float64) float64 {
	free := make(times, max(1, min(slots, tasks)))
	end := 0.0
	for i := range tasks {
		free[0] += seconds(i)
		end = math.Max(end, free[0])
		heap.Fix(&free, 0)
	}
	return end
}

type times []float64

func (t times) Len() int           { return len(t) }
func (t times) Less(i, j int) bool { return t[i] < t[j] }
func (t times) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *times) Push(any)          {}
func (t *times) Pop() any          { return nil }

// Sizes of what stages hold, in bytes.
const (
	keyBlock    = 1 << 16 // of keys of one kind and partition, in scan
	falseRepeat = 0.1     // share of single keys that a sieve does not tell from others
	sortCost    = 4       // time of a key that repeats, beyond that of any other
	recordSize  = 60      // of a repeated key: sorted, and in its group
	keySize     = 11      // of a packed key: 8 bytes and the number of a line
	nodeSize    = 320     // of a document that shares a key, in resolve, beside its labels
	setSize     = 124     // of one that is compared, beside its parity bitmap
	bucketSize  = 24      // of each bucket of such a one
	rowSize     = 450     // of a contributor in seal
	sumSize     = 350     // of a contributor in tally
	dropSize    = 3000    // of a row about a dropped document, while its file is written
	dropRows    = 12 << 20
	entrySize   = 5         // of a block in the directory of a key file
	tailSize    = 64        // of what is read besides
	tailRead    = 8 << 10   // of the end of a key file, at least
	setsHeld    = 256 << 20 // of shingle sets, before the scratch file is used
	lineSize    = 0.2       // of any document, in resolve
	workerSize  = 16 << 20  // of a further worker in resolve
)

// memory is what a process holds that does so many tasks of a stage at once: the
// base, what every task took in the sample whatever was in it, and what grows. One of
// them has the longest lines.
func (m *model) memory(name task.Stage, busy, grown, had float64) int64 {
	each := math.Max(0, float64(m.s.Cost.Memory[name])-had)
	return m.s.BaseMemory + int64(busy*(each+grown)+math.Max(0, float64(m.s.Longest.Memory[name])-each))
}

// matchMemory is what match holds of a partition, bytes: its packed keys, sieves
// and, of those that repeat or seem to, the records and their groups.
func matchMemory(packed, repeat float64) float64 {
	records := packed / keySize
	sieve := math.Exp2(math.Ceil(math.Log2(math.Max(64, packed/10*8)))) / 8 * 2
	return packed + sieve + records*math.Min(1, falseRepeat+repeat)*recordSize
}

// groups are the bytes of groups that match writes.
func (m *model) groups() float64 {
	return float64(m.s.Files.Exact+m.s.Files.Buckets) * m.grown(m.s.Growth.Keys).Expected
}

// scan estimates the stage.
func (m *model) scan() Stage {
	c := &m.s.Cost
	s := Stage{Name: task.Scan, Tasks: len(m.p.Shards)}
	var largest float64
	for i, shard := range m.p.Shards {
		s.Reads += shard.Length
		if m.p.Files[shard.File].Compression == "none" && !object.IsName(m.p.Files[shard.File].Path) {
			largest = math.Max(largest, m.plain[i])
		}
	}
	f := &m.s.Files
	s.Writes = int64(m.of(f.Documents+f.Keys) + m.outlines())
	s.Files = int64(s.Tasks) * m.filesOf(f.Outlines, 3)
	blocks := 2 * float64(m.p.Partitions) * math.Min(keyBlock, m.of(f.Keys)/math.Max(1, float64(s.Tasks))/float64(m.p.Partitions))
	had := 2 * partitions * math.Min(keyBlock, float64(f.Keys)/2/partitions)
	s.Memory = m.memory(task.Scan, m.busy(s.Tasks), 1.25*blocks, 1.25*had) + m.unpacking()
	s.Mapped = int64(m.busy(s.Tasks) * largest)
	m.finish(&s, func(i int) float64 {
		seconds := c.Scan.of(m.plain[i] / float64(m.s.Bytes))
		if m.p.Files[m.p.Shards[i].File].Compression != "none" {
			seconds += c.Expand * float64(m.p.Shards[i].Length)
		}
		return seconds
	}, c.Cold)
	return s
}

// filesOf is the number of files, and one more where an optional one is made.
func (m *model) filesOf(optional int64, files int64) int64 {
	if optional > 0 {
		files++
	}
	return files
}

// match estimates the stage.
func (m *model) match() Stage {
	s := Stage{Name: task.Match, Tasks: m.p.Partitions}
	f := &m.s.Files
	shards, parts := float64(len(m.p.Shards)), float64(m.p.Partitions)
	keys := m.of(f.Keys)
	// Every task opens the record and the keys of every shard, and of these reads
	// the directory and its own blocks.
	s.Opens = int64(2 * shards * parts)
	blocks := math.Max(2*parts, keys/math.Max(1, shards)/keyBlock)
	directory := math.Max(blocks*entrySize+tailSize, math.Min(tailRead, keys/math.Max(1, shards)))
	s.Work = int64(keys + shards*parts*directory)
	s.Writes = int64(m.groups())
	s.Files = 3 * int64(s.Tasks)

	s.Memory = m.memory(task.Match, m.busy(s.Tasks), matchMemory(keys/parts, m.share(m.s.Growth.Keys).Expected), matchMemory(float64(f.Keys)/partitions, m.s.Growth.Keys.All))
	work := func(repeat float64) float64 { return 1 + sortCost*repeat }
	keysNow := m.s.Growth.Keys
	task := m.s.Cost.Match.of(m.scale / parts * work(m.share(keysNow).Expected) / work(keysNow.All))
	m.finish(&s, func(int) float64 { return task }, 0)
	return s
}

// tally estimates the stage.
func (m *model) tally() Stage {
	s := Stage{Name: task.Tally, Tasks: m.p.TallyTasks()}
	f := &m.s.Files
	tasks := math.Max(1, float64(s.Tasks))
	s.Work = int64(m.of(f.Documents) + float64(f.Decisions)*m.dropped().Expected)
	s.Writes = int64(float64(f.Private)*tasks*m.s.contributors(m.scale/tasks)/(2*m.s.contributors(0.5)) + float64(f.Output)*m.dropped().Expected)
	s.Files = 9 * int64(s.Tasks)
	s.Opens = 4 * int64(s.Tasks)
	held := func(contributors, dropped float64) float64 {
		return math.Min(dropRows, dropSize*dropped) + sumSize*contributors
	}
	s.Memory = m.memory(task.Tally, m.busy(s.Tasks), held(m.s.contributors(m.scale/tasks), m.s.dropped()*m.dropped().Expected/tasks), held(m.s.contributors(0.5), m.s.dropped()/2))
	m.finish(&s, func(i int) float64 { return m.s.Cost.Tally.of(m.plain[i] / float64(m.s.Bytes)) }, 0)
	return s
}

// seal estimates the stage.
func (m *model) seal() Stage {
	s := Stage{Name: task.Seal, Tasks: 1}
	all := m.s.contributors(m.scale)
	tasks := math.Max(1, float64(m.p.TallyTasks()))
	rows := all + tasks*m.s.contributors(m.scale/tasks)
	had := m.s.rows()
	s.Work = int64(float64(m.s.Files.Private) * (rows - all) / (2 * m.s.contributors(0.5)))
	s.Writes = int64(float64(m.s.Files.Tally) * all / m.s.contributors(1))
	s.Files = 6
	s.Opens = int64(5 * tasks)
	s.Memory = m.memory(task.Seal, 1, rowSize*all, rowSize*m.s.contributors(1))
	dropped := m.dropped().Expected
	m.finish(&s, func(int) float64 {
		return m.s.Cost.Seal.of(rows/math.Max(1, had)) + m.s.Cost.Report.Each*tasks + m.s.Cost.Report.Whole*dropped
	}, 0)
	return s
}

// of is the cost of a task with so many times what the sample has.
func (l Line) of(n float64) float64 { return l.Each + l.Whole*n }

func (r Range) plus(o Range) Range {
	return Range{r.Low + o.Low, r.Expected + o.Expected, r.High + o.High}
}

func (r Range) times(f float64) Range { return Range{r.Low * f, r.Expected * f, r.High * f} }

// Of estimates every stage of a plan on a fleet.
func (s *Sample) Of(p plan.Plan, f Fleet) (Corpus, []Stage) {
	m := newModel(&p, s, f)
	stages := []Stage{m.scan(), m.match(), m.resolve(), m.tally(), m.seal()}
	if p.DecideTasks > 0 {
		stages = []Stage{m.scan(), m.match(), m.decide(), m.merge(), m.tally(), m.seal()}
	}
	for i := range stages {
		if f.Memory > 0 {
			stages[i].Memory = min(stages[i].Memory, f.Memory)
		}
	}
	return m.corpus(), stages
}
