// Command tinydocs writes a corpus of very many very small documents, by which
// the memory of a run is measured: a function of its flags alone.
//
// Of a thousand documents, 1000 - shared have a text of their own, of six to ten words;
// of the others three in ten have nine words of an earlier one, which may be all of it,
// three in ten add another word, and four in ten fill a number into one of a few
// templates, so that buckets have as many documents as there are of a template: one
// half of the templates makes near duplicates at 0.8, the other documents that are all
// kept. Half of the documents are of contributors that have a few each, half of ones by
// Zipf.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
)

const (
	vocabulary = 1 << 12 // words
	templates  = 64
	nearWords  = 9 // of a text that is copied: with a word more or less it is a near duplicate at 0.8
)

type generator struct {
	seed         uint64
	documents    uint64
	shared       uint64 // of a thousand
	contributors float64
	words        [vocabulary]string
}

// random is the n-th random number of a document (splitmix64, Steele et al. 2014).
func (g *generator) random(document, n uint64) uint64 {
	x := g.seed*0xd1342543de82ef95 + document*16 + n + 1
	x *= 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// spell makes the words: syllables and a consonant, three to five letters.
func (g *generator) spell() {
	const consonants, vowels = "bcdfghjklmnprstvwz", "aeiou"
	for i := range g.words {
		var w []byte
		n := i
		for ; n >= len(consonants) || len(w) == 0; n /= len(consonants) * len(vowels) {
			w = append(w, consonants[n%len(consonants)], vowels[n/len(consonants)%len(vowels)])
		}
		g.words[i] = string(append(w, consonants[n]))
	}
}

// own appends the text that is a document's own.
func (g *generator) own(b []byte, document uint64, words int) []byte {
	for i := range words {
		if i > 0 {
			b = append(b, ' ')
		}
		r := g.random(document, uint64(i/4)) >> (i % 4 * 16) // four words of a number
		b = append(b, g.words[r%vocabulary]...)
	}
	return b
}

// text appends the text of a document.
func (g *generator) text(b []byte, document uint64) []byte {
	kind, choice := g.random(document, 8)%1000, g.random(document, 9)
	if document == 0 || kind >= g.shared {
		return g.own(b, document, 6+int(choice%5))
	}
	switch kind = kind * 10 / g.shared; {
	case kind < 3: // most copy a text that few copy, some one that very many do
		if choice%8 == 0 {
			return g.own(b, choice>>8%min(document, 1000), nearWords)
		}
		return g.own(b, choice>>8%document, nearWords)
	case kind < 6:
		b = g.own(b, choice>>8%document, nearWords)
		return append(append(b, ' '), g.words[choice>>3%vocabulary]...)
	}
	template := choice % templates
	words := 8 // and a number: 5 shingles, of which 4 are everybody's
	if template%2 == 0 {
		words = 15 // and a number: 12 shingles, of which 11 are everybody's
	}
	b = g.own(b, math.MaxUint64>>8-template, words)
	return strconv.AppendUint(append(b, ' '), choice>>16%g.documents, 10)
}

func (g *generator) contributor(document uint64) uint64 {
	r := g.random(document, 10)
	share := float64(r>>11) / (1 << 53)
	if r%2 == 0 {
		return uint64(share * g.contributors)
	}
	return uint64(math.Exp(share*math.Log(g.contributors))) - 1
}

// line appends the JSON line of a document.
func (g *generator) line(b []byte, document uint64) []byte {
	b = strconv.AppendUint(append(b, `{"id":"`...), document, 36)
	b = strconv.AppendUint(append(b, `","contributor":"`...), g.contributor(document), 36)
	b = g.text(append(b, `","text":"`...), document)
	return append(b, "\"}\n"...)
}

func (g *generator) write(name string, from, to uint64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	var line []byte
	for document := from; document < to; document++ {
		line = g.line(line[:0], document)
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

func main() {
	documents := flag.Uint64("documents", 1_000_000, "documents")
	files := flag.Uint64("files", 4, "files of equal numbers of documents")
	seed := flag.Uint64("seed", 1, "of everything that is random")
	shared := flag.Uint64("shared", 300, "documents of a thousand that are like others")
	contributors := flag.Uint64("contributors", 0, "possible contributors; 0: a fifth of the documents")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: tinydocs [flags] DIR")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 || *files == 0 || *shared > 1000 {
		flag.Usage()
		os.Exit(2)
	}
	if *contributors == 0 {
		*contributors = *documents/5 + 1
	}
	g := &generator{seed: *seed, documents: max(1, *documents), shared: *shared, contributors: float64(*contributors)}
	g.spell()
	for i := range *files {
		name := filepath.Join(flag.Arg(0), fmt.Sprintf("tiny-%03d.jsonl", i))
		if err := g.write(name, *documents*i / *files, *documents*(i+1) / *files); err != nil {
			fmt.Fprintln(os.Stderr, "tinydocs:", err)
			os.Exit(1)
		}
	}
}
