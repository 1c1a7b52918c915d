package corpus

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/object"
)

// object adds what the name of an object, of a folder of objects or a glob
// stands for. A store knows no folders: s3://bucket/a is one if objects' names
// begin with s3://bucket/a/, and never takes in s3://bucket/ab. In a glob, *
// and ? stand for no slash, and what is matched are whole names of objects.
func (e *expansion) object(arg string) error {
	source, err := object.For(arg)
	if err != nil {
		return inputError(arg, err)
	}
	scheme, rest, _ := strings.Cut(arg, "://")
	bucket, key, _ := strings.Cut(rest, "/")
	if bucket == "" || strings.ContainsAny(bucket, "*?[") {
		return fmt.Errorf("%w: %s names no bucket; objects are named like %s://bucket/prefix", doc.ErrUsage, arg, scheme)
	}
	root := scheme + "://" + bucket + "/"
	if key != "" && !strings.HasSuffix(key, "/") {
		_, err := source.Stat(e.ctx, arg)
		if err == nil {
			return e.add(arg, arg)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return inputError(arg, err)
		}
	}
	if strings.ContainsAny(key, "*?[") {
		return e.objectGlob(source, root, key)
	}
	folder := root + key
	if key != "" && !strings.HasSuffix(key, "/") {
		folder += "/"
	}
	names, err := e.objects(source, folder, folder)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		begin, err := source.List(e.ctx, strings.TrimSuffix(folder, "/"))
		if err != nil {
			return inputError(arg, err)
		}
		hint := ""
		if len(begin) > 0 && key != "" {
			hint = fmt.Sprintf(" (the names of %d objects begin so; %s* takes those)", len(begin), arg)
		}
		return fmt.Errorf("%s: %w: there is no such object or folder%s", arg, doc.ErrInput, hint)
	}
	taken := e.taken(names)
	if len(taken) == 0 {
		return e.emptyFolder(arg)
	}
	return e.addAll(taken)
}

// objects returns the names of the objects that begin with prefix and are not
// hidden below folder: no element of the rest of the name begins with a dot. A
// name that ends in a slash is a mark that some programs make for a folder.
func (e *expansion) objects(source object.Source, prefix, folder string) ([]string, error) {
	found, err := source.List(e.ctx, prefix)
	if err != nil {
		return nil, inputError(prefix, err)
	}
	var names []string
	for _, o := range found {
		below := strings.TrimPrefix(o.Name, folder)
		if !strings.HasPrefix(below, ".") && !strings.Contains(below, "/.") && !strings.HasSuffix(below, "/") {
			names = append(names, o.Name)
		}
	}
	return names, nil
}

func (e *expansion) objectGlob(source object.Source, root, pattern string) error {
	if _, err := path.Match(pattern, ""); err != nil {
		return fmt.Errorf("%w: %q: %w", doc.ErrUsage, root+pattern, err)
	}
	literal := pattern[:strings.IndexAny(pattern, "*?[\\")]
	found, err := source.List(e.ctx, root+literal)
	if err != nil {
		return inputError(root+pattern, err)
	}
	var names []string
	for _, o := range found {
		key := strings.TrimPrefix(o.Name, root)
		if ok, _ := path.Match(pattern, key); ok && !hiddenMatch(pattern, key) {
			names = append(names, o.Name)
		}
	}
	if len(names) == 0 {
		return fmt.Errorf("%s: %w: the pattern matches no object", root+pattern, doc.ErrInput)
	}
	slices.Sort(names)
	return e.addAll(names)
}

func (e *expansion) addAll(names []string) error {
	for _, n := range names {
		if err := e.add(n, n); err != nil {
			return err
		}
	}
	return nil
}
