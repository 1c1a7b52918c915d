package auditor

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/wire"
)

// twoShards is a plan of which findings may be.
var twoShards = &plan.Plan{
	Files:  []plan.File{{Compression: "none"}},
	Shards: []plan.Shard{{Length: 1000, FirstLine: 1}, {Length: 1000, FirstLine: 501}},
}

func encoded(t testing.TB, f *findings) []byte {
	var b bytes.Buffer
	e := wire.NewEncoder(&b, wire.MagicFindings)
	f.put(e)
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// read adds what is in files, one for each task.
func read(t testing.TB, files ...[]byte) (all findings, err error) {
	for number, b := range files {
		d, err := wire.NewDecoder(bytes.NewReader(b), wire.MagicFindings)
		if err != nil {
			return all, err
		}
		all.get(d, twoShards, number)
		if err := d.Ended(); err != nil {
			return all, err
		}
	}
	return all, nil
}

// shared is what a task of so many finds: a share of the probes is its own.
func shared(rnd *rand.Rand, probes, tasks, number int) findings {
	var f findings
	f.begin(probes)
	f.documents = 77
	for k := range f.sampled {
		p := &f.sampled[k]
		p.hash = uint64(k) << 32
		if k%tasks == number {
			p.outcome = outcome{doc.Place{Shard: uint32(k % 2), Ordinal: uint32(k)}, p.hash, rnd.IntN(2) == 0, true}
		}
	}
	for range probes {
		a, b := rnd.IntN(probes), rnd.IntN(probes)
		f.relate(a, b)
		f.sampled[a].pairs++
		f.sampled[b].pairs++
		f.bins[rnd.IntN(len(f.bins))].add(bin{2, 1, 999_999})
		f.notFound = append(f.notFound, unfound{probe: uint32(a), text: outcome{doc.Place{Shard: 1, Ordinal: uint32(b)}, uint64(b), b%2 == 0, true}, overlap: b, union: b + 1})
	}
	return f
}

// What the tasks find adds up to what one would that finds all of it, whatever the way
// that probes were related.
func TestFindingsAddUp(t *testing.T) {
	const probes, tasks = 40, 3
	rnd := rand.New(rand.NewPCG(5, 6))
	var want findings
	want.begin(probes)
	var files [][]byte
	for number := range tasks {
		f := shared(rnd, probes, tasks, number)
		files = append(files, encoded(t, &f))
		want.documents = f.documents
		for k := range f.sampled {
			p := &f.sampled[k]
			if p.own {
				want.sampled[k].outcome = p.outcome
			}
			want.sampled[k].pairs += p.pairs
			want.relate(k, f.find(k))
		}
		for i, b := range f.bins {
			want.bins[i].add(b)
		}
		want.notFound = append(want.notFound, f.notFound...)
	}
	got, err := read(t, files...)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(encoded(t, &want), encoded(t, &got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want.families(), got.families()); diff != "" {
		t.Errorf("families (-want +got):\n%s", diff)
	}
}

// Findings that do not add up are refused: pairs of probes that are in no range of Jaccard,
// pairs not found that are not listed, and more of them in all tasks than can be.
func TestFindingsThatDoNotAddUp(t *testing.T) {
	const most = mostPairs - 1
	of := func(number int, pairs, ofBin, found uint64) []byte {
		var f findings
		f.begin(2)
		f.sampled[number].outcome = outcome{own: true}
		f.sampled[number].pairs = pairs
		f.bins[3].add(bin{ofBin, found, 0})
		return encoded(t, &f)
	}
	for name, c := range map[string]struct {
		files [][]byte
		whole bool
	}{
		"whole":                 {[][]byte{of(0, most, most, most), of(1, 0, 0, 0)}, true},
		"a pair in no range":    {[][]byte{of(0, 2, 1, 1)}, false},
		"a pair of no probe":    {[][]byte{of(0, 1, 2, 2)}, false},
		"one is not listed":     {[][]byte{of(0, 2, 2, 1)}, false},
		"too many in all tasks": {[][]byte{of(0, most, most, most), of(1, 1, 1, 1)}, false},
	} {
		_, err := read(t, c.files...)
		if c.whole && err != nil || !c.whole && !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzFindings: any bytes are findings that can be used, or refused.
func FuzzFindings(f *testing.F) {
	rnd := rand.New(rand.NewPCG(7, 8))
	for _, probes := range []int{0, 1, 9} {
		var s findings
		if s.begin(0); probes > 0 {
			s = shared(rnd, probes, 2, 0)
		}
		f.Add(encoded(f, &s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := read(t, data)
		if err != nil {
			return
		}
		all.families()
		for _, h := range all.mostAlike() {
			if int(h.probe) >= len(all.sampled) || int(h.text.place.Shard) >= len(twoShards.Shards) {
				t.Errorf("a pair of probe %d and %v", h.probe, h.text.place)
			}
		}
		again, err := read(t, encoded(t, &all))
		if err != nil || !bytes.Equal(encoded(t, &again), encoded(t, &all)) {
			t.Errorf("not what was read: %v", err)
		}
	})
}
