package corpus

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/object"
)

// suffixes are what names of corpus files in a folder end in, letter case
// aside. A file that is named itself, or by a glob, may be called anything.
var suffixes = []string{".jsonl", ".ndjson", ".json"}

// Expand resolves input arguments to files, in the order given:
//
//   - "-" stays "-", standard input
//   - a file stays as it is
//   - a folder becomes the files at any depth below it whose names end in
//     .jsonl, .ndjson or .json, or one of these and .gz or .zst, sorted
//     bytewise by path; hidden files and folders are skipped, links to folders
//     are not followed
//   - what does not exist but has one of *?[ becomes what [filepath.Glob] finds
//     (hidden names only where the pattern has the dot), sorted bytewise, folders
//     in turn expanded
//   - the name of an object, such as s3://bucket/key, stays as it is; what is
//     none is a folder, the objects whose names follow its own and a slash, or
//     a glob, see objects.go
//
// An argument that finds nothing is an error, and so is a file that is found
// twice, be it under two names: its documents would all be duplicates.
func Expand(ctx context.Context, args []string) ([]string, error) { return expand(ctx, args, corpora) }

// ExpandText is Expand for inputs that may be texts: a folder in which no
// name is that of JSON lines (.jsonl, .ndjson, or a compressed .json) becomes
// all files that are not hidden. With every, each folder does.
func ExpandText(ctx context.Context, args []string, every bool) ([]string, error) {
	if every {
		return expand(ctx, args, everything)
	}
	return expand(ctx, args, corporaOrTexts)
}

// want is what is taken of a folder.
type want int

const (
	corpora        want = iota // files whose names are those of JSON
	corporaOrTexts             // the same, or all files where there are no JSON lines
	everything                 // all files
)

func expand(ctx context.Context, args []string, take want) ([]string, error) {
	e := expansion{ctx: ctx, seen: make(map[any]string), take: take}
	for _, arg := range args {
		if err := e.argument(arg); err != nil {
			return nil, err
		}
	}
	if len(e.paths) == 0 {
		return nil, fmt.Errorf("%w: no input; name a file, a folder, a glob, or - for standard input", doc.ErrUsage)
	}
	return e.paths, nil
}

type expansion struct {
	ctx   context.Context
	paths []string
	seen  map[any]string // identity of a file → the name it was found under
	take  want
}

func (e *expansion) argument(arg string) error {
	if arg == "-" {
		return e.add(arg, arg)
	}
	if object.IsName(arg) {
		return e.object(arg)
	}
	info, err := os.Stat(arg)
	if os.IsNotExist(err) {
		if strings.ContainsAny(arg, "*?[") {
			return e.glob(arg)
		}
		return fmt.Errorf("%w (paths are relative to the current folder)", inputError(arg, err))
	}
	if err != nil {
		return inputError(arg, err)
	}
	if !info.IsDir() {
		return e.file(arg, info)
	}
	found, err := e.folder(arg)
	if err == nil && found == 0 {
		err = e.emptyFolder(arg)
	}
	return err
}

func (e *expansion) emptyFolder(name string) error {
	if e.take != corpora {
		return fmt.Errorf("%w: folder %s holds no file that is not hidden", doc.ErrUsage, name)
	}
	return fmt.Errorf("%w: folder %s holds no file named *.jsonl, *.ndjson or *.json (.gz, .zst); name files with other names one by one or by a glob", doc.ErrUsage, name)
}

func (e *expansion) glob(pattern string) error {
	matches, err := filepath.Glob(pattern)
	if err != nil {
		return fmt.Errorf("%w: %q: %w", doc.ErrUsage, pattern, err)
	}
	matches = slices.DeleteFunc(matches, func(path string) bool { return hiddenMatch(pattern, path) })
	slices.Sort(matches)
	found := 0
	for _, path := range matches {
		info, err := os.Stat(path)
		if err != nil {
			return inputError(path, err)
		}
		n := 1
		if info.IsDir() {
			n, err = e.folder(path)
		} else {
			err = e.file(path, info)
		}
		if err != nil {
			return err
		}
		found += n
	}
	if found == 0 {
		return fmt.Errorf("%s: %w: the pattern matches no file", pattern, doc.ErrInput)
	}
	return nil
}

