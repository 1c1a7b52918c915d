package corpus

import (
	"bytes"
	"io"
	"path/filepath"
	"testing"

	"github.com/tallystick/tallystick/engine/plan"
)

// Every benchmark checks the number of lines it saw.

const benchLines = 40_000

// benchText is lines of about 3 KB, 120 MB in all.
func benchText() []byte {
	line := append(bytes.Repeat([]byte("word "), 600), '\n')
	return bytes.Repeat(line, benchLines)
}

func benchNext(b *testing.B, name string, content []byte, textBytes int) {
	files, shards := planFiles(b, 64<<20, writeFile(b, name, content))
	b.SetBytes(int64(textBytes))
	b.ReportAllocs()
	for b.Loop() {
		lines := 0
		for _, s := range shards {
			r, err := Open(b.Context(), files[0], s, testMaxLine)
			if err != nil {
				b.Fatal(err)
			}
			var line Line
			for err = r.Next(&line); err == nil; err = r.Next(&line) {
				lines++
			}
			if err != io.EOF {
				b.Fatal(err)
			}
			r.Close()
		}
		if lines != benchLines {
			b.Fatalf("%d lines, want %d", lines, benchLines)
		}
	}
	b.ReportMetric(float64(benchLines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

func BenchmarkNextPlain(b *testing.B) {
	text := benchText()
	benchNext(b, "plain", text, len(text))
}

// BenchmarkIndexByte is the bound of BenchmarkNextPlain: the same search for
// newlines, but in memory of the process.
func BenchmarkIndexByte(b *testing.B) {
	text := benchText()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		lines := 0
		for rest := text; len(rest) > 0; lines++ {
			rest = rest[bytes.IndexByte(rest, '\n')+1:]
		}
		if lines != benchLines {
			b.Fatalf("%d lines, want %d", lines, benchLines)
		}
	}
}

func BenchmarkNextReal(b *testing.B) {
	compressed, text := realCorpus(b, "en-powershell-docs")
	for name, path := range map[string]string{
		"plain": writeFile(b, "plain", text),
		"gzip":  writeFile(b, "gzip", gzipped(b, text, 1)),
		"zstd":  compressed,
	} {
		files, shards := planFiles(b, 64<<20, path)
		want := len(referenceLines(text, 0, testMaxLine))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if got := countLines(b, files[0], shards[0]); got != want {
					b.Fatalf("%d lines, want %d", got, want)
				}
			}
		})
	}
}

func countLines(b *testing.B, f plan.File, s plan.Shard) int {
	r, err := Open(b.Context(), f, s, testMaxLine)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	lines := 0
	var line Line
	for err = r.Next(&line); err == nil; err = r.Next(&line) {
		lines++
	}
	if err != io.EOF {
		b.Fatal(err)
	}
	return lines
}

func BenchmarkPlan(b *testing.B) {
	text := benchText()
	want := hexDigest(text)
	paths := []string{writeFile(b, "one", text), writeFile(b, "two", text)}
	for name, paths := range map[string][]string{"one file": paths[:1], "two files": paths} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text) * len(paths)))
			for b.Loop() {
				files, shards := planFiles(b, 64<<20, paths...)
				if files[0].SHA256 != want || len(shards) != 2*len(paths) {
					b.Fatalf("%s: %d shards, digest %s", filepath.Base(files[0].Path), len(shards), files[0].SHA256)
				}
			}
		})
	}
}

func BenchmarkFetch(b *testing.B) {
	files, shards := planFiles(b, 1<<30, writeFile(b, "plain", benchText()))
	lines := readShard(b, files[0], shards[0], testMaxLine)
	for name, step := range map[string]int{"every line": 1, "every 20th": 20} {
		var wants []Want
		size := 0
		for i := 0; i < len(lines); i += step {
			wants = append(wants, Want{lines[i].Ordinal, lines[i].Offset})
			size += len(lines[i].Data)
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				got := 0
				err := Fetch(b.Context(), files[0], shards[0], testMaxLine, wants, func(_ int, line []byte) error {
					got += len(line)
					return nil
				})
				if err != nil || got != size {
					b.Fatalf("%d bytes, want %d, %v", got, size, err)
				}
			}
		})
	}
}
