package resolve_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/resolve"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/sweepable"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/task/tasktest"
	"github.com/tallystick/tallystick/engine/wire"
)

// family makes texts that are like each other.
type family struct {
	rnd   *rand.Rand
	words []string
}

func newFamily(rnd *rand.Rand, words int) *family {
	f := &family{rnd: rnd}
	for range words {
		f.words = append(f.words, fmt.Sprintf("w%d", rnd.IntN(1<<20)))
	}
	return f
}

// text is one with some words changed; sometimes that is the new model.
func (f *family) text(changes int) string {
	words := slices.Clone(f.words)
	for range changes {
		words[f.rnd.IntN(len(words))] = fmt.Sprintf("x%d", f.rnd.IntN(1<<20))
	}
	if f.rnd.IntN(4) == 0 {
		f.words = words
	}
	return strings.Join(words, " ")
}

// colliding makes two texts of one length, and of one hash by the seed of planOf: words
// of 8 bytes in the first two stripes of XXH64 make up for each other. They have most of
// their shingles in common, so that one is dropped: who comes first decides which.
func colliding(rnd *rand.Rand) (texts [2]string) {
	const seed, prime1, prime2 = 1, 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F
	inverse := uint64(prime2) // of prime2, modulo 2⁶⁴, by Newton's method
	for range 5 {
		inverse *= 2 - prime2*inverse
	}
	word := func() uint64 {
		var b [8]byte
		for i := range b {
			b[i] = 'a' + byte(rnd.IntN(26))
		}
		return binary.LittleEndian.Uint64(b[:])
	}
	after := func(word uint64) uint64 {
		acc := uint64(seed) + prime1
		acc += prime2
		return bits.RotateLeft64(acc+word*prime2, 31) * prime1
	}
	text := func(first, second uint64) string {
		b := binary.LittleEndian.AppendUint64(nil, first)
		b = binary.LittleEndian.AppendUint64(append(b, " of one hash, two texts "...), second)
		b = append(b, " that nobody but a digest tells from each other, if they are copies"...)
		for i := range 80 { // or from a near duplicate
			b = fmt.Append(b, " ", i)
		}
		return string(b)
	}
	one, more := word(), word()
	for {
		other := word()
		rest := more + (after(one)-after(other))*inverse
		b := binary.LittleEndian.AppendUint64(nil, rest)
		if other != one && !slices.ContainsFunc(b, func(c byte) bool { return c < ' ' || c > '~' }) {
			return [2]string{text(one, more), text(other, rest)}
		}
	}
}

// Two texts that collide are different ones of one key.
func TestColliding(t *testing.T) {
	texts := colliding(rand.New(rand.NewPCG(1, 1)))
	var sums [2]uint64
	for i, text := range texts {
		d := xxhash.NewWithSeed(1)
		d.WriteString(text)
		sums[i] = d.Sum64()
	}
	if texts[0] == texts[1] || len(texts[0]) != len(texts[1]) || sums[0] != sums[1] {
		t.Errorf("%q: %x", texts, sums)
	}
}

// lines makes documents of a few families, with copies of the same text and, if some are
// to collide, texts of one hash.
func lines(rnd *rand.Rand, n, families int, collides bool) []string {
	var all []*family
	for range families {
		all = append(all, newFamily(rnd, 5+rnd.IntN(80)))
	}
	var out, texts []string
	collide := colliding(rnd)
	for i := range n {
		text := all[rnd.IntN(len(all))].text(rnd.IntN(4))
		if len(texts) > 0 && rnd.IntN(4) == 0 {
			text = texts[rnd.IntN(len(texts))]
		}
		if rnd.IntN(30) == 0 {
			text = "all the same"
		}
		alike := rnd.IntN(20) == 0 && collides // in all that decides who is first but the text
		if alike {
			text = collide[rnd.IntN(2)]
		}
		texts = append(texts, text)
		doc := map[string]any{"text": text, "contributor": fmt.Sprint("c", rnd.IntN(5)), "source": fmt.Sprint("s", rnd.IntN(3))}
		if alike {
			doc["contributor"] = "c0"
		} else {
			if rnd.IntN(3) > 0 {
				doc["id"] = fmt.Sprint(i)
			}
			if rnd.IntN(3) > 0 {
				doc["created"] = 1e9 + rnd.IntN(50)
			}
		}
		line, _ := json.Marshal(doc)
		if rnd.IntN(40) == 0 {
			line = []byte(`[]`)
		}
		out = append(out, string(line))
	}
	return out
}