// hiddenMatch reports whether an element of path is hidden that the pattern
// does not spell with its dot, as in a shell.
func hiddenMatch(pattern, path string) bool {
	patterns := strings.Split(filepath.ToSlash(pattern), "/")
	elements := strings.Split(filepath.ToSlash(path), "/")
	for i := 1; i <= min(len(patterns), len(elements)); i++ {
		if strings.HasPrefix(elements[len(elements)-i], ".") && !strings.HasPrefix(patterns[len(patterns)-i], ".") {
			return true
		}
	}
	return false
}

// folder adds the corpus files at any depth below root and returns their number.
func (e *expansion) folder(root string) (int, error) {
	var all []string
	// The slash makes WalkDir enter a root that is itself a link.
	err := filepath.WalkDir(root+string(filepath.Separator), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return inputError(path, err)
		}
		if below := filepath.Clean(path) != filepath.Clean(root); below && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		all = append(all, filepath.Clean(path))
		return nil
	})
	if err != nil {
		return 0, err
	}
	found := 0
	for _, path := range e.taken(all) {
		info, err := os.Stat(path)
		if err != nil {
			return 0, inputError(path, err)
		}
		if info.IsDir() || e.take != corpora && !info.Mode().IsRegular() { // a link to a folder; a socket
			continue
		}
		if err := e.file(path, info); err != nil {
			return 0, err
		}
		found++
	}
	return found, nil
}

// taken returns those of all files of a folder that are wanted, sorted.
func (e *expansion) taken(all []string) []string {
	named := func(is func(string) bool) func(string) bool {
		return func(p string) bool { return is(path.Base(filepath.ToSlash(p))) }
	}
	slices.Sort(all)
	if e.take == corpora || e.take == corporaOrTexts && slices.ContainsFunc(all, named(IsJSONLines)) {
		return slices.DeleteFunc(all, func(p string) bool { return !named(isCorpusName)(p) })
	}
	return all
}

// uncompressedName returns the name in lower case without .gz or .zst.
func uncompressedName(name string) (stem string, compressed bool) {
	name = strings.ToLower(name)
	for _, ending := range []string{".gz", ".zst"} {
		if stem, ok := strings.CutSuffix(name, ending); ok {
			return stem, true
		}
	}
	return name, false
}

// IsJSONLines tells whether a file of that name holds JSON lines for sure:
// a .json may be one object over many lines, but nobody compresses those.
func IsJSONLines(name string) bool {
	name, compressed := uncompressedName(name)
	return strings.HasSuffix(name, ".jsonl") || strings.HasSuffix(name, ".ndjson") || compressed && strings.HasSuffix(name, ".json")
}

// IsJSON tells whether a file of that name holds JSON of some kind.
func IsJSON(name string) bool { return isCorpusName(name) }

func isCorpusName(name string) bool {
	name, _ = uncompressedName(name)
	return slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(name, s) })
}

func (e *expansion) file(path string, info os.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: %w: not a regular file, which is read twice; use - to read a pipe", path, doc.ErrInput)
	}
	id, err := identify(path, info)
	if err != nil {
		return inputError(path, err)
	}
	return e.add(path, id)
}

func (e *expansion) add(path string, id any) error {
	if first, ok := e.seen[id]; ok {
		if first == path {
			return fmt.Errorf("%w: %s is given twice", doc.ErrUsage, path)
		}
		return fmt.Errorf("%w: %s and %s are the same file", doc.ErrUsage, first, path)
	}
	e.seen[id] = path
	e.paths = append(e.paths, path)
	return nil
}
