package estimate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/internal/usage"
	"github.com/tallystick/tallystick/engine/plan"
)

// sampler copies lines of a corpus into the files of a rehearsal: blocks of
// neighbouring lines, evenly spread over the inputs, by turns into one of two
// files, so that both are alike.
type sampler struct {
	p     *plan.Plan
	files [2]*bufio.Writer

	starts [2][]uint32 // of the blocks, as lines
	lines  [2]uint32
	bytes  int64             // of lines, with their ends
	apart  map[[2]int64]bool // by file and offset: lines that are not in the sample, but rehearsed by themselves

	open  *corpus.Reader // of a compressed shard, which is read on from where a block ended
	shard int            // that it is of
	done  bool           // it was read to its end
}

// bytesOf is the size of all shards on disk.
func bytesOf(p *plan.Plan) (total int64) {
	for _, s := range p.Shards {
		total += s.Length
	}
	return total
}

// copySample writes the sample of about so many bytes into two files of dir, without
// the lines that are apart.
func copySample(ctx context.Context, p *plan.Plan, file func(int) plan.File, size int64, blocks int, apart []corpus.LongLine, dir string) (*sampler, []string, error) {
	s := &sampler{p: p, shard: -1, apart: map[[2]int64]bool{}}
	for _, l := range apart {
		s.apart[[2]int64{int64(l.File), l.Offset}] = true
	}
	defer s.closePacked()
	names, err := s.into(dir, func() error { return s.blocks(ctx, file, size, blocks) })
	return s, names, err
}

