package corpus

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

func TestLines(t *testing.T) {
	const limit = 5
	for _, tc := range []struct {
		data string
		want []Line
	}{
		{"", nil},
		{"\n", nil},
		{"a", []Line{{Data: []byte("a")}}},
		{"a\n", []Line{{Data: []byte("a")}}},
		{"a\r\nb\r", []Line{{Data: []byte("a")}, {Data: []byte("b"), Ordinal: 1, Offset: 3}}},
		{"a\r\r\n", []Line{{Data: []byte("a\r")}}},
		{"\n \t\r\n\r\n\r\r\na", []Line{{Data: []byte("a"), Ordinal: 4, Offset: 10}}},
		{"\v\n\x00\n", []Line{{Data: []byte("\v")}, {Data: []byte("\x00"), Ordinal: 1, Offset: 2}}},
		{"12345\n123456\n1", []Line{{Data: []byte("12345")}, {Ordinal: 1, Offset: 6, Reason: doc.LineTooLong}, {Data: []byte("1"), Ordinal: 2, Offset: 13}}},
		{"12345\r\n123456\r\n", []Line{{Data: []byte("12345")}, {Ordinal: 1, Offset: 7, Reason: doc.LineTooLong}}},
		{"12345\r", []Line{{Data: []byte("12345")}}},
		{"123456", []Line{{Reason: doc.LineTooLong}}},
		{"      \n", []Line{{Reason: doc.LineTooLong}}},
	} {
		t.Run(fmt.Sprintf("%q", tc.data), func(t *testing.T) {
			if diff := cmp.Diff(tc.want, referenceLines([]byte(tc.data), 0, limit)); diff != "" {
				t.Errorf("reference (-want +got):\n%s", diff)
			}
			checkLines(t, []byte(tc.data), limit, 1000)
			checkLines(t, []byte(tc.data), limit, 1)
		})
	}
}

// checkLines compares the lines of data with the reference: plain in shards of
// the given size, gzip and zstd; in files and in objects.
func checkLines(t testing.TB, data []byte, maxLine, shardSize int64) {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for name, content := range map[string][]byte{
		"plain": data, "gzip": gzipped(t, data, 3), "zstd": zstded(t, data, 2),
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path, putObject(t, "lines"+path, content))
	}
	files, shards := planFiles(t, shardSize, paths...)
	covered := int64(0)
	for _, s := range shards {
		f := files[s.File]
		part := data
		if f.Compression == compressionNone {
			part = data[s.Offset : s.Offset+s.Length]
			covered += s.Length
		}
		got := readShard(t, f, s, maxLine)
		if diff := cmp.Diff(referenceLines(part, s.Offset, maxLine), got, cmp.Comparer(bytes.Equal)); diff != "" {
			t.Errorf("%s, shard at %d (-want +got):\n%s", filepath.Base(f.Path), s.Offset, diff)
		}
		checkFetch(t, f, s, maxLine, got)
	}
	if want := 2 * int64(len(data)); covered != want {
		t.Errorf("plain shards cover %d of %d bytes", covered, want)
	}
}

// checkFetch fetches every line that can be, and some by themselves.
func checkFetch(t testing.TB, f plan.File, s plan.Shard, maxLine int64, lines []Line) {
	t.Helper()
	var wants []Want
	var texts [][]byte
	for i, line := range lines {
		if line.Reason == doc.OK {
			wants = append(wants, Want{line.Ordinal, line.Offset})
			texts = append(texts, line.Data)
			if i%7 == 3 { // a repeated want
				wants, texts = append(wants, wants[len(wants)-1]), append(texts, line.Data)
			}
		}
	}
	for _, step := range []int{1, 3} {
		var some []Want
		for i := 0; i < len(wants); i += step {
			some = append(some, wants[i])
		}
		n := 0
		err := Fetch(t.Context(), f, s, maxLine, some, func(i int, line []byte) error {
			if i != n || !bytes.Equal(line, texts[i*step]) {
				t.Errorf("%s: fetched line %d (%d) is not the one read", filepath.Base(f.Path), i, n)
			}
			n++
			return nil
		})
		if err != nil || n != len(some) {
			t.Errorf("%s: fetched %d of %d lines, %v", filepath.Base(f.Path), n, len(some), err)
		}
	}
}

