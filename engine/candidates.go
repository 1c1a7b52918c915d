package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tallystick/tallystick/engine/doc"
)

// candidateFiles finds the Parquet files that an engine wrote: a file, those of
// a folder, or those of a glob. What begins with "_" or "." is the engine's own.
func candidateFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		return []string{path}, nil
	}
	if err == nil {
		// Not a pattern made of the name of the folder, which may have a * in it.
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, fmt.Errorf("%w: candidates: %w", doc.ErrInput, err)
		}
		var found []string
		for _, e := range entries {
			if filepath.Ext(e.Name()) == ".parquet" {
				found = append(found, filepath.Join(path, e.Name()))
			}
		}
		return someCandidates(path, found)
	}
	found, err := filepath.Glob(path)
	if err != nil {
		return nil, fmt.Errorf("%w: candidates: %s: %w", doc.ErrUsage, path, err)
	}
	return someCandidates(path, found)
}

func someCandidates(path string, found []string) (files []string, err error) {
	for _, name := range found {
		if base := filepath.Base(name); !strings.HasPrefix(base, "_") && !strings.HasPrefix(base, ".") {
			files = append(files, name)
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%w: candidates: %s names no file (wanted: a Parquet file, a folder of *.parquet, or a glob)", doc.ErrInput, path)
	}
	return files, nil
}
