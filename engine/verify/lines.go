package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"sync"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/verify/wary"
)

// checkBitmaps reads every bitmap and adds up the lines per class.
func (c *checker) checkBitmaps(ctx context.Context, f *findings) (string, error) {
	if c.manifest == nil {
		return skipped(f, manifestName)
	}
	if c.plan == nil {
		return skipped(f, planName)
	}
	present := make(map[string]bool, len(c.manifest.Files))
	for _, l := range c.manifest.Files {
		present[l.Path] = true
	}
	lines := make([]shardLines, c.plan.Delivery())
	err := c.parallel(ctx, len(lines), f, func(_ context.Context, shard int, f *findings) error {
		union := roaring.New()
		for class := range doc.NumClasses {
			name := bitmapName(shard, class)
			if !present[name] {
				continue
			}
			b, err := c.readBitmap(name, c.plan.MostLines(shard))
			if err != nil {
				f.add("%s: %v", name, err)
				continue
			}
			if both := roaring.And(union, b); !both.IsEmpty() {
				f.add("%s: ordinal %d (%s, line %d) is in another class too", name, both.Minimum(), c.inputPath(shard), c.firstLine(shard)+int64(both.Minimum()))
			}
			union.Or(b)
			lines[shard].class[class] = b
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	var documents uint64
	for class := range doc.NumClasses {
		var n uint64
		for i := range lines {
			n += lines[i].count(class)
		}
		if want := c.manifest.Totals.of(class).Documents; n != want {
			f.add("bitmaps: %d lines are %s, totals of %s say %d", n, class, manifestName, want)
		}
		if class == doc.Excluded && n > 0 {
			f.add("bitmaps: %d lines are excluded, by a plan that has no rule for it", n)
		}
		documents += n
	}
	if f.count == 0 {
		c.lines = lines
	}
	return number(documents, "line") + ", each in one class", nil
}

// readBitmap reads the bitmap of a shard of so many lines.
func (c *checker) readBitmap(name string, lines uint64) (*roaring.Bitmap, error) {
	data, err := c.read(name)
	if err != nil {
		return nil, err
	}
	if data == nil {
		return nil, errors.New("not read: it is missing or damaged")
	}
	return wary.Bitmap(data, lines)
}

// decided is a row of a decisions file.
type decided struct {
	line, offset                  int64
	id, contributor               string
	class                         doc.Class
	bytes, tokens                 int64
	further                       []int64 // tokens by the further tokenizers
	witnessShard                  int
	witnessLine                   int64
	witnessID, witnessContributor string
	overlap, union                int64
	jaccard                       float64
	sharedBuckets                 int64

	row int64 // number in the file, from 1
}

// facts spells what the input says too.
func (d *decided) facts() string {
	tokens := fmt.Sprintf("%d tokens", d.tokens)
	for _, n := range d.further {
		tokens += fmt.Sprintf(" and %d", n)
	}
	return fmt.Sprintf("line %d, byte %d, id %q, contributor %q, %s, %d bytes, %s",
		d.line, d.offset, d.id, d.contributor, d.class, d.bytes, tokens)
}

var decisionColumns = []wary.Column{
	wary.Int32("shard"), wary.Int64("line"), wary.Int64("offset"),
	wary.Text("id"), wary.Text("contributor"), wary.Text("class"),
	wary.Int64("bytes"), wary.Int64("tokens"),
	wary.Int32("witness_shard"), wary.Int64("witness_line"),
	wary.Text("witness_id"), wary.Text("witness_contributor"),
	wary.Int64("overlap"), wary.Int64("union"), wary.Double("jaccard"),
	wary.Int32("shared_buckets"),
}

// eachDecision calls fn for the rows of a shard's decisions file. What cannot
// be read, or is not of this shard, is a failure and ends it.
func (c *checker) eachDecision(shard int, f *findings, fn func(d *decided) error) error {
	next, stop := c.decisions(shard, f)
	defer stop()
	for {
		d := next()
		if d == nil {
			return nil
		}
		if err := fn(d); err != nil {
			return err
		}
	}
}

// decisions returns a function that gives the rows of a shard's decisions file
// one by one, then nil.
func (c *checker) decisions(shard int, f *findings) (next func() *decided, stop func()) {
	name := decisionsName(shard)
	none := func() *decided { return nil }
	file := c.open(name)
	if file == nil {
		f.add("%s: not read: it is missing or damaged", name)
		return none, func() {}
	}
	stop = func() { file.Close() }
	columns := slices.Clone(decisionColumns)
	for _, t := range c.plan.Further {
		columns = append(columns, wary.Int64("tokens_"+t.Label))
	}
	p, err := wary.OpenTable(file, columns)
	if err != nil {
		f.add("%s: %v", name, err)
		return none, stop
	}
	if id := p.Metadata("tallystick.run_id"); id != c.plan.RunID {
		f.add("%s: tallystick.run_id is %q, the plan's is %s", name, id, c.plan.RunID)
	}
	c.checkDigests(name, p, f)
	return func() *decided {
		v, err := p.Row()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			f.add("%s: row %d: %v", name, p.Number+1, err)
			return nil
		}
		d := &decided{
			line: v[1].Int64(), offset: v[2].Int64(),
			id: string(v[3].ByteArray()), contributor: string(v[4].ByteArray()),
			bytes: v[6].Int64(), tokens: v[7].Int64(),
			witnessShard: int(v[8].Int32()), witnessLine: v[9].Int64(),
			witnessID: string(v[10].ByteArray()), witnessContributor: string(v[11].ByteArray()),
			overlap: v[12].Int64(), union: v[13].Int64(), jaccard: v[14].Double(),
			sharedBuckets: int64(v[15].Int32()), row: p.Number,
		}
		class, known := doc.ParseClass(string(v[5].ByteArray()))
		if got := int(v[0].Int32()); got != shard || !known {
			f.add("%s: row %d: class %q in shard %d cannot be here", name, d.row, v[5].ByteArray(), got)
			return nil
		}
		d.class = class
		for _, n := range v[len(decisionColumns):] {
			d.further = append(d.further, n.Int64())
		}
		return d
	}, stop
}

// checkDecisions compares decisions with bitmaps line by line, and their sums
// with the tally.
func (c *checker) checkDecisions(ctx context.Context, f *findings) (string, error) {
	if c.lines == nil {
		return skipped(f, "set of bitmaps")
	}
	if c.tally == nil {
		return skipped(f, "tally")
	}
	var (
		mu      sync.Mutex
		totals  = make([]sums, len(c.tally))
		witness = make([]roaring.Bitmap, len(c.plan.Shards))
		rows    int64
		stood   int64 // rows whose witness stands
	)
	done := c.progressOf("decisions", int64(len(c.lines)))
	err := c.parallel(ctx, len(c.lines), f, func(ctx context.Context, shard int, f *findings) error {
		local := make(map[int]*sums)
		seen := make(map[int]*roaring.Bitmap)
		var perClass [doc.NumClasses]uint64
		var previous decided
		var n, standing int64
		err := c.eachDecision(shard, f, func(d *decided) error {
			n++
			c.checkDecision(shard, d, &previous, f)
			previous = *d
			perClass[d.class]++
			if i, found := c.find(d.contributor); !found {
				f.add("%s: row %d: contributor %q is not in %s", decisionsName(shard), d.row, d.contributor, jsonlName)
			} else {
				if local[i] == nil {
					local[i] = new(sums)
				}
				local[i].add(d.class, doc.Counts{Documents: 1, Bytes: uint64(d.bytes), Tokens: uint64(d.tokens)}, d.further)
			}
			if ordinal, ok := c.ordinal(d.witnessShard, d.witnessLine); ok {
				if seen[d.witnessShard] == nil {
					seen[d.witnessShard] = roaring.New()
				}
				seen[d.witnessShard].Add(ordinal)
				if c.plan.IsStanding(d.witnessShard) {
					standing++
				}
			}
			return ctx.Err()
		})
		if err != nil {
			return err
		}
		for _, class := range []doc.Class{doc.ExactDup, doc.NearDup} {
			if want := c.lines[shard].count(class); perClass[class] != want {
				f.add("%s: %d rows are %s, %s has %d lines", decisionsName(shard), perClass[class], class, bitmapName(shard, class), want)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		for i, s := range local {
			totals[i].merge(s)
		}
		for i, b := range seen {
			witness[i].Or(b)
		}
		rows += n
		stood += standing
		done(1)
		return nil
	})
	if err != nil {
		return "", err
	}
	for i := range c.tally {
		for _, class := range []doc.Class{doc.ExactDup, doc.NearDup} {
			if want, got, same := c.compareSums(&totals[i], &c.tally[i].classCounts, class); !same {
				f.add("%s: line %d: contributor %q: %s is %s, decisions add up to %s", jsonlName, i+1, c.tally[i].Contributor, class, want, got)
			}
		}
	}
	if f.count == 0 {
		c.witness = witness
	}
	return fmt.Sprintf("%s, each with a kept witness%s", number(rows, "dropped document"), c.standingNote(stood)), nil
}

// ordinal returns the zero-based ordinal in its shard of a line of the file.
func (c *checker) ordinal(shard int, line int64) (uint32, bool) {
	if shard < 0 || shard >= len(c.plan.Shards) {
		return 0, false
	}
	ordinal := line - c.firstLine(shard)
	return uint32(ordinal), ordinal >= 0 && ordinal <= math.MaxUint32
}

// checkDecision checks what one row says by itself.
func (c *checker) checkDecision(shard int, d, previous *decided, f *findings) {
	fail := func(format string, args ...any) {
		f.add("%s: row %d (%s, line %d): %s", decisionsName(shard), d.row, c.inputPath(shard), d.line, fmt.Sprintf(format, args...))
	}
	s := c.plan.Shards[shard]
	ordinal, ok := c.ordinal(shard, d.line)
	switch {
	case d.line <= previous.line || previous.row > 0 && d.offset <= previous.offset:
		fail("line and offset %d do not follow line %d, offset %d", d.offset, previous.line, previous.offset)
	case d.class != doc.ExactDup && d.class != doc.NearDup:
		fail("class %s is not that of a dropped document", d.class)
	case !ok || !c.lines[shard].is(d.class, ordinal):
		fail("is not in %s", bitmapName(shard, d.class))
	case d.offset < s.Offset || c.plan.Files[s.File].Compression == "none" && d.offset >= s.Offset+s.Length:
		fail("offset %d is outside the shard", d.offset)
	case d.bytes < 0 || d.tokens < 0 || len(d.further) > 0 && slices.Min(d.further) < 0:
		fail("negative counts %d, %d, %d", d.bytes, d.tokens, d.further)
	}
	w, ok := c.ordinal(d.witnessShard, d.witnessLine)
	switch {
	case !ok:
		fail("witness in shard %d, line %d does not exist", d.witnessShard, d.witnessLine)
	case c.plan.IsStanding(d.witnessShard):
		c.checkStandingWitness(d, w, fail)
	case c.plan.Scope == plan.ScopeReference:
		fail("witness %s, line %d is not of the reference corpus", c.inputPath(d.witnessShard), d.witnessLine)
	case !c.lines[d.witnessShard].is(doc.Kept, w):
		fail("witness %s, line %d is not in %s", c.inputPath(d.witnessShard), d.witnessLine, bitmapName(d.witnessShard, doc.Kept))
	}
	if ok && c.plan.IsStanding(d.witnessShard) {
		// Its contributor is in the tally of another run, or of none.
	} else if i, found := c.find(d.witnessContributor); !found || c.tally[i].Kept.Documents == 0 {
		fail("witness contributor %q has no kept document in %s", d.witnessContributor, jsonlName)
	}
	if d.class == doc.ExactDup {
		if d.overlap != 0 || d.union != 0 || d.jaccard != 1 || d.sharedBuckets != 0 {
			fail("an exact_dup has overlap 0, union 0, jaccard 1 and no shared buckets, not %d, %d, %v, %d", d.overlap, d.union, d.jaccard, d.sharedBuckets)
		}
		return
	}
	n := c.plan.NearDup
	switch {
	case d.overlap < 1 || d.union < d.overlap:
		fail("overlap %d of union %d cannot be", d.overlap, d.union)
	case d.jaccard != float64(d.overlap)/float64(d.union):
		fail("jaccard %v is not %d / %d", d.jaccard, d.overlap, d.union)
	case lessProduct(d.overlap, n.ThresholdDen, n.ThresholdNum, d.union):
		fail("%d / %d is below the threshold %d / %d", d.overlap, d.union, n.ThresholdNum, n.ThresholdDen)
	case d.sharedBuckets < 1 || d.sharedBuckets > mostBuckets(n):
		fail("%d shared buckets of at most %d", d.sharedBuckets, mostBuckets(n))
	}
}

// mostBuckets returns how many buckets a document can be in: one for each band
// and, if it has few shingles, one for each of its prefix, at the lowest
// threshold t that its keys serve. The longest prefix is that of most shingles:
// n − ⌈t·n⌉ + 1 never falls with n.
func mostBuckets(rule plan.NearDup) int64 {
	num, den := rule.Lowest()
	few := int64(rule.PrefixUpTo) * den / num
	needed := (few*num + den - 1) / den
	return int64(rule.Bands) + few - needed + 1
}

// lessProduct reports whether a·b < c·d, for factors that are not negative.
func lessProduct(a, b, c, d int64) bool {
	h1, l1 := bits.Mul64(uint64(a), uint64(b))
	h2, l2 := bits.Mul64(uint64(c), uint64(d))
	return h1 < h2 || h1 == h2 && l1 < l2
}

// rejected is a line of rejects.jsonl.
type rejected struct {
	File        string     `json:"file"`
	Shard       int        `json:"shard"`
	Line        int64      `json:"line"`
	Offset      int64      `json:"offset"`
	Column      int64      `json:"column"`
	Reason      doc.Reason `json:"reason"`
	Contributor string     `json:"contributor"`
}

var reasons = map[doc.Reason]bool{
	doc.InvalidJSON: true, doc.NotObject: true, doc.TextMissing: true, doc.TextNotString: true,
	doc.ContributorMissing: true, doc.ContributorNotString: true, doc.InvalidUTF8: true,
	doc.ControlCharacter: true, doc.LoneSurrogate: true, doc.DuplicateKey: true,
	doc.LineTooLong: true, doc.CorruptCompressedStream: true,
}

// rejectSpan is where the records of a shard are in rejects.jsonl.
type rejectSpan struct {
	start, end int64 // bytes
	firstLine  int64 // number of the first record in rejects.jsonl, from 1
}

// checkRejects compares rejects.jsonl with bitmaps and tally.
func (c *checker) checkRejects(ctx context.Context, f *findings) (string, error) {
	if c.lines == nil {
		return skipped(f, "set of bitmaps")
	}
	if c.tally == nil {
		return skipped(f, "tally")
	}
	file := c.open(rejectsName)
	if file == nil {
		return skipped(f, rejectsName)
	}
	defer file.Close()
	perContributor := make([]uint64, len(c.tally))
	perShard := make([]uint64, len(c.lines))
	spans := make([]rejectSpan, len(c.lines))
	lines := wary.NewLines(file)
	previous := rejected{Shard: -1}
	for {
		if lines.Number%4096 == 0 && ctx.Err() != nil {
			return "", ctx.Err()
		}
		start := lines.Offset
		var r rejected
		err := lines.Next(&r)
		if errors.Is(err, io.EOF) {
			break
		}
		fail := func(format string, args ...any) {
			f.add("%s: line %d: %s", rejectsName, lines.Number, fmt.Sprintf(format, args...))
		}
		if err != nil {
			fail("%v", err)
			return "", nil
		}
		if r.Shard < 0 || r.Shard >= len(c.lines) {
			fail("shard %d does not exist", r.Shard)
			continue
		}
		if r.Shard < previous.Shard || r.Shard == previous.Shard && (r.Line <= previous.Line || r.Offset <= previous.Offset) {
			fail("shard %d, line %d does not follow shard %d, line %d", r.Shard, r.Line, previous.Shard, previous.Line)
			continue
		}
		previous = r
		s := c.plan.Shards[r.Shard]
		ordinal, ok := c.ordinal(r.Shard, r.Line)
		switch {
		case r.File != c.inputPath(r.Shard):
			fail("file %q is not that of shard %d, %s", r.File, r.Shard, c.inputPath(r.Shard))
		case !ok || !c.lines[r.Shard].is(doc.Rejected, ordinal):
			fail("%s, line %d is not in %s", r.File, r.Line, bitmapName(r.Shard, doc.Rejected))
		case r.Offset < s.Offset || c.plan.Files[s.File].Compression == "none" && r.Offset >= s.Offset+s.Length || r.Column < 0:
			fail("offset %d, column %d is outside shard %d", r.Offset, r.Column, r.Shard)
		case !reasons[r.Reason]:
			fail("reason %q is not known", r.Reason)
		}
		if i, found := c.find(r.Contributor); found {
			perContributor[i]++
		} else {
			fail("contributor %q is not in %s", r.Contributor, jsonlName)
		}
		if perShard[r.Shard] == 0 {
			spans[r.Shard] = rejectSpan{start: start, firstLine: lines.Number}
		}
		spans[r.Shard].end = lines.Offset
		perShard[r.Shard]++
	}
	for shard := range c.lines {
		if want := c.lines[shard].count(doc.Rejected); perShard[shard] != want {
			f.add("%s: %d records are of shard %d, %s has %d lines", rejectsName, perShard[shard], shard, bitmapName(shard, doc.Rejected), want)
		}
	}
	for i := range c.tally {
		if want := c.tally[i].Rejected.Documents; perContributor[i] != want {
			f.add("%s: line %d: contributor %q: rejected is %d, %s has %d records", jsonlName, i+1, c.tally[i].Contributor, want, rejectsName, perContributor[i])
		}
	}
	if f.count == 0 {
		c.rejects = spans
	}
	return number(lines.Number, "rejected line"), nil
}
