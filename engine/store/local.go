package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Local keeps files in a folder. A file is written under a temporary name in
// its own folder, synced, renamed, and the folder is synced: after a crash
// the name means either the whole new file or what it meant before.
//
// Folders are made as needed and are not removed again.
type Local struct {
	root string
	late *late // nil: each file is synced as it is created
}

// late is what a store need not sync, or not yet.
type late struct {
	never string      // what names begin with that are not synced at all
	over  atomic.Bool // Sync was called
}

// NewLocal returns the store in the folder root, which need not exist yet.
func NewLocal(root string) *Local { return &Local{root: root} }

// Late returns the same store, which syncs no file as it is created before Sync is
// called, and none of the folder work at all: it is the system that decides when they
// are on disk. A process that is killed loses none of them, but a machine that crashes
// may leave parts of them, under their names: whoever goes on then must be able to tell,
// and to make them again.
func (l *Local) Late(work string) *Local {
	return &Local{root: l.root, late: &late{never: work + "/"}}
}

// syncs reports whether a file is synced as it is created.
func (l *Local) syncs(name string) bool {
	return l.late == nil || l.late.over.Load() && !strings.HasPrefix(name, l.late.never)
}

// syncsAtOnce is how many files are synced at once: most of the time goes to waiting.
const syncsAtOnce = 8

