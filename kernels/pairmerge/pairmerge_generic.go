package pairmerge

import (
	"math"
	"math/bits"
	"unsafe"
)

const (
	placeBits = 5
	noPair    = math.MaxUint32
)

func startBytesGeneric(g *Group, t *Tables, text *[Lanes][Long]byte, size *[Lanes]uint32) {
	g.clear(size)
	g.ordered = 0
	bytes := unsafe.Slice(t.bytes, 1<<16)
	for lane, n := range size {
		for i := range n {
			g.Symbols[i][lane] = uint32(text[lane][i])
		}
		for i := uint32(0); i+1 < n; i++ {
			pair := uint32(text[lane][i]) | uint32(text[lane][i+1])<<8
			g.pairs[i][lane] = bytes[pair]<<placeBits | i
		}
	}
}

func startSymbolsGeneric(g *Group, t *Tables, size *[Lanes]uint32) {
	g.clear(size)
	g.ordered = 1<<Lanes - 1
	for lane, n := range size {
		for i := uint32(0); i+1 < n; i++ {
			g.pairs[i][lane] = t.find(g.Symbols[i][lane], g.Symbols[i+1][lane])<<placeBits | i
		}
	}
}

// clear makes texts of these sizes, without pairs.
func (g *Group) clear(size *[Lanes]uint32) {
	g.wrong = 0
	for i := range g.pairs {
		for lane := range g.pairs[i] {
			g.pairs[i][lane] = noPair
		}
	}
	for lane, n := range size {
		g.begin[lane] = uint32(uint64(1)<<n - 1)
	}
}

func runGeneric(groups []Group, t *Tables) {
	for i := range groups {
		for lane := range Lanes {
			for groups[i].merge(t, lane) {
			}
		}
	}
}

// merge makes the next merge of a text, false if there is none.
func (g *Group) merge(t *Tables, lane int) bool {
	best := uint32(noPair)
	for i := range g.pairs {
		best = min(best, g.pairs[i][lane])
	}
	if best >= 1<<t.idBits<<placeBits {
		return false
	}
	at, id := best%Long, best>>placeBits
	after := g.begin[lane] & (math.MaxUint32 << at << 1)
	next := bits.TrailingZeros32(after) % Long
	left, right := g.Symbols[at][lane], g.Symbols[next][lane]
	if unsafe.Slice(t.checks, t.checksN)[id-FirstMade] != CheckOf(left, right) {
		g.wrong |= 1 << lane
	}
	if g.ordered>>lane&1 != 0 && id < max(left, right) {
		g.wrong |= 1 << lane
	}
	g.Symbols[at][lane] = id
	g.begin[lane] &^= 1 << next
	g.pairs[next][lane], g.pairs[at][lane] = noPair, noPair
	if after &= after - 1; after != 0 {
		last := g.Symbols[bits.TrailingZeros32(after)][lane]
		g.pairs[at][lane] = t.find(id, last)<<placeBits | at
	}
	if before := g.begin[lane] & (1<<at - 1); before != 0 {
		prev := uint32(31 - bits.LeadingZeros32(before))
		g.pairs[prev][lane] = t.find(g.Symbols[prev][lane], id)<<placeBits | prev
	}
	return true
}

// find returns a symbol that is at most what the pair makes, 1<<idBits if none
// fits.
func (t *Tables) find(left, right uint32) uint32 {
	one, two, print := Hash(left, right)
	print = print<<t.idBits | 1<<t.idBits
	buckets := unsafe.Slice(t.buckets, t.bucketN)
	a, b := buckets[one>>t.shift], buckets[two>>t.shift]
	found := min(uint32(a)^print, uint32(a>>32)^print, uint32(b)^print, uint32(b>>32)^print)
	return min(found, 1<<t.idBits)
}
