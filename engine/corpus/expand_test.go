package corpus

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/doc"
)

// tree makes the files in a new folder and makes it the current one.
func tree(t *testing.T, names ...string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, name := range names {
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			continue
		}
		if err := os.WriteFile(name, []byte(name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func TestExpand(t *testing.T) {
	tree(t,
		"d/b.jsonl", "d/a/x.jsonl", "d/a.jsonl", "d/a-z.json", "d/c.ndjson", "d/G.JSONL.GZ", "d/z.jsonl.zst",
		"d/.hidden.jsonl", "d/.git/x.jsonl", "d/readme.md", "d/x.gz", "d/data.jsonl.bak",
		"other/o.jsonl", "weird[1].txt", "weird1.txt", ".h/.x/a.jsonl", "none/readme.md", "g/1.txt", "g/2.txt", "g/.3.txt", "g/sub/4.jsonl", "g/empty/")
	link(t, "../other", "d/linked-folder")
	link(t, "other", "link")
	folder := []string{"d/G.JSONL.GZ", "d/a-z.json", "d/a.jsonl", "d/a/x.jsonl", "d/b.jsonl", "d/c.ndjson", "d/z.jsonl.zst"}
	for _, tc := range []struct {
		name string
		args []string
		want []string
	}{
		{"standard input", []string{"-"}, []string{"-"}},
		{"a file of any name", []string{"d/readme.md"}, []string{"d/readme.md"}},
		{"a hidden file that is named", []string{"d/.hidden.jsonl"}, []string{"d/.hidden.jsonl"}},
		{"a folder", []string{"d"}, folder},
		{"a folder with a slash", []string{"d/"}, folder},
		{"a folder by a link", []string{"link"}, []string{"link/o.jsonl"}},
		{"a hidden folder that is named", []string{".h/.x"}, []string{".h/.x/a.jsonl"}},
		{"as given", []string{"other", "-", "d/b.jsonl", "d/a.jsonl"}, []string{"other/o.jsonl", "-", "d/b.jsonl", "d/a.jsonl"}},
		{"the literal path goes before the glob", []string{"weird[1].txt"}, []string{"weird[1].txt"}},
		{"glob of files and folders", []string{"g/*"}, []string{"g/1.txt", "g/2.txt", "g/sub/4.jsonl"}},
		{"glob of hidden names", []string{"g/.*.txt"}, []string{"g/.3.txt"}},
		{"glob of folders", []string{"[do]*/*.jsonl"}, []string{"d/a.jsonl", "d/b.jsonl", "other/o.jsonl"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Expand(t.Context(), tc.args)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestExpandErrors(t *testing.T) {
	tree(t, "a.jsonl", "none/readme.md", "two/a.jsonl", "broken/")
	link(t, "../a.jsonl", "two/b.jsonl")
	link(t, "absent", "broken/x.jsonl")
	if err := os.Link("a.jsonl", "hard.jsonl"); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		args []string
		want error
		text []string // all in the message
	}{
		{"nothing", nil, doc.ErrUsage, []string{"no input"}},
		{"absent", []string{"absent.jsonl"}, doc.ErrInput, []string{"absent.jsonl", "no such file", "relative"}},
		{"empty argument", []string{""}, doc.ErrInput, nil},
		{"a file as a folder", []string{"a.jsonl/x"}, doc.ErrInput, []string{"a.jsonl/x"}},
		{"folder without corpus files", []string{"a.jsonl", "none"}, doc.ErrUsage, []string{"none", "*.jsonl"}},
		{"glob without a match", []string{"*.parquet"}, doc.ErrInput, []string{"*.parquet", "no file"}},
		{"glob of a folder without corpus files", []string{"no*"}, doc.ErrInput, []string{"no*"}},
		{"malformed glob", []string{"[a"}, doc.ErrUsage, []string{"[a"}},
		{"twice", []string{"a.jsonl", "a.jsonl"}, doc.ErrUsage, []string{"a.jsonl is given twice"}},
		{"twice standard input", []string{"-", "-"}, doc.ErrUsage, []string{"- is given twice"}},
		{"twice, spelt otherwise", []string{"a.jsonl", "./a.jsonl"}, doc.ErrUsage, []string{"a.jsonl and ./a.jsonl"}},
		{"twice by a hard link", []string{"hard.jsonl", "a.jsonl"}, doc.ErrUsage, []string{"hard.jsonl and a.jsonl"}},
		{"twice by a link in a folder", []string{"a.jsonl", "two"}, doc.ErrUsage, []string{"a.jsonl and two/b.jsonl"}},
		{"broken link", []string{"broken"}, doc.ErrInput, []string{"broken/x.jsonl"}},
		{"device", []string{os.DevNull}, doc.ErrInput, []string{os.DevNull, "use -"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Expand(t.Context(), tc.args)
			if !errors.Is(err, tc.want) {
				t.Fatalf("got %q, %v; want %v", got, err, tc.want)
			}
			for _, text := range tc.text {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("message %q lacks %q", err, text)
				}
			}
		})
	}
}
