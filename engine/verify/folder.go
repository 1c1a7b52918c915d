package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

const (
	manifestName = "manifest.json"
	planName     = "plan.json"
	jsonlName    = "tally.jsonl"
	parquetName  = "tally.parquet"
	rejectsName  = "rejects.jsonl"
	alarmsName   = "alarms.json"
	auditName    = "audit.json"
	workFolder   = ".work" // of a run that keeps its intermediate files
)

// unlisted are the files that the manifest does not cover: itself, and what
// holds timings.
var unlisted = []string{manifestName, "timings.json", "report.html", "estimate.json"}

type manifestFile struct {
	Version           int         `json:"version"`
	RunID             string      `json:"run_id"`
	Tool              string      `json:"tool"`
	Files             []listed    `json:"files"`
	Totals            classCounts `json:"totals"`
	CreatedUnreadable uint64      `json:"created_unreadable"`
	UnseenSources     []string    `json:"unseen_sources"`
	Standing          *standing   `json:"standing"`
}

// standing counts the documents that are compared with and not tallied.
type standing struct {
	Documents uint64 `json:"documents"`
	Rejected  uint64 `json:"rejected"`
}

type listed struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func (c *checker) checkManifest(_ context.Context, f *findings) (string, error) {
	data, err := os.ReadFile(c.path(manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		f.add("%s: is missing: the run in this folder is not finished", manifestName)
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", doc.ErrInput, err)
	}
	var m manifestFile
	if err := strictJSON(data, &m); err != nil {
		f.add("%s: %v", manifestName, err)
		return "", nil
	}
	if m.Version != 1 || m.Tool != "tallystick" {
		f.add("%s: version %d of %q is not known here", manifestName, m.Version, m.Tool)
		return "", nil
	}
	for i, l := range m.Files {
		switch {
		case l.Path == "." || !filepath.IsLocal(l.Path) || path.Clean(l.Path) != l.Path || slices.Contains(unlisted, l.Path):
			f.add("%s: file %d: path %q may not be listed", manifestName, i+1, l.Path)
		case i > 0 && m.Files[i-1].Path >= l.Path:
			f.add("%s: file %d: %s does not sort after %s", manifestName, i+1, l.Path, m.Files[i-1].Path)
		}
	}
	if f.count == 0 {
		c.manifest = &m
	}
	if err := m.Totals.conserved(); err != nil {
		f.add("%s: totals: %v", manifestName, err)
	}
	return fmt.Sprintf("%d files listed", len(m.Files)), nil
}

// checkFiles compares every listed file with its size and digest, and finds
// files that are not listed.
func (c *checker) checkFiles(ctx context.Context, f *findings) (string, error) {
	if c.manifest == nil {
		return skipped(f, manifestName)
	}
	var total int64
	isListed := make(map[string]bool, len(c.manifest.Files))
	for _, l := range c.manifest.Files {
		isListed[l.Path] = true
		total += max(0, l.Size)
	}
	err := filepath.WalkDir(c.dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("%w: %w", doc.ErrInput, err)
		}
		name, err = filepath.Rel(c.dir, name)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		switch {
		case entry.IsDir() && name == workFolder:
			return fs.SkipDir
		case entry.IsDir() || slices.Contains(unlisted, name):
		case !isListed[name]:
			f.add("%s: is not listed in %s", name, manifestName)
		case !entry.Type().IsRegular():
			f.add("%s: is not a plain file", name)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	done := c.progressOf("files", total)
	bad := make([]bool, len(c.manifest.Files))
	err = c.parallel(ctx, len(bad), f, func(ctx context.Context, i int, f *findings) error {
		l := c.manifest.Files[i]
		size, digest, err := digestFile(ctx, c.path(l.Path), done)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			f.add("%s: cannot be read: %v", l.Path, err)
		case size != l.Size:
			f.add("%s: has %d bytes, %s says %d", l.Path, size, manifestName, l.Size)
		case digest != l.SHA256:
			f.add("%s: has SHA-256 %s, %s says %s", l.Path, digest, manifestName, l.SHA256)
		}
		bad[i] = f.count > 0
		return nil
	})
	for i, l := range c.manifest.Files {
		if bad[i] {
			c.damaged[l.Path] = true
		}
	}
	return fmt.Sprintf("%d bytes digested", total), err
}

// digestFile returns the size and hex SHA-256 of a file or object.
func digestFile(ctx context.Context, name string, done func(int64)) (int64, string, error) {
	file, err := corpus.OpenRaw(ctx, name)
	if err != nil {
		return 0, "", err
	}
	defer file.Close()
	h := sha256.New()
	var size int64
	for {
		n, err := io.CopyN(h, file, 8<<20)
		size += n
		done(n)
		if errors.Is(err, io.EOF) {
			return size, hex.EncodeToString(h.Sum(nil)), nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return 0, "", err
		}
	}
}

func (c *checker) checkPlan(_ context.Context, f *findings) (string, error) {
	file := c.open(planName)
	if file == nil {
		return skipped(f, planName)
	}
	defer file.Close()
	data, err := io.ReadAll(file)
	if err != nil {
		return "", fmt.Errorf("%w: %w", doc.ErrInput, err)
	}
	var p plan.Plan
	if err := strictJSON(data, &p); err != nil {
		f.add("%s: %v", planName, err)
		return "", nil
	}
	if p.Version != plan.Version {
		f.add("%s: version %d is not known here", planName, p.Version)
		return "", nil
	}
	rules := plan.Rules{
		Document: plan.RuleDocument, Token: plan.RuleToken, Shingle: plan.RuleShingle, WordHash: plan.RuleWordHash,
		Sketch: plan.RuleSketch, ExactKey: plan.RuleExactKey, Priority: plan.RulePriority,
	}
	if r := p.Rules.Priority; r == plan.RulePriorityLongest || r == plan.RulePrioritySource {
		rules.Priority = r
	}
	if knownCredit(p.Rules.Credit) {
		rules.Credit = p.Rules.Credit
	}
	if _, known := plan.ShingleWords(p.Rules.Shingle); known {
		rules.Shingle = p.Rules.Shingle
	}
	if p.Rules != rules {
		f.add("%s: rules %+v are not those known here, %+v", planName, p.Rules, rules)
	}
	id, err := p.ComputeRunID()
	if err != nil {
		return "", err
	}
	if id != p.RunID {
		f.add("%s: run_id is %s, but the plan hashes to %s", planName, p.RunID, id)
	}
	if c.manifest != nil && c.manifest.RunID != p.RunID {
		f.add("%s: run_id is %s, that of %s is %s", manifestName, c.manifest.RunID, planName, p.RunID)
	}
	n := p.NearDup
	const mostPrefix = 1 << 20 // so that products with the threshold's terms fit
	if n.ThresholdNum < 1 || n.ThresholdDen < n.ThresholdNum || n.Bands < 1 || n.Rows < 1 || n.PrefixUpTo < 0 || n.PrefixUpTo > mostPrefix {
		f.add("%s: near_dup %d/%d in %d bands of %d rows, prefixes up to %d, makes no sense", planName, n.ThresholdNum, n.ThresholdDen, n.Bands, n.Rows, n.PrefixUpTo)
	}
	if n.Sweepable() && (n.FloorDen < n.FloorNum || n.FloorNum < 1 || n.ThresholdNum*n.FloorDen < n.FloorNum*n.ThresholdDen) {
		f.add("%s: near_dup floor %d/%d makes no sense below threshold %d/%d", planName, n.FloorNum, n.FloorDen, n.ThresholdNum, n.ThresholdDen)
	}
	checkShards(&p, f)
	checkPolicy(&p, f)
	if f.count == 0 {
		c.plan = &p
	}
	return fmt.Sprintf("run id %s, %d inputs in %d shards", p.RunID, len(p.Files), len(p.Shards)), nil
}

// checkShards finds bytes of an input that are in no shard, or in two.
func checkShards(p *plan.Plan, f *findings) {
	covered := make([]int64, len(p.Files))
	nextLine := make([]int64, len(p.Files))
	for i, s := range p.Shards {
		if s.File < 0 || s.File >= len(p.Files) || i > 0 && s.File < p.Shards[i-1].File {
			f.add("%s: shard %d: file %d is out of order or does not exist", planName, i, s.File)
			return
		}
		file := p.Files[s.File]
		whole := s.Offset == 0 && s.Length == file.Size
		switch {
		case s.Length < 0 || s.Offset != covered[s.File]:
			f.add("%s: shard %d: starts at byte %d of %s, the one before ends at %d", planName, i, s.Offset, file.Path, covered[s.File])
		case file.Compression != "none" && !whole:
			f.add("%s: shard %d: is a part of compressed file %s", planName, i, file.Path)
		case s.Offset == 0 && s.FirstLine != 1 || s.FirstLine < nextLine[s.File]:
			f.add("%s: shard %d: first line %d of %s cannot be", planName, i, s.FirstLine, file.Path)
		}
		covered[s.File] = s.Offset + s.Length
		nextLine[s.File] = s.FirstLine + 1
	}
	for i, file := range p.Files {
		if covered[i] != file.Size {
			f.add("%s: %s has %d bytes, its shards cover %d", planName, file.Path, file.Size, covered[i])
		}
	}
}

// checkLayout compares the list of files with what a run of the plan has.
func (c *checker) checkLayout(_ context.Context, f *findings) (string, error) {
	if c.manifest == nil {
		return skipped(f, manifestName)
	}
	if c.plan == nil {
		return skipped(f, planName)
	}
	required := map[string]bool{planName: true, jsonlName: true, parquetName: true, rejectsName: true, alarmsName: true}
	if c.plan.AuditPPM > 0 {
		required[auditName] = true
	}
	optional := make(map[string]bool)
	if c.plan.Index {
		for shard := range c.plan.Shards {
			required[indexName(shard)] = true
		}
	}
	if c.plan.NearDup.Sweepable() {
		required["sweep/graph.zst"], required["sweep/sets.zst"] = true, true
	}
	for shard := range c.plan.Delivery() {
		if c.plan.NearDup.Sweepable() {
			required[fmt.Sprintf("sweep/%05d.docs.zst", shard)] = true
		}
		required[decisionsName(shard)] = true
		for class := range doc.NumClasses {
			optional[bitmapName(shard, class)] = true
		}
	}
	for _, l := range c.manifest.Files {
		if !required[l.Path] && !optional[l.Path] {
			f.add("%s: %s does not belong to a run of this plan", manifestName, l.Path)
		}
		delete(required, l.Path)
	}
	var missing []string
	for name := range required {
		missing = append(missing, name)
	}
	slices.Sort(missing)
	for _, name := range missing {
		f.add("%s: is not listed in %s", name, manifestName)
	}
	return fmt.Sprintf("%d shards", c.plan.Delivery()), nil
}

func decisionsName(shard int) string { return fmt.Sprintf("decisions/%05d.parquet", shard) }

func bitmapName(shard int, class doc.Class) string {
	return fmt.Sprintf("bitmaps/%05d.%s.roaring", shard, class)
}

// strictJSON decodes one JSON value and refuses unknown and repeated keys,
// which other readers could take in another way.
func strictJSON(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return repeatedKey(json.NewDecoder(bytes.NewReader(data)))
}

// repeatedKey reads one value and reports a key that an object has twice,
// letter case aside.
func repeatedKey(d *json.Decoder) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	open, isDelim := token.(json.Delim)
	if !isDelim {
		return nil
	}
	seen := make(map[string]bool)
	for d.More() {
		if open == '{' {
			key, err := d.Token()
			if err != nil {
				return err
			}
			folded := strings.ToLower(key.(string))
			if seen[folded] {
				return fmt.Errorf("key %q twice in an object", key)
			}
			seen[folded] = true
		}
		if err := repeatedKey(d); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}
