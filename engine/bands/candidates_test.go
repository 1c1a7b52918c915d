package bands

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/tallystick/tallystick/engine/doc"
)

var errFull = errors.New("no space left")

var allKeys = Range{0, math.MaxUint64}

// row is a row as DuckDB and Spark write it.
type row struct {
	Run     *int64 `parquet:"run,optional"`
	Kind    *int32 `parquet:"kind,optional"`
	Key     *int64 `parquet:"key,optional"`
	Length  *int64 `parquet:"length,optional"`
	Shard   *int32 `parquet:"shard,optional"`
	Ordinal *int64 `parquet:"ordinal,optional"`
}

func rowOf(c candidate) row {
	run, err := runNumber(runID)
	if err != nil {
		panic(err)
	}
	kind, key, length, shard, ordinal := int32(c.kind), signed(c.key), int64(c.length), int32(c.place.Shard), int64(c.place.Ordinal)
	return row{&run, &kind, &key, &length, &shard, &ordinal}
}

func writeRows[Row any](t testing.TB, rows []Row, options ...parquet.WriterOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[Row](&b, options...)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type found struct {
	Kind    Kind
	Members []doc.Place
}

func groupsOf(files [][]byte, keys Range) (groups []found, err error) {
	var readers []*Reader
	for i, f := range files {
		r, err := NewReader(fmt.Sprintf("%d.parquet", i), bytes.NewReader(f), int64(len(f)), runID, 8, keys)
		if err != nil {
			return nil, err
		}
		readers = append(readers, r)
	}
	err = Groups(readers, func(kind Kind, members []doc.Place) error {
		groups = append(groups, found{kind, slices.Clone(members)})
		return nil
	})
	return groups, err
}

// Groups of rows spread over files and row groups are those of all rows sorted,
// of any range of keys.
func TestGroups(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 32 {
		var all []candidate
		for kind := range Kind(2) {
			for range rng.IntN(30) {
				c := candidate{kind: kind, key: hashes[rng.IntN(len(hashes))] + uint64(rng.IntN(3))}
				if kind == Exact {
					c.length = uint64(rng.IntN(2))
				}
				for i := range 2 + rng.IntN(5) {
					c.place = doc.Place{Shard: uint32(rng.IntN(4)), Ordinal: hashed(rng)}
					if i == 0 { // another place than the others
						c.place.Shard += 4
					}
					all = append(all, c)
				}
			}
		}
		slices.SortFunc(all, func(a, b candidate) int { return a.compare(&b) })
		all = slices.Compact(all)
		keys := allKeys
		if round%2 == 1 {
			keys = Range{hashes[rng.IntN(3)], hashes[3+rng.IntN(3)]}
		}
		var want []found
		for i, c := range all {
			switch {
			case c.key < keys.First || c.key > keys.Last:
			case i > 0 && all[i-1].compareGroup(&c) == 0:
				last := &want[len(want)-1]
				last.Members = append(last.Members, c.place)
			default:
				want = append(want, found{c.kind, []doc.Place{c.place}})
			}
		}
		rows := make([][]row, 1+rng.IntN(5))
		for i, c := range all {
			f := rng.IntN(len(rows)) // spread
			if round%4 < 2 {
				f = i * len(rows) / len(all) // one after the other
			}
			rows[f] = append(rows[f], rowOf(c))
		}
		var files [][]byte
		for _, r := range rows {
			files = append(files, writeRows(t, r, parquet.MaxRowsPerRowGroup(int64(3+rng.IntN(20)))))
		}
		got, err := groupsOf(files, keys)
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatalf("round %d, keys %x (-want +got):\n%s", round, keys, diff)
		}
	}
}

func hashed(rng *rand.Rand) uint32 {
	if rng.IntN(4) == 0 {
		return math.MaxUint32
	}
	return uint32(rng.IntN(1000))
}