// planOf plans files of lines; reference says how many of the last ones are the
// reference corpus.
func planOf(t *testing.T, files [][]string, reference int, change func(p *plan.Plan)) plan.Plan {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	size := int64(1 << 16)
	if len(files[0]) > 10_000 {
		size <<= 8 // open files have buffers
	}
	for i, l := range files {
		paths = append(paths, filepath.Join(dir, fmt.Sprintf("%d.jsonl", i)))
		if err := os.WriteFile(paths[i], []byte(strings.Join(l, "\n")+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	planned, shards, err := corpus.Plan(t.Context(), paths, corpus.PlanOptions{ShardSize: size})
	if err != nil {
		t.Fatal(err)
	}
	for i := range planned {
		planned[i].Reference = i >= len(planned)-reference
	}
	p := plan.Plan{
		Version: plan.Version, Rules: plan.Rules{Shingle: plan.RuleShingle, Priority: plan.RulePriority},
		Fields:    plan.Fields{Text: "text", ID: "id", Contributor: "contributor", Created: "created"},
		NearDup:   plan.NearDup{ThresholdNum: 4, ThresholdDen: 5, Bands: 16, Rows: 5},
		Tokenizer: plan.Tokenizer{Name: "words", SHA256: strings.Repeat("0", 64), AddedTokens: "match"},
		Seed:      1, ShardSize: size, MaxLine: 1 << 20, Partitions: 3, Files: planned, Shards: shards,
	}
	change(&p)
	if p.RunID, err = p.ComputeRunID(); err != nil {
		t.Fatal(err)
	}
	return p
}

// resolved are the files of resolve, done again with a room.
func resolved(t *testing.T, j *task.Job, room int64) map[string]string {
	t.Helper()
	resolveAgain(t, j, room)
	return written(t, j)
}

// written are the files of resolve that are there.
func written(t *testing.T, j *task.Job) map[string]string {
	t.Helper()
	out := tasktest.Contents(t, j)
	for name := range out {
		if !strings.Contains(name, "resolve") && !strings.Contains(name, "audit") && !strings.HasPrefix(name, sweepable.Dir) {
			delete(out, name)
		}
	}
	return out
}

// resolveAgain does resolve, and decide before it if the plan has that.
func resolveAgain(t *testing.T, j *task.Job, room int64) {
	t.Helper()
	os.Remove(filepath.Join(j.Dir, task.RecordPath(task.Resolve, 0)))
	os.RemoveAll(filepath.Join(j.Dir, task.WorkDir, string(task.Decide))) // of another number of tasks
	scanned, matched := records(t, j, task.Scan), records(t, j, task.Match)
	do := func(n task.Stage, number int, run func(*task.Task) error) {
		t.Helper()
		task := j.Begin(n, number)
		defer task.Abort()
		err := run(task)
		if err == nil {
			err = task.Commit(t.Context())
		}
		if err != nil {
			t.Fatalf("room %d: %v", room, err)
		}
	}
	decide := func(run *task.Task) error { return resolve.DoIn(t.Context(), run, scanned, matched, room) }
	for number := range j.Plan.DecideTasks {
		do(task.Decide, number, decide)
	}
	if j.Plan.DecideTasks > 0 {
		do(task.Resolve, 0, func(run *task.Task) error {
			return resolve.MergeIn(t.Context(), run, scanned, matched, records(t, j, task.Decide), room)
		})
	} else {
		do(task.Resolve, 0, decide)
	}
}

func records(t *testing.T, j *task.Job, n task.Stage) []task.Record {
	t.Helper()
	recs, err := j.Records(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return recs
}

// auditedApart is the policy of corpora in which no texts collide, so that tasks of decide
// share an audit.
const auditedApart = "audited, no texts of one hash"

// policies are those that tests resolve random corpora under.
var policies = []struct {
	name      string
	reference int
	earlier   bool
	change    func(p *plan.Plan)
}{
	{"plain", 0, false, func(*plan.Plan) {}},
	{"shared credit", 0, false, func(p *plan.Plan) { p.Rules.Credit = plan.RuleCredit }},
	{"low threshold", 0, false, func(p *plan.Plan) {
		p.NearDup = plan.NearDup{ThresholdNum: 1, ThresholdDen: 2, Bands: 30, Rows: 3}
	}},
	{"audited", 0, false, func(p *plan.Plan) {
		p.AuditPPM, p.NearDup = 300_000, plan.NearDup{ThresholdNum: 3, ThresholdDen: 4, Bands: 6, Rows: 5, Recall: "0.9"}
	}},
	{auditedApart, 0, false, func(p *plan.Plan) {
		p.AuditPPM, p.NearDup = 300_000, plan.NearDup{ThresholdNum: 3, ThresholdDen: 4, Bands: 6, Rows: 5, Recall: "0.9"}
		p.Rules.Priority = plan.RulePriorityLongest
	}},
	{"longest", 0, false, func(p *plan.Plan) { p.Rules.Priority = plan.RulePriorityLongest }},
	{"ranked sources", 0, false, func(p *plan.Plan) {
		p.Fields.Source, p.Rules.Priority, p.SourceRank = "source", plan.RulePrioritySource, []string{"s1", "s0"}
	}},
	{"within a source", 0, false, func(p *plan.Plan) {
		p.Fields.Source, p.Scope, p.Rules.Credit = "source", plan.ScopeSource, plan.RuleCredit
	}},
	{"reference", 1, false, func(p *plan.Plan) { p.Scope = plan.ScopeReference }},
	{"beside a reference", 1, false, func(p *plan.Plan) { p.Rules.Credit = plan.RuleCredit }},
	{"against", 0, true, func(p *plan.Plan) { p.Index, p.Rules.Credit = true, plan.RuleCredit }},
	{"sweepable", 0, false, func(p *plan.Plan) { sweepableFrom(p, 1, 2); p.Rules.Credit = plan.RuleCredit }},
	{"sweepable from its threshold", 0, false, func(p *plan.Plan) { sweepableFrom(p, 4, 5) }},
	{"sweepable, audited", 0, false, func(p *plan.Plan) { sweepableFrom(p, 1, 2); p.AuditPPM, p.NearDup.Recall = 300_000, "0.9" }},
	{"sweepable, longest", 0, false, func(p *plan.Plan) { sweepableFrom(p, 1, 2); p.Rules.Priority = plan.RulePriorityLongest }},
	{"sweepable, ranked sources", 0, false, func(p *plan.Plan) {
		sweepableFrom(p, 1, 2)
		p.Fields.Source, p.Rules.Priority, p.SourceRank = "source", plan.RulePrioritySource, []string{"s1", "s0"}
	}},
	{"sweepable, within a source", 0, false, func(p *plan.Plan) {
		sweepableFrom(p, 1, 2)
		p.Fields.Source, p.Scope = "source", plan.ScopeSource
	}},
}

// sweepableFrom makes a plan that of a sweepable run with the floor num/den.
func sweepableFrom(p *plan.Plan, num, den int64) {
	p.NearDup = plan.NearDup{ThresholdNum: 4, ThresholdDen: 5, Bands: 30, Rows: 3, FloorNum: num, FloorDen: den}
}

// eachCorpus calls fn with a plan of a random corpus under each of the policies, and a
// room in which resolve goes in parts of another kind with each of them.
func eachCorpus(t *testing.T, fn func(t *testing.T, p plan.Plan, room int64)) {
	for _, policy := range policies {
		for seed, c := range []struct {
			documents, families int
			room                int64
		}{
			{60, 2, 1},        // every document a block, and a chunk
			{300, 3, 1 << 17}, // blocks of some documents
			{300, 100, 1 << 15},
			{300, 1, 1 << 30}, // one part
		} {
			t.Run(fmt.Sprint(policy.name, "/", seed), func(t *testing.T) {
				all := lines(rand.New(rand.NewPCG(uint64(seed), 7)), c.documents, c.families, policy.name != auditedApart)
				files := [][]string{all[:c.documents/3], all[c.documents/3 : c.documents/2], all[c.documents/2:]}
				if policy.earlier {
					fn(t, planAfter(t, files[:1], files[1:], policy.change), c.room)
				} else {
					fn(t, planOf(t, files, policy.reference, policy.change), c.room)
				}
			})
		}
	}
}

// TestPartsDecideAsAll resolves random corpora under all policies with several
// bounds, and once without: what is written is the same to a byte.
func TestPartsDecideAsAll(t *testing.T) {
	eachCorpus(t, func(t *testing.T, p plan.Plan, room int64) {
		j := tasktest.Job(t, p, filepath.Join(t.TempDir(), "out"))
		tasktest.Run(t, stage.Do, j, task.Scan, task.Match)
		want := resolved(t, j, 0)
		if kept := len(want[sweepable.Dir+"/sets.zst"]) > 0; kept != p.NearDup.Sweepable() {
			t.Fatalf("sets were kept: %v", kept)
		}
		if diff := gocmp.Diff(want, resolved(t, j, room)); diff != "" {
			t.Fatalf("room %d (-want +got):\n%s", room, diff)
		}
	})
}

// TestBucketsAcrossSources resolves buckets of documents of several sources, which only
// colliding hashes make: they are cut, at once, in parts and by tasks of decide.
func TestBucketsAcrossSources(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	all := lines(rnd, 300, 20, true)
	p := planOf(t, [][]string{all[:100], all[100:]}, 0, func(p *plan.Plan) {
		sweepableFrom(p, 1, 2)
		p.Fields.Source, p.Scope = "source", plan.ScopeSource
	})
	j := tasktest.Job(t, p, filepath.Join(t.TempDir(), "out"))
	tasktest.Run(t, stage.Do, j, task.Scan, task.Match)
	for number, rec := range records(t, j, task.Match) {
		path := task.WorkPath(task.Match, number, "buckets")
		b, err := os.ReadFile(filepath.Join(j.Dir, path))
		if err != nil {
			t.Fatal(err)
		}
		var groups [][]doc.Place
		if err := wire.EachGroup(bytes.NewReader(b), func(members []doc.Place) error {
			groups = append(groups, slices.Clone(members))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		e := wire.NewEncoder(&file, wire.MagicGroups)
		for range groups {
			var bucket []doc.Place
			for range 1 + rnd.IntN(4) {
				bucket = append(bucket, groups[rnd.IntN(len(groups))]...)
			}
			slices.SortFunc(bucket, doc.Place.Compare)
			e.Group(slices.Compact(bucket))
		}
		e.Flush()
		i := slices.IndexFunc(rec.Work, func(f task.WorkSum) bool { return f.Path == path })
		rec.Work[i] = task.WorkSum{Path: path, Size: int64(file.Len()), XXH64: fmt.Sprintf("%016x", xxhash.Sum64(file.Bytes()))}
		if err := errors.Join(task.WriteBytes(t.Context(), j.Out, path, file.Bytes()), task.WriteJSON(t.Context(), j.Out, task.RecordPath(task.Match, number), rec)); err != nil {
			t.Fatal(err)
		}
	}
	want := resolved(t, j, 0)
	for _, tasks := range []int{0, 2} {
		j.Plan.DecideTasks = tasks
		for _, room := range []int64{0, 1, 1 << 16, 1 << 30} {
			if diff := gocmp.Diff(want, resolved(t, j, room)); diff != "" {
				t.Fatalf("%d tasks, room %d (-want +got):\n%s", tasks, room, diff)
			}
		}
	}
}

// planAfter plans a run after an earlier one, which it does.
func planAfter(t *testing.T, before, files [][]string, change func(p *plan.Plan)) plan.Plan {
	t.Helper()
	earlier := tasktest.Job(t, planOf(t, before, 0, change), filepath.Join(t.TempDir(), "earlier"))
	tasktest.Run(t, stage.Do, earlier, task.Order...)
	return planOf(t, files, 0, func(p *plan.Plan) {
		change(p)
		e := plan.Earlier{Folder: earlier.Dir, RunID: earlier.Plan.RunID, FirstShard: len(p.Shards), Shards: len(earlier.Plan.Shards)}
		for i, s := range earlier.Plan.Shards {
			index, err := os.ReadFile(filepath.Join(earlier.Dir, stage.IndexPath(i)))
			if err != nil {
				t.Fatal(err)
			}
			s.File += len(p.Files)
			sum := sha256.Sum256(index)
			s.Index = hex.EncodeToString(sum[:])
			p.Shards = append(p.Shards, s)
		}
		for _, f := range earlier.Plan.Files {
			f.Run = e.RunID
			p.Files = append(p.Files, f)
		}
		p.Earlier = append(p.Earlier, e)
	})
}

// TestBlocksOfHotBuckets resolves a family in which nothing is dropped but a few
// revisions, in buckets that become hot, at once and in blocks.
func TestBlocksOfHotBuckets(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	template := newFamily(rnd, 60).words
	var all []string
	var last string
	for i := range 4000 {
		if i%20 > 0 {
			last = strings.Join(newFamily(rnd, 12).words, " ")
		}
		line, _ := json.Marshal(map[string]any{
			"text": fmt.Sprintf("%s %s %d", strings.Join(template, " "), last, i), "contributor": fmt.Sprint("c", i%7),
		})
		all = append(all, string(line))
	}
	p := planOf(t, [][]string{all[:1500], all[1500:]}, 0, func(p *plan.Plan) { p.Rules.Credit = plan.RuleCredit })
	j := tasktest.Job(t, p, filepath.Join(t.TempDir(), "out"))
	tasktest.Run(t, stage.Do, j, task.Scan, task.Match)
	want := resolved(t, j, 0)
	if alarms := want[task.WorkPath(task.Resolve, 0, "alarms")]; strings.Contains(alarms, `"hot_buckets":0`) {
		t.Errorf("no bucket is hot: %s", alarms)
	}
	for _, room := range []int64{24 << 20, 4 << 20} {
		if diff := gocmp.Diff(want, resolved(t, j, room)); diff != "" {
			t.Fatalf("room %d (-want +got):\n%s", room, diff)
		}
	}
}

// TestPartsHoldTheirBound resolves a corpus that takes many times the bound, and
// looks at what is alive meanwhile.
func TestPartsHoldTheirBound(t *testing.T) {
	if testing.Short() {
		t.Skip("resolves 80,000 documents")
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	var all []string
	for len(all) < 80_000 {
		f := newFamily(rnd, 20)
		for range 4 {
			line, _ := json.Marshal(map[string]any{"text": f.text(1), "contributor": fmt.Sprint("contributor ", rnd.IntN(1e6)), "id": fmt.Sprint(len(all))})
			all = append(all, string(line))
		}
	}
	j := tasktest.Job(t, planOf(t, [][]string{all[:40_000], all[40_000:]}, 0, func(*plan.Plan) {}), filepath.Join(t.TempDir(), "out"))
	tasktest.Run(t, stage.Do, j, task.Scan, task.Match)
	const room = 2 << 20
	peaks := map[int64]int64{}
	for _, bound := range []int64{0, room} {
		peaks[bound] = peakAlive(func() { resolveAgain(t, j, bound) })
	}
	t.Logf("alive: %d KB at once, %d KB with a room of %d KB", peaks[0]>>10, peaks[room]>>10, room>>10)
	// Beside the room there are the buffers of files and the sets of places, and what
	// lives when a collection begins is counted until it ends.
	if peaks[room] > 4*room || peaks[0] < 8*room {
		t.Errorf("alive: %d at once, %d with a room of %d", peaks[0], peaks[room], int64(room))
	}
}

// peakAlive returns how much more was alive on the heap, at the end of a collection,
// while fn ran than before.
func peakAlive(fn func()) int64 {
	defer debug.SetGCPercent(debug.SetGCPercent(5))
	alive := func() int64 {
		s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(s)
		return int64(s[0].Value.Uint64())
	}
	runtime.GC()
	before, peak := alive(), int64(0)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				peak = max(peak, alive())
			}
		}
	}()
	fn()
	close(stop)
	<-stopped
	return peak - before
}
