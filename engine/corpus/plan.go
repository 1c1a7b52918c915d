package corpus

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sync/errgroup"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// PlanOptions say how to plan. Workers and Progress have no influence on the
// plan.
type PlanOptions struct {
	ShardSize int64             // bytes, nominal, of a shard of a plain file
	Workers   int               // files read at once; 0: one per CPU
	Progress  func(bytes int64) // if set, told of every so many bytes read; calls do not overlap
	Long      func(LongLine)    // if set, told of every long line of a plain file; calls do not overlap
	// SkipDigest leaves SHA256 empty, for a caller that keeps no plan.
	SkipDigest bool
}

// LongLine is a line of more than MostShort bytes, with its end.
type LongLine struct {
	File           int // number of its path
	Offset, Length int64
}

// MostShort is the length of lines that are none of LongLine. A longer one is in more than
// one block of those that files are read in, so that few lines are looked at.
const MostShort = blockSize

// Plan reads every file once. It returns the files in the order of paths, with
// the size and SHA-256 of their bytes on disk, and the shards in the order of
// the files: a compressed file is one shard; a plain file is cut at every
// multiple of the shard size, each cut moved forward to where a line begins,
// and shards without a byte are left out. Cuts are a function of the file's
// bytes and the shard size alone.
//
// The error wraps doc.ErrInput if a file cannot be read or is of a format that
// is not supported, and doc.ErrInputChanged if it grew or shrank meanwhile.
func Plan(ctx context.Context, paths []string, o PlanOptions) ([]plan.File, []plan.Shard, error) {
	if o.ShardSize <= 0 {
		return nil, nil, fmt.Errorf("%w: shard size %d is not positive", doc.ErrUsage, o.ShardSize)
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	progress := func(int64) {}
	if o.Progress != nil {
		var mu sync.Mutex
		progress = func(n int64) {
			mu.Lock()
			defer mu.Unlock()
			o.Progress(n)
		}
	}

	long := func(LongLine) {}
	if o.Long != nil {
		var mu sync.Mutex
		long = func(l LongLine) {
			mu.Lock()
			defer mu.Unlock()
			o.Long(l)
		}
	}

	surveys := make([]survey, len(paths))
	errs := make([]error, len(paths))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(o.Workers)
	for i, path := range paths {
		group.Go(func() error {
			surveys[i], errs[i] = surveyFile(groupCtx, path, o, progress, func(offset, length int64) { long(LongLine{i, offset, length}) })
			return errs[i]
		})
	}
	if err := group.Wait(); err != nil {
		// Name a file at fault, not one that was cut short because of it.
		for _, fileErr := range errs {
			if fileErr != nil && !errors.Is(fileErr, context.Canceled) {
				return nil, nil, fileErr
			}
		}
		return nil, nil, err
	}

	files := make([]plan.File, len(paths))
	var shards []plan.Shard
	for i, s := range surveys {
		files[i] = s.file
		for _, shard := range s.shards {
			shard.File = i
			shards = append(shards, shard)
		}
	}
	return files, shards, nil
}

// survey is what Plan learns of one file. Its shards do not know their file yet.
type survey struct {
	file   plan.File
	shards []plan.Shard
}

const (
	blockSize = 1 << 18 // of one read
	blocks    = 4       // in flight between reading and hashing, a file
)

// surveyFile reads a file once; hashing, which takes longest, runs beside
// reading and looking for newlines.
func surveyFile(ctx context.Context, path string, o PlanOptions, progress func(int64), long func(offset, length int64)) (survey, error) {
	in, err := openPath(ctx, path)
	if err != nil {
		return survey{}, err
	}
	defer in.Close()
	size, err := in.size()
	if err != nil {
		return survey{}, inputError(path, err)
	}
	file := in.section(0, size, true)

	toHash := make(chan []byte, blocks)
	free := make(chan []byte, blocks)
	for range blocks {
		free <- nil // allocated when first needed: most files are small
	}
	digest := sha256.New()
	hashed := make(chan struct{})
	go func() {
		defer close(hashed)
		for block := range toHash {
			if !o.SkipDigest {
				digest.Write(block)
			}
			free <- block
		}
	}()
	stopHashing := sync.OnceFunc(func() {
		close(toHash)
		<-hashed
	})
	defer stopHashing()

	c := cutter{shardSize: o.ShardSize, nextCut: o.ShardSize, sum: xxhash.New(), long: long}
	compression := compressionNone
	for last := false; !last; {
		if err := ctx.Err(); err != nil {
			return survey{}, err
		}
		block := <-free
		if block == nil {
			// One byte more than is expected shows the end without a further
			// read, and a file that grew.
			block = make([]byte, min(blockSize, size+1))
		}
		n, err := io.ReadFull(file, block[:cap(block)])
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			last = true
		} else if err != nil {
			return survey{}, inputError(path, err)
		}
		block = block[:n]
		if c.size == 0 {
			if compression, err = detectCompression(block[:min(n, magicLength)]); err != nil {
				return survey{}, inputError(path, err)
			}
		}
		if compression == compressionNone {
			c.feed(block)
		} else {
			c.size += int64(n)
			c.sum.Write(block)
		}
		toHash <- block
		progress(int64(n))
		if c.size > size {
			break
		}
	}
	stopHashing()

	s := survey{file: plan.File{
		Path:        path,
		Size:        c.size,
		Compression: compression,
		ETag:        in.info.ETag,
	}}
	if !o.SkipDigest {
		s.file.SHA256 = hex.EncodeToString(digest.Sum(nil))
	}
	if c.size != size {
		return survey{}, changed(s.file, "its size changed from %d bytes while it was read", size)
	}
	if compression == compressionNone {
		s.shards = c.finish()
	} else {
		s.shards = []plan.Shard{{Length: c.size, FirstLine: 1, XXH64: hexSum(c.sum)}}
	}
	return s, nil
}

