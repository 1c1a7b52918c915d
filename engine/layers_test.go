package engine

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tallystick/tallystick/"

// layers lists the packages bottom up (docs/design.md, "Layers"): a package
// imports only packages of lower layers. A pattern ending in /* stands for the
// folders below it.
var layers = [][]string{
	{"engine/doc", "engine/plan", "engine/internal/parquetguard", "kernels"},
	{"kernels/*", "kernels/internal/*"},
	{"engine/internal/*", "engine/object", "engine/headroom", "engine/tokenize/ucd", "engine/tokenize/runes", "engine/tokenize/trie", "engine/tokenize/hugepage", "engine/tokenize/internal/*", "docs/schema"},
	{"engine/tokenize/pipeline", "engine/tokenize/pretoken", "engine/tokenize/countcache", "engine/tokenize/automaton", "engine/tokenize/tiktoken", "engine/tokenize/loadcache"},
	{"engine/tokenize/normalize", "engine/tokenize/vocab", "engine/tokenize/longrow", "engine/tokenize/tokenrow"},
	{"engine/store", "engine/alarm", "engine/audit", "engine/bands", "engine/docset", "engine/jsonl", "engine/shingle", "engine/shingleset", "engine/bitmap", "engine/tally", "engine/decision", "engine/manifest", "engine/verify/spill", "engine/verify/wary", "engine/sweep", "engine/progress", "engine/tokenize/bpe", "engine/tokenize/spbpe", "engine/tokenize/wordpiece", "engine/tokenize/unigram", "engine/tokenize/hf"},
	{"engine/tokenize", "engine/store/*", "engine/lease"},
	{"engine/corpus", "engine/neardup", "engine/report"},
	{"engine/wire"},
	{"engine/task"},
	{"engine/fate", "engine/task/tasktest"},
	{"engine/auditor", "engine/sweepable"},
	{"engine/resolve"},
	{"engine/stage", "engine/verify"},
	{"engine/folder"},
	{"engine/estimate", "engine/pay", "engine/request"},
	{"engine/count", "engine/pairs", "engine/threshold", "engine/request/requesttest"},
	{"engine", "engine/cluster", "engine/explain"},
	{"bench", "bench/rivals/*", "bench/tinydocs"},
	{"cmd/*"},
}

// writers make or read the files of a run for other packages than verify.
var writers = []string{"engine/tally", "engine/alarm", "engine/audit", "engine/decision", "engine/manifest", "engine/bitmap", "engine/store", "engine/neardup", "engine/shingleset", "engine/internal/table", "engine/internal/selfsum"}

// forbidden are imports that layers would allow: verification shares no code
// with what wrote the files (Law 8).
var forbidden = map[string][]string{
	"engine/verify":       writers,
	"engine/verify/spill": writers,
	"engine/verify/wary":  writers,
}

// testSupport are packages that only tests import.
var testSupport = []string{"engine/internal/growth", "engine/internal/refdata", "engine/tokenize/internal/tricky", "kernels/internal/guardpage", "engine/store/s3server", "engine/store/storetest", "engine/task/tasktest", "engine/request/requesttest"}

func layerOf(pkg string) int {
	for i, layer := range layers {
		for _, p := range layer {
			if ok, _ := path.Match(p, pkg); ok {
				return i
			}
		}
	}
	return -1
}

func TestImportDirection(t *testing.T) {
	root := ".."
	packages := map[string]bool{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if name != root && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "build" || base == "out") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") || strings.HasSuffix(base, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(rel)
		packages[pkg] = true
		checkImports(t, name, pkg)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// A walk that saw nothing would pass for ever.
	for _, must := range []string{"engine", "engine/doc", "engine/stage", "engine/verify", "kernels", "cmd/tallystick", "engine/internal/refdata", "kernels/internal/guardpage"} {
		if !packages[must] {
			t.Errorf("package %s was not looked at", must)
		}
	}
	for _, layer := range layers {
		for _, p := range layer {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(packages)), func(pkg string) bool { is, _ := path.Match(p, pkg); return is }) {
				t.Errorf("there is no package %s, which a layer names", p)
			}
		}
	}
}

func checkImports(t *testing.T, file, pkg string) {
	t.Helper()
	own := layerOf(pkg)
	if own < 0 {
		t.Errorf("package %s is in no layer: add it to the list here and in docs/design.md", pkg)
		return
	}
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	for _, spec := range f.Imports {
		imported, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module)
		if !ours {
			continue
		}
		if l := layerOf(imported); l >= own {
			t.Errorf("%s: %s (layer %d) imports %s (layer %d)", file, pkg, own, imported, l)
		}
		if slices.Contains(testSupport, imported) {
			t.Errorf("%s: %s imports %s, which is for tests", file, pkg, imported)
		}
		for _, no := range forbidden[pkg] {
			if imported == no {
				t.Errorf("%s: %s must never import %s", file, pkg, imported)
			}
		}
	}
}