// copyLong writes long lines into a file of dir.
func copyLong(ctx context.Context, p *plan.Plan, file func(int) plan.File, lines []corpus.LongLine, dir string) (*sampler, []string, error) {
	s := &sampler{p: p, shard: -1, starts: [2][]uint32{{0}, {}}}
	names, err := s.into(dir, func() error {
		for _, l := range lines {
			for _, shard := range p.Shards {
				if shard.File == l.File && shard.Offset <= l.Offset && l.Offset < shard.Offset+shard.Length {
					if err := s.plain(ctx, file(l.File), shard, l.Offset, l.Offset+1, 0); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
	return s, names, err
}

// into makes the two files in dir for what copies lines.
func (s *sampler) into(dir string, copyLines func() error) (names []string, err error) {
	var files []*os.File
	defer func() {
		for i, f := range files {
			err = errors.Join(err, s.files[i].Flush(), f.Close())
		}
		if err != nil {
			err = fmt.Errorf("sample: %w", err)
		}
	}()
	for i := range s.files {
		name := filepath.Join(dir, fmt.Sprintf("%d.jsonl", i))
		f, err := os.Create(name)
		if err != nil {
			return nil, err
		}
		names, files = append(names, name), append(files, f)
		s.files[i] = bufio.NewWriterSize(f, 1<<18)
	}
	return names, copyLines()
}

// blocks copies so many, of about so many bytes together.
func (s *sampler) blocks(ctx context.Context, file func(int) plan.File, size int64, blocks int) error {
	total := bytesOf(s.p)
	size = min(size, total)
	for k := range int64(blocks) {
		from, room := total*k/int64(blocks), total*(k+1)/int64(blocks)-total*k/int64(blocks)
		length := min(size*(k+1)/int64(blocks)-size*k/int64(blocks), room)
		from += (room - length) / 2
		to := int(k % 2)
		s.starts[to] = append(s.starts[to], s.lines[to])
		if err := s.block(ctx, file, from, from+length, to); err != nil {
			return err
		}
	}
	return nil
}

// block copies what lies between two bytes of the shards, end to end.
func (s *sampler) block(ctx context.Context, file func(int) plan.File, from, to int64, into int) error {
	var begin int64
	for i, shard := range s.p.Shards {
		end := begin + shard.Length
		if lo, hi := max(from, begin), min(to, end); lo < hi {
			f := file(shard.File)
			var err error
			if f.Compression == "none" {
				err = s.plain(ctx, f, shard, shard.Offset+lo-begin, shard.Offset+hi-begin, into)
			} else {
				err = s.compressed(ctx, f, i, hi-lo, into)
			}
			if err != nil {
				return err
			}
		}
		begin = end
	}
	return ctx.Err()
}

func (s *sampler) line(data []byte, into int) error {
	s.lines[into]++
	s.bytes += int64(len(data)) + 1
	if _, err := s.files[into].Write(data); err != nil {
		return err
	}
	return s.files[into].WriteByte('\n')
}

// plain copies the lines that begin between two offsets of a file. Lines are so
// drawn by where they begin, each byte as likely as the next.
func (s *sampler) plain(ctx context.Context, f plan.File, shard plan.Shard, from, to int64, into int) error {
	r, err := corpus.OpenFrom(ctx, f, shard, max(shard.Offset, from-1), s.p.MaxLine) // a line begins after a newline
	if err != nil {
		return err
	}
	defer r.Close()
	return corpus.Guard(func() error {
		var line corpus.Line
		for {
			err := r.Next(&line)
			if errors.Is(err, io.EOF) || err == nil && line.Offset >= to {
				return nil
			}
			if err != nil {
				return err
			}
			if line.Offset >= from && line.Data != nil && !s.apart[[2]int64{int64(shard.File), line.Offset}] {
				if err := s.line(line.Data, into); err != nil {
					return err
				}
			}
		}
	})
}

// compressed copies so many bytes of lines from where the last block of the
// same file ended: such a file can only be read from its beginning.
func (s *sampler) compressed(ctx context.Context, f plan.File, number int, length int64, into int) error {
	if s.shard != number {
		s.closePacked()
		var err error
		if s.open, err = corpus.Open(ctx, f, s.p.Shards[number], s.p.MaxLine); err != nil {
			return err
		}
		s.shard, s.done = number, false
	}
	var line corpus.Line
	for read := int64(0); read < length && !s.done; {
		err := s.open.Next(&line)
		if errors.Is(err, io.EOF) {
			s.done = true
			break
		}
		if err != nil {
			return err
		}
		read += int64(len(line.Data)) + 1
		if line.Data != nil {
			if err := s.line(line.Data, into); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *sampler) closePacked() {
	if s.open != nil {
		s.open.Close()
		s.open = nil
	}
}

// What is read to learn how far compressed files expand.
const (
	expandFiles = 4
	expandBytes = 4 << 20 // of each, as it is on disk
)

// expand returns how many bytes of lines a byte of the compressed files becomes, the
// seconds of CPU that takes, and the bytes that who reads one holds, most of which is the
// window; 1 and 0 where there are none.
func expand(ctx context.Context, p *plan.Plan, file func(int) plan.File) (factor, seconds float64, held int64, err error) {
	var packed []plan.Shard
	for _, s := range p.Shards {
		if p.Files[s.File].Compression != "none" {
			packed = append(packed, s)
		}
	}
	if len(packed) == 0 {
		return 1, 0, 0, nil
	}
	debug.FreeOSMemory()
	before, begun := usage.Held(), usage.CPUSeconds()
	var in, out int64
	some := min(len(packed), expandFiles)
	for k := range some {
		shard := packed[k*len(packed)/some]
		r, err := corpus.Open(ctx, file(shard.File), shard, p.MaxLine)
		if err != nil {
			return 0, 0, 0, err
		}
		var line corpus.Line
		for err == nil && r.BytesRead() < expandBytes {
			if err = r.Next(&line); err == nil {
				out += int64(len(line.Data)) + 1
			}
		}
		for err == nil && r.BytesRead() >= shard.Length { // read ahead to its end: what is left comes of it
			if err = r.Next(&line); err == nil {
				out += int64(len(line.Data)) + 1
			}
		}
		in += r.BytesRead()
		held = max(held, usage.Held()-before)
		r.Close()
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, 0, 0, err
		}
	}
	return float64(out) / float64(max(1, in)), (usage.CPUSeconds() - begun) / float64(max(1, in)), held, nil
}
