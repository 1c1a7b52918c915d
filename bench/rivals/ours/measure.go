package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/tokenize"
)

// measurement is what every contender reports; measure.py writes the same.
// Seconds are of wall clock, and of processor time of all threads.
type measurement struct {
	Refused   string  `json:"refused,omitempty"` // why nothing was measured
	LoadMS    float64 `json:"load_ms"`           // opening the tokenizer and counting one word
	LoadCPUMS float64 `json:"load_cpu_ms"`
	ColdS     float64 `json:"cold_s"` // the first pass
	ColdCPUS  float64 `json:"cold_cpu_s"`
	WarmS     float64 `json:"warm_s"` // the second
	WarmCPUS  float64 `json:"warm_cpu_s"`
	Bytes     int64   `json:"bytes"`
	Documents int     `json:"documents"`
	Total     int64   `json:"total"`
	Digest    string  `json:"digest"`  // SHA-256 of the file of counts
	PeakMB    float64 `json:"peak_mb"` // memory of the process, with the text
}

// measure counts every document twice, on GOMAXPROCS threads, and writes the
// counts to a file.
func measure(tokenizer, docsPath, countsPath string) (m measurement, err error) {
	docs, err := readDocuments(docsPath)
	if err != nil {
		return m, err
	}

	var c *tokenize.Counter
	load, loadCPU := timed(func() {
		c, _, err = tokenize.Open(tokenizer, tokenize.Options{Engine: tokenize.EngineNative})
		if err == nil {
			c.Count([]byte("tokens"))
		}
	})
	if errors.Is(err, doc.ErrUnsupported) {
		return measurement{Refused: err.Error()}, nil
	}
	if err != nil {
		return m, err
	}
	m.LoadMS, m.LoadCPUMS = load*1e3, loadCPU*1e3

	counts, again := make([]int, len(docs)), make([]int, len(docs))
	m.ColdS, m.ColdCPUS = timed(func() { c.CountBatch(docs, counts) })
	m.WarmS, m.WarmCPUS = timed(func() { c.CountBatch(docs, again) })
	if !slices.Equal(counts, again) {
		return m, errors.New("the second pass counts otherwise than the first")
	}

	var file []byte
	for i, n := range counts {
		m.Bytes += int64(len(docs[i]))
		m.Total += int64(n)
		file = binary.LittleEndian.AppendUint32(file, uint32(n))
	}
	m.Documents = len(docs)
	_, m.PeakMB = used()
	digest := sha256.Sum256(file)
	m.Digest = hex.EncodeToString(digest[:])
	return m, os.WriteFile(countsPath, file, 0o666)
}

// timed returns the seconds of wall clock and of processor time that do takes.
func timed(do func()) (wall, cpu float64) {
	cpuBefore, _ := used()
	start := time.Now()
	do()
	wall = time.Since(start).Seconds()
	cpuAfter, _ := used()
	return wall, (cpuAfter - cpuBefore).Seconds()
}
