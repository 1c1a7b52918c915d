package corpus

import (
	"bytes"
	"context"

	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/plan"
)

// draftWindow is how far behind a nominal cut Draft looks for the end of a line.
const draftWindow = 16 << 20

// Draft returns the files and shards that Plan finds unless the files change, but for
// digests, checksums and the numbers of lines: it reads no more than the lines at
// the cuts. Only local plain files without very long lines there can be drafted; of
// others, and of what cannot be read, ok is false, and Plan says why.
func Draft(ctx context.Context, paths []string, shardSize int64) (files []plan.File, shards []plan.Shard, ok bool) {
	for i, path := range paths {
		if object.IsName(path) {
			return nil, nil, false
		}
		file, cuts, ok := draftFile(ctx, path, shardSize)
		if !ok {
			return nil, nil, false
		}
		files = append(files, file)
		for _, s := range cuts {
			s.File = i
			shards = append(shards, s)
		}
	}
	return files, shards, true
}

func draftFile(ctx context.Context, path string, shardSize int64) (file plan.File, shards []plan.Shard, ok bool) {
	in, err := openPath(ctx, path)
	if err != nil {
		return file, nil, false
	}
	defer in.Close()
	size, err := in.size()
	if err != nil {
		return file, nil, false
	}
	head := make([]byte, min(magicLength, size))
	if _, err := in.file.ReadAt(head, 0); err != nil {
		return file, nil, false
	}
	if compression, err := detectCompression(head); err != nil || compression != compressionNone {
		return file, nil, false
	}
	start := int64(0)
	cut := func(end int64) {
		if end > start {
			shards = append(shards, plan.Shard{Offset: start, Length: end - start})
		}
		start = end
	}
	for next := shardSize; next-1 < size; next = (start/shardSize + 1) * shardSize {
		end, found := lineEnd(in, next-1, size)
		if !found {
			if size-next >= draftWindow {
				return file, nil, false
			}
			break
		}
		cut(end)
	}
	cut(size)
	return plan.File{Path: path, Size: size, Compression: compressionNone}, shards, true
}

// lineEnd returns the place after the first newline from offset on, of those in the
// window there.
func lineEnd(in *input, offset, size int64) (end int64, found bool) {
	var block [4 << 10]byte
	for at := offset; at < min(size, offset+draftWindow); at += int64(len(block)) {
		b := block[:min(int64(len(block)), size-at)]
		if _, err := in.file.ReadAt(b, at); err != nil {
			return 0, false
		}
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			return at + int64(i) + 1, true
		}
	}
	return 0, false
}
