package corpus

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// Values of plan.File.Compression.
const (
	compressionNone = "none"
	compressionGzip = "gzip"
	compressionZstd = "zstd"
)

// maxWindow is the largest zstd window that is accepted: zstd --long=27, the
// most that the zstd program itself decompresses unasked.
const maxWindow = 128 << 20

// magicLength is how many first bytes detectCompression looks at.
const magicLength = 6

// detectCompression tells the compression of a file from its first bytes. It
// refuses formats whose every line would otherwise be rejected as broken JSON.
// None of the magics can begin a line of JSON.
func detectCompression(head []byte) (string, error) {
	skippable := len(head) >= 4 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18" // RFC 8878 §3.1.2
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return compressionGzip, nil
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")) || skippable:
		return compressionZstd, nil
	}
	for magic, name := range map[string]string{
		"\xfd7zXZ\x00":     "xz",
		"BZh":              "bzip2",
		"\x04\x22\x4d\x18": "lz4",
		"PK\x03\x04":       "zip",
		"PAR1":             "parquet",
	} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return "", packedError(name)
		}
	}
	return compressionNone, nil
}

// packedError is the name of a format that is known and not read.
type packedError string

func (e packedError) Error() string {
	return string(e) + " data; convert it to plain, gzip or zstd JSONL"
}

// IsPacked reports whether an error says that a file is of a format that is
// known and not read, such as zip.
func IsPacked(err error) bool {
	var packed packedError
	return errors.As(err, &packed)
}

// decompressor reads the decompressed bytes of a file front to back.
type decompressor struct {
	planned plan.File
	input   *input
	source  *source
	stream  io.Reader // nil until the first Read, where a broken header shows
	release func()
}

// source reads the file as it is stored and remembers how far and why not
// further, so that a failing disk is not taken for a corrupt stream.
type source struct {
	file io.Reader
	read int64
	sum  *xxhash.Digest // of what was read of an object; else nil
	err  error          // of the file, other than io.EOF
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.file.Read(p)
	s.read += int64(n)
	if s.sum != nil {
		s.sum.Write(p[:n])
	}
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// newDecompressor reads shard s of f, which is all of a compressed file.
func newDecompressor(in *input, f plan.File, s plan.Shard) *decompressor {
	d := &decompressor{planned: f, input: in, release: func() {}}
	d.source = &source{file: in.section(s.Offset, s.Length, s.Length == f.Size)}
	if in.isObject() {
		d.source.sum = xxhash.New()
	}
	return d
}

// errCorruptStream: the compressed stream ends early, fails its checksum, or
// does not follow its format.
var errCorruptStream = errors.New("corrupt compressed stream")

// Read implements io.Reader. Its errors are io.EOF at the proper end,
// errCorruptStream, and errors that end the job: the file cannot be read, has
// changed, or needs a feature that is not supported.
func (d *decompressor) Read(p []byte) (int, error) {
	if d.stream == nil {
		if err := d.start(); err != nil {
			return 0, d.explain(err)
		}
	}
	n, err := d.stream.Read(p)
	if err != nil {
		err = d.explain(err)
	}
	return n, err
}

func (d *decompressor) start() error {
	if d.planned.Compression == compressionNone {
		d.stream = d.source
		return nil
	}
	in := bufio.NewReaderSize(d.source, 128<<10)
	switch d.planned.Compression {
	case compressionGzip:
		d.stream = &gzipMembers{in: in}
		return nil
	case compressionZstd:
		z, err := takeDecoder()
		if err != nil {
			return err
		}
		if err := z.Reset(in); err != nil {
			return err
		}
		d.stream, d.release = z, func() { leaveDecoder(z) }
		return nil
	}
	return fmt.Errorf("%s: %w: plan: unknown compression %q", d.planned.Path, doc.ErrCorrupt, d.planned.Compression)
}

// gzipMembers decompresses the members of a gzip file one after the other.
// The library would do so by itself, but takes a file that breaks off in the
// name or comment of a member's header for one that ends before it.
type gzipMembers struct {
	in     *bufio.Reader
	reader gzip.Reader
	inside bool // a member
}

func (g *gzipMembers) Read(p []byte) (int, error) {
	for {
		if !g.inside {
			if err := g.begin(); err != nil {
				return 0, err
			}
		}
		n, err := g.reader.Read(p)
		if err == io.EOF {
			g.inside, err = false, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// begin reads the header of the next member; io.EOF means that there is none.
func (g *gzipMembers) begin() error {
	if _, err := g.in.Peek(1); err != nil {
		return err
	}
	if err := g.reader.Reset(g.in); err == io.EOF {
		return io.ErrUnexpectedEOF
	} else if err != nil {
		return err
	}
	g.reader.Multistream(false)
	g.inside = true
	return nil
}

// explain says what an error of the library means.
func (d *decompressor) explain(err error) error {
	if d.source.err != nil {
		return inputError(d.planned.Path, d.source.err)
	}
	if sizeErr := d.input.checkSize(d.planned); sizeErr != nil {
		return sizeErr
	}
	switch {
	case err == io.EOF, errors.Is(err, doc.ErrCorrupt):
		return err
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return fmt.Errorf("%s: %w: its zstd window is larger than %d MB; compress it again with --long=27 or less", d.planned.Path, doc.ErrInput, maxWindow>>20)
	case errors.Is(err, zstd.ErrUnknownDictionary):
		return fmt.Errorf("%s: %w: it was compressed with a zstd dictionary; compress it again without", d.planned.Path, doc.ErrInput)
	}
	return errCorruptStream
}

// checkSum reads what the decompression did not ask for of an object, and
// reports one whose bytes are not those of the shard that was planned.
func (d *decompressor) checkSum(s plan.Shard) error {
	if d.source.sum == nil {
		return nil
	}
	if _, err := io.Copy(io.Discard, d.source); err != nil {
		return inputError(d.planned.Path, err)
	}
	return compareSum(d.source.sum, d.planned, s)
}

// Close ends the decompression; the file stays open.
func (d *decompressor) Close() {
	d.release()
	d.release, d.stream = func() {}, ended{} // the decoder may be another's by now
}

// ended is the stream of a decompressor that was closed.
type ended struct{}

func (ended) Read([]byte) (int, error) { return 0, fs.ErrClosed }