// Sync implements LateStore.
func (l *Local) Sync(ctx context.Context, names []string) error {
	if l.late != nil {
		l.late.over.Store(true)
	}
	folders := map[string]bool{".": true}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(syncsAtOnce)
	for _, name := range names {
		for dir := path.Dir(name); !folders[dir]; dir = path.Dir(dir) {
			folders[dir] = true
		}
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return syncFile(l.path(name))
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for dir := range folders {
		if err := syncFolder(l.path(dir)); err != nil {
			return err
		}
	}
	return nil
}

func (l *Local) path(name string) string {
	return filepath.Join(l.root, filepath.FromSlash(name))
}

// List implements Store.
func (l *Local) List(ctx context.Context, prefix string) ([]Entry, error) {
	// Only the folder that the prefix names in full needs to be walked.
	start := "."
	if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
		start = prefix[:i]
		if !fs.ValidPath(start) {
			return nil, nil
		}
	}
	var entries []Entry
	err := l.walk(ctx, start, func(name string, d fs.DirEntry) error {
		if !strings.HasPrefix(name, prefix) || isTemp(name) {
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) { // replaced or removed meanwhile
			return nil
		}
		if err != nil {
			return err
		}
		entries = append(entries, Entry{Name: name, Size: info.Size()})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list %q: %w", prefix, err)
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return entries, nil
}

// walk calls fn for every regular file at or below the folder start.
func (l *Local) walk(ctx context.Context, start string, fn func(name string, d fs.DirEntry) error) error {
	return filepath.WalkDir(l.path(start), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if !d.Type().IsRegular() {
			return nil
		}
		name, err := filepath.Rel(l.root, path)
		if err != nil {
			return err
		}
		return fn(filepath.ToSlash(name), d)
	})
}

func isTemp(name string) bool {
	return strings.HasPrefix(name[strings.LastIndexByte(name, '/')+1:], TempPrefix)
}

// Sweep removes the temporary files that killed processes left at or below
// the folder, and returns their names. Files written to within the last age
// are spared: they may belong to a process that is alive. Zero spares none and
// is right when no other process can be writing.
func (l *Local) Sweep(ctx context.Context, age time.Duration) ([]string, error) {
	var swept []string
	err := l.walk(ctx, ".", func(name string, d fs.DirEntry) error {
		if !isTemp(name) {
			return nil
		}
		if age > 0 {
			info, err := d.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			if time.Since(info.ModTime()) < age {
				return nil
			}
		}
		if err := os.Remove(l.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		swept = append(swept, name)
		return nil
	})
	if err != nil {
		return swept, fmt.Errorf("sweep %s: %w", l.root, err)
	}
	return swept, nil
}

// Remove implements Store.
func (l *Local) Remove(ctx context.Context, name string) error {
	if err := CheckName("remove", name); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := os.Remove(l.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Open implements Store.
func (l *Local) Open(ctx context.Context, name string) (File, error) {
	if err := CheckName("open", name); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := os.Open(l.path(name))
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open %s: not a regular file: %w", f.Name(), fs.ErrInvalid)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &localFile{File: f, size: info.Size()}, nil
}

type localFile struct {
	*os.File
	size int64
}

func (f *localFile) Size() int64 { return f.size }

// Create implements Store.
func (l *Local) Create(ctx context.Context, name string) (Writer, error) {
	return l.create(ctx, name, os.Rename)
}

// CreateNew implements Store.
func (l *Local) CreateNew(ctx context.Context, name string) (Writer, error) {
	return l.create(ctx, name, renameNew)
}

// renameNew is os.Rename that fails if the new name exists. Where the file
// system has no links, another process may come between looking and renaming.
func renameNew(from, to string) error {
	err := os.Link(from, to)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) {
		if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", to, cmp.Or(err, fs.ErrExist))
		}
		return os.Rename(from, to)
	}
	if err != nil {
		return err
	}
	return os.Remove(from)
}

func (l *Local) create(ctx context.Context, name string, rename func(from, to string) error) (Writer, error) {
	if err := CheckName("create", name); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	target := l.path(name)
	dir := filepath.Dir(target)
	if err := makeFolder(dir, l.syncs(name)); err != nil {
		return nil, err
	}
	temp := filepath.Join(dir, TempPrefix+rand.Text())
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	return &localWriter{file: f, target: target, rename: rename, sync: l.syncs(name)}, nil
}

type localWriter struct {
	file   *os.File // nil once committed or aborted
	target string
	rename func(from, to string) error // gives the file its name
	sync   bool                        // before it has it, and the folder then
	err    error                       // of the first failed Write
}

// Write implements io.Writer.
func (w *localWriter) Write(p []byte) (int, error) {
	if w.file == nil {
		return 0, fmt.Errorf("write %s: %w", w.target, fs.ErrClosed)
	}
	n, err := w.file.Write(p)
	if err != nil && w.err == nil {
		w.err = err
	}
	return n, err
}

// Commit implements Writer.
func (w *localWriter) Commit() error {
	if w.file == nil {
		return fmt.Errorf("commit %s: %w", w.target, fs.ErrClosed)
	}
	defer w.Abort()
	if w.err != nil {
		return fmt.Errorf("commit %s: %w", w.target, w.err)
	}
	if w.sync {
		if err := w.file.Sync(); err != nil {
			return fmt.Errorf("commit %s: %w", w.target, err)
		}
	}
	if err := w.show(); err != nil {
		return err
	}
	if !w.sync {
		return nil
	}
	return syncFolder(filepath.Dir(w.target))
}

// CommitAll implements GroupCommitter: files are synced side by side, and each folder
// once for each group that it has files of.
func (l *Local) CommitAll(groups ...[]Writer) error {
	all := slices.Concat(groups...)
	for _, f := range all {
		w, ok := f.(*localWriter)
		if !ok {
			return fmt.Errorf("commit: a file of another store: %w", fs.ErrInvalid)
		}
		if w.file == nil {
			return fmt.Errorf("commit %s: %w", w.target, fs.ErrClosed)
		}
		if w.err != nil {
			return fmt.Errorf("commit %s: %w", w.target, w.err)
		}
	}
	for _, f := range all {
		if w := f.(*localWriter); w.sync {
			startSync(w.file)
		}
	}
	syncs := new(errgroup.Group)
	syncs.SetLimit(syncsAtOnce)
	for _, f := range all {
		w := f.(*localWriter)
		if !w.sync {
			continue
		}
		syncs.Go(func() error {
			if err := w.file.Sync(); err != nil {
				return fmt.Errorf("commit %s: %w", w.target, err)
			}
			return nil
		})
	}
	if err := syncs.Wait(); err != nil {
		return err
	}
	for _, files := range groups {
		if err := showAll(files); err != nil {
			return err
		}
	}
	return nil
}

// showAll gives synced files their names, to last.
func showAll(files []Writer) error {
	folders := map[string]bool{}
	for _, f := range files {
		w := f.(*localWriter)
		if w.sync {
			folders[filepath.Dir(w.target)] = true
		}
		if err := w.show(); err != nil {
			return err
		}
	}
	for dir := range folders {
		if err := syncFolder(dir); err != nil {
			return err
		}
	}
	return nil
}

// show gives the file its name.
func (w *localWriter) show() error {
	temp := w.file.Name()
	if err := w.file.Close(); err != nil {
		return fmt.Errorf("commit %s: %w", w.target, err)
	}
	if err := w.rename(temp, w.target); err != nil {
		return fmt.Errorf("commit %s: %w", w.target, err)
	}
	w.file = nil
	return nil
}

// Abort implements Writer.
func (w *localWriter) Abort() {
	if w.file == nil {
		return
	}
	w.file.Close() // a second Close after a failed Commit is harmless
	os.Remove(w.file.Name())
	w.file = nil
}

// makeFolder makes dir and its missing parents. With sync it syncs the parent of each
// folder made: a synced file in a folder that a crash forgets is lost too.
func makeFolder(dir string, sync bool) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeFolder(parent, sync); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		if info, statErr := os.Stat(dir); statErr == nil && info.IsDir() { // another writer made it
			return nil
		}
		return err
	}
	if !sync {
		return nil
	}
	return syncFolder(parent)
}

// syncFile syncs a file that was closed. What could not be written since then shows here.
func syncFile(path string) error {
	flag := os.O_RDONLY
	if runtime.GOOS == "windows" { // syncs only what may be written
		flag = os.O_RDWR
	}
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	return nil
}

func syncFolder(dir string) error {
	if runtime.GOOS == "windows" { // has no such operation
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}
