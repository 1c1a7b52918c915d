package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/verify/wary"
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

// unlisted are the files that the manifest does not cover, itself and what holds
// timings and costs, with what follows the digest that each ends in.
var unlisted = map[string]string{manifestName: jsonEnd, "timings.json": jsonEnd, "estimate.json": jsonEnd, "report.html": " -->\n"}

const jsonEnd = "\"\n}\n"

type manifestFile struct {
	Version           int         `json:"version"`
	RunID             string      `json:"run_id"`
	Tool              string      `json:"tool"`
	Files             []listed    `json:"files"`
	Totals            classCounts `json:"totals"`
	CreatedUnreadable uint64      `json:"created_unreadable"`
	UnseenSources     []string    `json:"unseen_sources"`
	Standing          *standing   `json:"standing"`
	SHA256            string      `json:"sha256"`
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
	data, err := wary.File(c.path(manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		f.add("%s: is missing: the run in this folder is not finished", manifestName)
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", doc.ErrInput, err)
	}
	if err := wary.Whole(data, unlisted[manifestName]); err != nil {
		f.add("%s: %v", manifestName, err)
	}
	damaged := f.count > 0
	var m manifestFile
	if err := wary.JSON(data, &m); err != nil {
		f.add("%s: %v", manifestName, err)
		return "", nil
	}
	if m.Version != 2 || m.Tool != "tallystick" {
		f.add("%s: version %d of %q is not known here", manifestName, m.Version, m.Tool)
		return "", nil
	}
	for i, l := range m.Files {
		switch {
		case l.Path == "." || !filepath.IsLocal(l.Path) || path.Clean(l.Path) != l.Path || unlisted[l.Path] != "":
			f.add("%s: file %d: path %q may not be listed", manifestName, i+1, l.Path)
		case i > 0 && m.Files[i-1].Path >= l.Path:
			f.add("%s: file %d: %s does not sort after %s", manifestName, i+1, l.Path, m.Files[i-1].Path)
		}
	}
	if damaged && f.count == 1 || f.count == 0 { // a damaged one still tells where else to look
		c.manifest = &m
	}
	if err := m.Totals.conserved(); err != nil {
		f.add("%s: totals: %v", manifestName, err)
	}
	return number(len(m.Files), "file") + " listed", nil
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
		case entry.IsDir() || unlisted[name] != "":
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
	c.comparePlans(f)
	for _, name := range []string{"timings.json", "report.html", "estimate.json"} {
		// Whoever interrupts a run between its manifest and these has none.
		data, err := wary.File(c.path(name))
		if err == nil {
			if err = wary.Whole(data, unlisted[name]); err == nil && !bytes.Contains(data, []byte(c.manifest.RunID)) {
				err = fmt.Errorf("is of another run: it does not name %s", c.manifest.RunID)
			}
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			f.add("%s: %v", name, err)
		}
	}
	done := c.progressOf("files", total)
	bad := make([]bool, len(c.manifest.Files))
	err = c.parallel(ctx, len(bad), f, func(ctx context.Context, i int, f *findings) error {
		l := c.manifest.Files[i]
		size, digest, err := digestFile(ctx, c.path(l.Path), done)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrNotExist):
			f.add("%s: is missing", l.Path)
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
	return number(total, "byte") + " digested", err
}

// comparePlans tells a manifest of another run from a damaged plan: a plan has a
// digest of its own, the run id.
func (c *checker) comparePlans(f *findings) {
	data, err := wary.File(c.path(planName))
	at := slices.IndexFunc(c.manifest.Files, func(l listed) bool { return l.Path == planName })
	if sum := sha256.Sum256(data); err != nil || at >= 0 && hex.EncodeToString(sum[:]) == c.manifest.Files[at].SHA256 {
		return
	}
	var p plan.Plan
	if wary.JSON(data, &p) != nil {
		return
	}
	if id, err := p.ComputeRunID(); err == nil && id == p.RunID && id != c.manifest.RunID {
		f.add("%s: is of run %s, %s is whole and of run %s", manifestName, c.manifest.RunID, planName, id)
	}
}

// digestFile returns the size and hex SHA-256 of a file or object.
func digestFile(ctx context.Context, name string, done func(int64)) (int64, string, error) {
	file, err := corpus.OpenRaw(ctx, name)
	if err != nil {
		return 0, "", err
	}
	defer file.Close()
	return wary.Digest(ctx, file, done)
}

func (c *checker) checkPlan(_ context.Context, f *findings) (string, error) {
	data, err := c.read(planName)
	if data == nil {
		return skippedOr(f, planName, err)
	}
	var p plan.Plan
	if err := wary.JSON(data, &p); err != nil {
		f.add("%s: %v", planName, err)
		return "", nil
	}
	if p.Version != plan.Version {
		f.add("%s: version %d is not known here", planName, p.Version)
		return "", nil
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
	if err := p.Check(); err != nil {
		f.add("%s: %v", planName, err)
	}
	if f.count == 0 {
		c.plan = &p
	}
	return fmt.Sprintf("run id %s, %s in %s", p.RunID, number(len(p.Files), "input"), number(len(p.Shards), "shard")), nil
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
	return number(c.plan.Delivery(), "shard"), nil
}

func decisionsName(shard int) string { return fmt.Sprintf("decisions/%05d.parquet", shard) }

func bitmapName(shard int, class doc.Class) string {
	return fmt.Sprintf("bitmaps/%05d.%s.roaring", shard, class)
}