// Lines that end about where blocks do, or go on over several, whichever are wanted.
func TestFetchOverBlocks(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 9))
	for range 20 {
		var data []byte
		var wants []Want
		var ends []int64
		for i := range 60 {
			n := []int{random.IntN(50), fetchBlock, fetchMore, random.IntN(fetchBlock), random.IntN(3 * fetchMore)}[random.IntN(5)] + random.IntN(5)
			wants = append(wants, Want{uint32(i), int64(len(data))})
			data = append(data, 'x')
			for range n {
				data = append(data, byte('a'+random.IntN(26)))
			}
			ends = append(ends, int64(len(data)))
			data = append(data, '\n')
		}
		path := writeFile(t, "lines", data)
		files, shards := planFiles(t, 1<<30, path, putObject(t, "blocks"+path, data))
		for i := range files {
			for _, share := range []int{1, 2, 10} {
				var some []Want
				for _, w := range wants {
					if random.IntN(share) == 0 {
						some = append(some, w)
					}
				}
				err := Fetch(t.Context(), files[i], shards[i], testMaxLine, some, func(k int, line []byte) error {
					if want := data[some[k].Offset:ends[some[k].Ordinal]]; !bytes.Equal(line, want) {
						t.Errorf("%s: line %d has %d bytes, want %d, or others", files[i].Path, some[k].Ordinal, len(line), len(want))
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		}
	}
}

func FuzzLines(f *testing.F) {
	for _, seed := range []string{"", "\n", "a\r\n\r\nbb", "  \n123456\n", "\x1f\x8b", "x\x00\n\r\n\n"} {
		f.Add([]byte(seed), uint8(4), uint8(3))
	}
	f.Fuzz(func(t *testing.T, data []byte, maxLine, shardSize uint8) {
		if c, err := detectCompression(data[:min(len(data), magicLength)]); err != nil || c != compressionNone {
			t.Skip("not plain text")
		}
		checkLines(t, data, int64(maxLine)+1, int64(shardSize)+1)
	})
}

// Lines around and beyond the buffer of the stream reader.
func TestLongLines(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var data []byte
	for _, n := range []int{streamBuffer - 2, streamBuffer - 1, streamBuffer, streamBuffer + 1, 1, 3 * streamBuffer, 0, 5*streamBuffer + 3, 17} {
		for _, end := range []string{"\n", "\r\n"} {
			data = append(data, bytes.Repeat([]byte{'a' + byte(r.IntN(26))}, n)...)
			data = append(data, end...)
		}
	}
	for _, maxLine := range []int64{1, streamBuffer - 1, streamBuffer, streamBuffer + 1, 3 * streamBuffer, 1 << 40} {
		checkLines(t, data, maxLine, streamBuffer)
	}
	checkLines(t, randomText(r, 3_000_000), 300_000, 500_000)
}

func TestOpenErrors(t *testing.T) {
	path := writeFile(t, "f", []byte("a\nb\n"))
	files, shards := planFiles(t, 100, path)
	good, shard := files[0], shards[0]
	absent := good
	absent.Path += ".absent"
	longer := good
	longer.Size++
	unknown := good
	unknown.Compression = "lzma"
	gz := good
	gz.Compression = compressionGzip
	for _, tc := range []struct {
		name    string
		file    plan.File
		shard   plan.Shard
		maxLine int64
		want    error
	}{
		{"absent", absent, shard, 10, doc.ErrInput},
		{"other size", longer, shard, 10, doc.ErrInputChanged},
		{"shard outside", good, plan.Shard{Offset: 2, Length: 3}, 10, doc.ErrCorrupt},
		{"negative shard", good, plan.Shard{Offset: -1, Length: 3}, 10, doc.ErrCorrupt},
		{"shard that overflows", good, plan.Shard{Offset: 1<<63 - 1, Length: 1<<63 - 1}, 10, doc.ErrCorrupt},
		{"part of a compressed file", gz, plan.Shard{Offset: 2, Length: 2}, 10, doc.ErrCorrupt},
		{"no limit", good, shard, 0, doc.ErrUsage},
		{"unknown compression", unknown, shard, 10, doc.ErrCorrupt},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := Open(t.Context(), tc.file, tc.shard, tc.maxLine)
			if err == nil {
				defer r.Close()
				err = r.Next(new(Line))
			}
			if !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			err = Fetch(t.Context(), tc.file, tc.shard, tc.maxLine, []Want{{0, 0}}, func(int, []byte) error { return nil })
			if !errors.Is(err, tc.want) {
				t.Errorf("fetch: got %v, want %v", err, tc.want)
			}
		})
	}
}

// A stream that breaks off anywhere gives the whole lines before the break, as
// they are, and then says where it broke.
func TestTruncatedStreams(t *testing.T) {
	data := randomText(rand.New(rand.NewPCG(5, 6)), 3000)
	for name, whole := range map[string][]byte{
		"gzip": gzipped(t, data, 2),
		"zstd": zstded(t, data, 2),
	} {
		t.Run(name, func(t *testing.T) {
			path := writeFile(t, name, whole)
			all := referenceLines(data, 0, testMaxLine)
			ends := map[int]bool{} // where a member or frame ends, a proper stream does too
			most := 0
			for n := 4; n < len(whole); n++ {
				if err := os.WriteFile(path, whole[:n], 0o666); err != nil {
					t.Fatal(err)
				}
				files, shards := planFiles(t, 100, path)
				lines := readShard(t, files[0], shards[0], testMaxLine)
				last := len(lines) - 1
				if last < 0 || lines[last].Reason != doc.CorruptCompressedStream {
					ends[n] = true
					continue
				}
				broken := lines[last]
				lines = lines[:last]
				most = max(most, len(lines))
				if diff := cmp.Diff(all[:len(lines)], lines, cmp.Comparer(bytes.Equal)); diff != "" {
					t.Fatalf("cut at %d (-want +got):\n%s", n, diff)
				}
				if broken.Data != nil {
					t.Fatalf("cut at %d: the unfinished line has data", n)
				}
				physical := physicalLines(data)
				offset := 0
				for _, p := range physical[:broken.Ordinal] {
					offset += len(p)
				}
				if broken.Offset != int64(offset) {
					t.Fatalf("cut at %d: unfinished line %d at %d, want %d", n, broken.Ordinal, broken.Offset, offset)
				}
			}
			// One end between the two members; zstd has one before the
			// skippable frame and one after it.
			if want := map[string]int{"gzip": 1, "zstd": 2}[name]; len(ends) != want {
				t.Errorf("cut at %v the stream passes for whole, want %d such places", ends, want)
			}
			if most < len(all)/2 { // the first member at least
				t.Errorf("at most %d of %d lines were delivered before a break", most, len(all))
			}
		})
	}
}

// Flipped bits never panic, never fail the job, and are always noticed.
func TestCorruptStreams(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	data := randomText(r, 10_000)
	for name, whole := range map[string][]byte{
		"gzip": gzipped(t, data, 2),
		"zstd": zstded(t, data, 2, zstd.WithEncoderCRC(true)),
	} {
		t.Run(name, func(t *testing.T) {
			path := writeFile(t, name, whole)
			want := referenceLines(data, 0, testMaxLine)
			for range 150 {
				broken := bytes.Clone(whole)
				at := 12 + r.IntN(len(broken)-12)
				broken[at] ^= 1 << r.IntN(8)
				if err := os.WriteFile(path, broken, 0o666); err != nil {
					t.Fatal(err)
				}
				files, shards := planFiles(t, 100, path)
				rd, err := Open(t.Context(), files[0], shards[0], testMaxLine)
				if err != nil {
					t.Fatal(err)
				}
				var got []Line
				noticed := false
				for {
					var line Line
					if err = rd.Next(&line); err != nil {
						break
					}
					noticed = noticed || line.Reason == doc.CorruptCompressedStream
					line.Data = bytes.Clone(line.Data)
					got = append(got, line)
				}
				rd.Close()
				if err != io.EOF && !strings.Contains(err.Error(), "window") && !strings.Contains(err.Error(), "dictionary") {
					t.Fatalf("flip in byte %d: %v", at, err)
				}
				if err == io.EOF && !noticed && !cmp.Equal(want, got) {
					t.Fatalf("flip in byte %d of %d: other lines, and nobody noticed", at, len(broken))
				}
			}
		})
	}
}

func TestStreamFeatures(t *testing.T) {
	line := bytes.Repeat([]byte("0123456789abcdef"), 1000)
	line = append(line, '\n')
	data := bytes.Repeat(line, 100)
	largest := zstded(t, data, 1, zstd.WithWindowSize(maxWindow), zstd.WithSingleSegment(false))
	tooLarge := zstded(t, data, 1, zstd.WithWindowSize(2*maxWindow), zstd.WithSingleSegment(false))
	dict := zstded(t, data, 1, zstd.WithEncoderDictRaw(77, line))

	files, shards := planFiles(t, 100, writeFile(t, "largest", largest), writeFile(t, "large", tooLarge), writeFile(t, "dict", dict))
	if got := readShard(t, files[0], shards[0], testMaxLine); len(got) != 100 {
		t.Errorf("window of 128 MB: %d lines, want 100", len(got))
	}
	for i, text := range map[int]string{1: "--long=27", 2: "dictionary"} {
		r, err := Open(t.Context(), files[i], shards[i], testMaxLine)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if err := r.Next(new(Line)); !errors.Is(err, doc.ErrInput) || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, want a hint of %q", files[i].Path, err, text)
		}
	}
	// Bytes after the last member are not part of any line.
	trailing := append(gzipped(t, []byte("a\nb\n"), 1), "junk"...)
	files, shards = planFiles(t, 100, writeFile(t, "trailing", trailing))
	want := []Line{
		{Data: []byte("a")},
		{Data: []byte("b"), Ordinal: 1, Offset: 2},
		{Ordinal: 2, Offset: 4, Reason: doc.CorruptCompressedStream},
	}
	if diff := cmp.Diff(want, readShard(t, files[0], shards[0], testMaxLine)); diff != "" {
		t.Errorf("junk after a gzip member (-want +got):\n%s", diff)
	}
}