func TestHostile(t *testing.T) {
	good := func() []row {
		var rows []row
		for _, c := range []candidate{
			{Exact, 1, 10, doc.Place{Shard: 0, Ordinal: 1}}, {Exact, 1, 10, doc.Place{Shard: 2, Ordinal: 0}},
			{Band, 7, 0, doc.Place{Shard: 0, Ordinal: 1}}, {Band, 7, 0, doc.Place{Shard: 0, Ordinal: 5}}, {Band, 7, 0, doc.Place{Shard: 1, Ordinal: 0}},
		} {
			rows = append(rows, rowOf(c))
		}
		return rows
	}
	if g, err := groupsOf([][]byte{writeRows(t, good())}, allKeys); err != nil || len(g) != 2 {
		t.Fatalf("%v, %v", g, err)
	}
	set := func(p *int64, v int64) { *p = v }
	for _, c := range []struct {
		name string
		edit func(rows []row) []row
		want string
	}{
		{"another run", func(r []row) []row { set(r[0].Run, 5); return r }, "of another plan"},
		{"a kind", func(r []row) []row { *r[0].Kind = -1; return r }, "kind -1"},
		{"a later kind", func(r []row) []row { *r[4].Kind = 2; return r }, "kind 2"},
		{"a negative length", func(r []row) []row { set(r[0].Length, -1); return r }, "length -1"},
		{"a band with a length", func(r []row) []row { set(r[4].Length, 1); return r }, "length 1 of kind 1"},
		{"a negative shard", func(r []row) []row { *r[0].Shard = -1; return r }, "shard -1"},
		{"a shard that is not there", func(r []row) []row { *r[4].Shard = 8; return r }, "shard 8 of 8"},
		{"a negative line", func(r []row) []row { set(r[0].Ordinal, -1); return r }, "line -1"},
		{"a line beyond all", func(r []row) []row { set(r[4].Ordinal, 1<<32); return r }, "line 4294967296"},
		{"null", func(r []row) []row { r[2].Key = nil; return r }, "column key: a null"},
		{"a row twice", func(r []row) []row { return slices.Insert(r, 3, r[3]) }, "twice"},
		{"not in order", func(r []row) []row { r[3], r[4] = r[4], r[3]; return r }, "ORDER BY"},
		{"kinds not in order", func(r []row) []row { return append(r[2:], r[:2]...) }, "ORDER BY"},
		{"alone at the end", func(r []row) []row { return r[:3] }, "alone"},
		{"alone in the middle", func(r []row) []row { return r[1:] }, "alone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := groupsOf([][]byte{writeRows(t, c.edit(good()))}, allKeys)
			if !errors.Is(err, doc.ErrInput) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	t.Run("a row in two files", func(t *testing.T) {
		_, err := groupsOf([][]byte{writeRows(t, good()), writeRows(t, good()[3:])}, allKeys)
		if !errors.Is(err, doc.ErrInput) || !strings.Contains(err.Error(), "another file") {
			t.Error(err)
		}
	})
	type fewer struct {
		Run, Kind, Key, Length, Shard int64
	}
	type texts struct {
		Run     int64  `parquet:"run"`
		Kind    int64  `parquet:"kind"`
		Key     string `parquet:"key"`
		Length  int64  `parquet:"length"`
		Shard   int64  `parquet:"shard"`
		Ordinal int64  `parquet:"ordinal"`
	}
	type lists struct {
		Run     int64   `parquet:"run"`
		Kind    int64   `parquet:"kind"`
		Key     int64   `parquet:"key"`
		Length  int64   `parquet:"length"`
		Shard   int64   `parquet:"shard"`
		Ordinal []int64 `parquet:"ordinal"`
	}
	for _, file := range [][]byte{writeRows(t, []fewer{{}}), writeRows(t, []texts{{}}), writeRows(t, []lists{{}}), writeRows(t, []bandRow{{}})} {
		if _, err := groupsOf([][]byte{file}, allKeys); !errors.Is(err, doc.ErrInput) || !strings.Contains(err.Error(), "columns must be") {
			t.Errorf("wrong columns: %v", err)
		}
	}
	for _, file := range []string{"", "PAR1", "not parquet at all", "PAR1PAR1PAR1", "PAR1\xff\xff\xff\xffPAR1", "PAR1\x00\x00\x00\x00PAR1", "PAR1\x01\x00\x00\x00PAR1"} {
		if _, err := groupsOf([][]byte{[]byte(file)}, allKeys); !errors.Is(err, doc.ErrInput) {
			t.Errorf("%q: %v", file, err)
		}
	}
}

// A length of gigabytes in a damaged footer must not be allocated.
func TestLongFooter(t *testing.T) {
	file := writeRows(t, []row{rowOf(candidate{})})
	copy(file[len(file)-8:], "\xff\xff\xff\xff")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := groupsOf([][]byte{file}, allKeys)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, doc.ErrInput) {
		t.Error(err)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<24 {
		t.Errorf("%d bytes were allocated for a file of %d", grown, len(file))
	}
}

// Engines differ in the order and the widths of columns.
func TestOtherColumns(t *testing.T) {
	type other struct {
		Ordinal int32 `parquet:"ordinal"`
		Shard   int64 `parquet:"shard,optional"`
		Length  int32 `parquet:"length"`
		Key     int64 `parquet:"key,delta"`
		Kind    int64 `parquet:"kind,dict"`
		Run     int64 `parquet:"run,dict"`
	}
	run, _ := runNumber(runID)
	rows := []other{{1, 3, 0, signed(9), 1, run}, {2, 3, 0, signed(9), 1, run}}
	for _, codec := range []parquet.WriterOption{parquet.Compression(&parquet.Snappy), parquet.Compression(&parquet.Gzip), parquet.Compression(&parquet.Uncompressed)} {
		got, err := groupsOf([][]byte{writeRows(t, rows, codec)}, allKeys)
		want := []found{{Band, []doc.Place{{Shard: 3, Ordinal: 1}, {Shard: 3, Ordinal: 2}}}}
		if diff := gocmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
}

// Whatever a file holds, it is read to its end or an error.
func FuzzGroups(f *testing.F) {
	var rows []row
	for i := range uint32(12) {
		rows = append(rows, rowOf(candidate{kind: Band, key: uint64(i / 4), place: doc.Place{Shard: 1, Ordinal: i}}))
	}
	f.Add(writeRows(f, rows, parquet.MaxRowsPerRowGroup(8)))
	f.Add(writeRows(f, rows[:3], parquet.Compression(&parquet.Zstd)))
	f.Fuzz(func(t *testing.T, file []byte) {
		groups, err := groupsOf([][]byte{file}, allKeys)
		if err != nil {
			if !errors.Is(err, doc.ErrInput) {
				t.Fatalf("%v is not unreadable input", err)
			}
			return
		}
		for _, g := range groups {
			if len(g.Members) < 2 || !slices.IsSortedFunc(g.Members, doc.Place.Compare) {
				t.Fatalf("group %v", g)
			}
		}
	})
}

// 100,000 rows in groups of four.
func BenchmarkGroups(b *testing.B) {
	var rows []row
	for i := range uint32(100_000) {
		rows = append(rows, rowOf(candidate{kind: Band, key: uint64(i/4) * 0x9e3779b97f, place: doc.Place{Shard: i % 4, Ordinal: i}}))
	}
	file := writeRows(b, rows, parquet.Compression(&parquet.Snappy))
	b.ReportAllocs()
	for b.Loop() {
		r, err := NewReader("", bytes.NewReader(file), int64(len(file)), runID, 8, allKeys)
		if err != nil {
			b.Fatal(err)
		}
		if err := Groups([]*Reader{r}, func(Kind, []doc.Place) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(rows)), "ns/row")
}