// cutter finds the shards of a plain file that is fed to it block by block.
type cutter struct {
	shardSize int64
	size      int64 // bytes fed so far
	lines     int64 // newlines among them
	start     int64 // of the shard being filled
	firstLine int64 // zero-based, of that shard
	nextCut   int64 // the shard ends at the first start of a line from here on
	shards    []plan.Shard
	sum       *xxhash.Digest // of the shard being filled
	line      int64          // where the line that the last block ended in begins
	long      func(offset, length int64)
}

func (c *cutter) feed(block []byte) {
	if first := bytes.IndexByte(block, '\n'); first >= 0 {
		c.endLine(c.size + int64(first) + 1)
		c.line = c.size + int64(lastLine(block))
	}
	base := c.size
	c.size += int64(len(block))
	for {
		// A line that begins at the cut itself has its newline one byte before.
		skip := c.nextCut - 1 - base
		if skip >= int64(len(block)) {
			break
		}
		skip = max(skip, 0)
		i := bytes.IndexByte(block[skip:], '\n')
		if i < 0 {
			break
		}
		n := skip + int64(i) + 1
		c.lines += int64(bytes.Count(block[:n], newline))
		c.sum.Write(block[:n])
		base, block = base+n, block[n:]
		c.cut(base)
		c.nextCut = (base/c.shardSize + 1) * c.shardSize
	}
	c.lines += int64(bytes.Count(block, newline))
	c.sum.Write(block)
}

var newline = []byte{'\n'}

// lastLine returns where the last line of a block begins. bytes.LastIndexByte looks at single
// bytes: of long lines at many.
func lastLine(block []byte) int {
	const piece = 4 << 10
	end := len(block)
	for end > piece && bytes.IndexByte(block[end-piece:end], '\n') < 0 {
		end -= piece
	}
	return bytes.LastIndexByte(block[:end], '\n') + 1
}

// endLine tells of the line that began in an earlier block.
func (c *cutter) endLine(end int64) {
	if end-c.line > MostShort {
		c.long(c.line, end-c.line)
	}
}

// cut ends the shard being filled before offset end and begins another there.
func (c *cutter) cut(end int64) {
	if end > c.start {
		c.shards = append(c.shards, plan.Shard{
			Offset: c.start, Length: end - c.start, FirstLine: c.firstLine + 1, XXH64: hexSum(c.sum),
		})
	}
	c.sum.Reset()
	c.start, c.firstLine = end, c.lines
}

func (c *cutter) finish() []plan.Shard {
	c.endLine(c.size)
	c.cut(c.size)
	return c.shards
}

func hexSum(d *xxhash.Digest) string { return fmt.Sprintf("%016x", d.Sum64()) }

// checkShard reads the bytes of a shard and returns an error that wraps
// doc.ErrInputChanged unless they are the ones that were planned.
func checkShard(ctx context.Context, f plan.File, s plan.Shard) error {
	in, err := openPlanned(ctx, f)
	if err != nil {
		return err
	}
	defer in.Close()
	sum := xxhash.New()
	if _, err := io.CopyBuffer(sum, in.section(s.Offset, s.Length, false), make([]byte, blockSize)); err != nil {
		return inputError(f.Path, err)
	}
	return compareSum(sum, f, s)
}

// compareSum compares the checksum of the bytes of a shard with the planned one.
func compareSum(sum *xxhash.Digest, f plan.File, s plan.Shard) error {
	if hexSum(sum) != s.XXH64 {
		return changed(f, "the %d bytes from byte %d on are not those that were planned", s.Length, s.Offset)
	}
	return nil
}
