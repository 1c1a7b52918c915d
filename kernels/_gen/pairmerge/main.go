// Command pairmerge prints kernels/pairmerge/pairmerge_amd64.s.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const prose = `// Byte-pair merging of sixteen texts at a time, one in each lane of 32 bits, with
// AVX-512; with AVX2 of eight, the halves of a row one after the other.
//
// Algorithm. A row is sixteen lanes; row i of symbols is what begins at place i
// of the sixteen texts, row i of pairs what that makes with the next one, as
// (symbol made << 5 | i), so that the minimum of all rows, lane by lane, is the
// merge that each text makes next and where. A lane of begin has a bit for every
// place where a symbol begins. Its lowest bit beyond a place is the next symbol
// (x & -x, as x &^ (x-1)), the highest below it the one before; VPLZCNTD makes
// a place of both. The symbols around are gathered by place, the new pairs looked
// up and scattered. All lanes, and all groups, wait for memory together: that,
// not the number of instructions, is why this is faster than one text after
// another.
//
// A look-up gathers the two buckets, of 64 bits, of every lane: first for the
// even lanes, whose indices are masked to 64 bits, then for the odd ones, which
// are shifted there. VMOVSLDUP and VMOVSHDUP under a mask make a register of the
// low and one of the high entries of it. An entry is a fingerprint above a
// symbol: after XOR with the fingerprint asked for, the minimum is a symbol, or
// at least bound. Who made a merge that its check denies is marked in wrong; such
// a lane goes on, with nothing but symbols of the tables in it, and counts for
// nothing.
//
// AVX2 has no scatter, and what CPUs without AVX-512 gather with is slow on many:
// indices are kept on the stack, and the lanes load and store one by one, without
// branches. A lane without a merge stores what is there, or that there is no pair,
// which stays true of it; one without a symbol before its merge stores no pair at
// the next instead. The place of a bit is its exponent as a float. The buckets of
// lanes 0, 1, 4 and 5 are loaded to one register, those of 2, 3, 6 and 7 to
// another: VSHUFPS makes lows and highs, in order, of the two.
//
// Registers of AVX-512. DI group, SI checks, BX buckets, CX groups, R8 groups left of this
// round, R9 whether some lane made a merge in it. Z18 to Z31 are the constants
// named in the generator, K5 the odd lanes, K6 the even ones; K1 the lanes with
// a merge, K2 those with a symbol behind it, K3 with one before; K4, K7, AX, DX
// for the moment. Places and symbols move through Z0 to Z17. Of AVX2: DI half of a
// group, R12 its byte in wrong, SI checks, BX buckets, CX halves, R8 halves left,
// R9 whether some lane made a merge, R11 constants and lanes on the stack, Y15
// ones, Y14 the numbers of the lanes; AX, DX, R10 for the moment.
//
// Tail. None: a text of no symbols has no merge.
//
// Why it is safe. Gathered are symbols at places masked to those of a group,
// buckets at a hash shifted to the number of buckets, checks at symbols that the
// tables gave (256 for a lane without a merge), pairs of bytes at 16 bits, and
// text at 32-byte strides, 4 bytes within 32. The rows read and written are the
// group's own. Nothing is called; the stack of AVX2 is its frame, of which half a
// row is left for alignment. VZEROUPPER before the return.

`

const (
	row = 64 // bytes: sixteen lanes of 32 bits

	// Offsets in a Group.
	symbolsAt = 0
	pairsAt   = 32 * row
	beginAt   = 2 * pairsAt
	wrongAt   = beginAt + row
	orderedAt = wrongAt + 4
	groupSize = wrongAt + row

	placeBits = 5

	checkShift = 21 // of CheckOf
	printShift = 10 // of Hash

	// Comparisons of VPCMPUD.
	less     = 1
	notEqual = 4
	greater  = 6
)

// lanes32 puts sixteen values of 32 bits into a constant.
func lanes32(name string, value func(i int) uint32) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i := 0; i < 16; i += 2 {
		DATA(4*i, U64(uint64(value(i))|uint64(value(i+1))<<32))
	}
	return m
}

var lanes Mem // 0 to 15

func main() {
	fmt.Print(prose)
	ConstraintExpr("!purego")
	lanes = lanes32("lanes", func(i int) uint32 { return uint32(i) })
	startBytes("startShortAVX512", 16)
	startBytes("startLongAVX512", 32)
	startSymbols("startShortSymbolsAVX512", 16)
	startSymbols("startLongSymbolsAVX512", 32)
	run("runShortAVX512", 16)
	run("runLongAVX512", 32)
	startBytesAVX2("startShortAVX2", 16)
	startBytesAVX2("startLongAVX2", 32)
	startSymbolsAVX2("startShortSymbolsAVX2", 16)
	startSymbolsAVX2("startLongSymbolsAVX2", 32)
	runAVX2("runShortAVX2", 16)
	runAVX2("runLongAVX2", 32)
	Generate()
}

// broadcast fills a register with a number.
func broadcast(n uint32, z VecPhysical) {
	MOVL(U32(n), EDX)
	VPBROADCASTD(EDX, z)
}

// startBytes is a group's start from texts of up to rows bytes.
func startBytes(name string, rows int) {
	TEXT(name, NOSPLIT, "func(group, text *byte, size, bytes *uint32)")
	Load(Param("group"), RDI)
	Load(Param("text"), RSI)
	Load(Param("size"), RCX)
	Load(Param("bytes"), RBX)
	size, text, max := Z0, Z1, Z2
	ff, ffff := Z3, Z4
	VMOVDQU32(lanes, text)
	VPSLLD(Imm(5), text, text)
	broadcast(0xFF, ff)
	broadcast(0xFFFF, ffff)
	startSizes(size, max)
	MOVL(U32(0), Mem{Base: RDI, Disp: orderedAt})

	x, char, made := Z7, Z8, Z9
	for i := range rows - 1 {
		longer(i, size)
		// Four bytes are three pairs.
		switch i {
		case 0, 3, 6, 9, 12, 15, 18, 21, 24, 27:
			gather(Mem{Base: RSI, Index: text, Scale: 1, Disp: i}, x, false)
		case 30:
			gather(Mem{Base: RSI, Index: text, Scale: 1, Disp: i - 2}, x, false)
			VPSRLD(Imm(16), x, x)
		default:
			VPSRLD(Imm(8), x, x)
		}
		VPANDD(ff, x, char)
		VMOVDQU32(char, Mem{Base: RDI, Disp: symbolsAt + i*row})
		// The last symbol of a text has no pair.
		VPSRLD(Imm(8), x, char)
		VPANDD(ff, char, char)
		VMOVDQU32(char, Mem{Base: RDI, Disp: symbolsAt + (i+1)*row})
		VPANDD_Z(ffff, x, K1, char)
		gather(Mem{Base: RBX, Index: char, Scale: 4}, made, false)
		storePairs(i, made, max)
	}
	endStart(rows, max)
}

// startSizes loads the sizes at CX, sets max to the largest numbers and stores
// begin and wrong.
func startSizes(size, max VecPhysical) {
	VMOVDQU32(Mem{Base: RCX}, size)
	VPTERNLOGD(Imm(0xFF), max, max, max)
	broadcast(1, Z6)
	VPSLLVD(size, Z6, Z6)
	VPADDD(max, Z6, Z6)
	VMOVDQU32(Z6, Mem{Base: RDI, Disp: beginAt})
	MOVL(U32(0), Mem{Base: RDI, Disp: wrongAt})
}

// longer leaves in K1 the lanes that have a pair at i; without any the rest of
// the pairs are none.
func longer(i int, size VecPhysical) {
	broadcast(uint32(i+1), Z10)
	VPCMPUD(Imm(greater), Z10, size, K1)
	if i > 0 {
		KORTESTW(K1, K1)
		JZ(LabelRef(fmt.Sprintf("short%d", i)))
	}
}

// storePairs stores what is made in the lanes of K1.
func storePairs(i int, made, max VecPhysical) {
	VPSLLD(Imm(placeBits), made, made)
	if i > 0 {
		broadcast(uint32(i), Z10)
		VPORD(Z10, made, made)
	}
	VMOVDQA32(max, Z11)
	VMOVDQA32(made, K1, Z11)
	VMOVDQU32(Z11, Mem{Base: RDI, Disp: pairsAt + i*row})
}

func endStart(rows int, max VecPhysical) {
	JMP(LabelRef(fmt.Sprintf("short%d", rows-1)))
	for i := 1; i < rows; i++ {
		Label(fmt.Sprintf("short%d", i))
		VMOVDQU32(max, Mem{Base: RDI, Disp: pairsAt + i*row})
	}
	VZEROUPPER()
	RET()
}

// startSymbols is a group's start from symbols that are there.
func startSymbols(name string, rows int) {
	TEXT(name, NOSPLIT, "func(group *byte, size *uint32, t *byte)")
	Load(Param("group"), RDI)
	Load(Param("size"), RCX)
	loadTables()
	size := Z0
	startSizes(size, all)
	MOVL(U32(0xFFFF), Mem{Base: RDI, Disp: orderedAt})
	for i := range rows - 1 {
		longer(i, size)
		VMOVDQU32(Mem{Base: RDI, Disp: symbolsAt + i*row}, Z1)
		VMOVDQU32(Mem{Base: RDI, Disp: symbolsAt + (i+1)*row}, Z2)
		find(Z1, Z2, K1, [7]VecPhysical{Z3, Z4, Z5, Z6, Z7, Z8, Z9})
		VPMINUD(bound, Z1, Z1)
		storePairs(i, Z1, all)
	}
	endStart(rows, all)
}

// Constants of run.
var (
	none   = Z31 // shifted left by placeBits
	hashes = [4]VecPhysical{Z30, Z29, Z28, Z27}
	print  = Z26 // count of bits
	bound  = Z25 // what no symbol reaches
	shift  = Z24
	low    = Z23 // of 64 bits
	lane   = Z22
	one    = Z21
	place  = Z20
	all    = Z19
	first  = Z18
)

// evenOdd leaves the even and the odd lanes of x in 64 bits.
func evenOdd(x, even, odd VecPhysical) {
	VPANDQ(low, x, even)
	VPSRLQ(Imm(32), x, odd)
}

// split turns what was gathered for even and odd lanes, 64 bits each, into the
// low and the high halves of all lanes. K5 is the odd lanes, K6 the even ones.
func split(even, odd, high VecPhysical) (lows, highs VecPhysical) {
	VMOVDQA32(odd, high)
	VMOVSHDUP(even, K6, high)
	VMOVSLDUP(odd, K5, even)
	return even, high
}

func gather(mem Mem, dst VecPhysical, wide bool) {
	KXNORW(K4, K4, K4)
	VPXORD(dst, dst, dst)
	if wide {
		VPGATHERQQ(mem, K4, dst)
	} else {
		VPGATHERDD(mem, K4, dst)
	}
}

// find leaves in left what it finds for the pairs of the lanes in mask; t are
// seven more. Other lanes look at the first bucket, which is near.
func find(left, right VecPhysical, mask OpmaskPhysical, t [7]VecPhysical) {
	a, b, c := t[0], t[1], t[2]
	VPMULLD(hashes[0], left, a)
	VPMULLD(hashes[1], right, c)
	VPADDD(c, a, a)
	VPMULLD(hashes[2], left, b)
	VPMULLD(hashes[3], right, c)
	VPADDD(c, b, b)
	prints := left
	VPSRLD(Imm(printShift), right, prints)
	VPTERNLOGD(Imm(0x96), a, b, prints) // XOR of the three
	VPSLLVD(print, prints, prints)
	VPORD(bound, prints, prints)
	best := right
	for i, h := range []VecPhysical{a, b} {
		VPSRLVD_Z(shift, h, mask, h)
		evenOdd(h, t[2], t[3])
		gather(Mem{Base: RBX, Index: t[2], Scale: 8}, t[4], true)
		gather(Mem{Base: RBX, Index: t[3], Scale: 8}, t[5], true)
		lows, highs := split(t[4], t[5], t[6])
		VPXORD(prints, lows, lows)
		VPXORD(prints, highs, highs)
		VPMINUD(lows, highs, highs)
		if i == 0 {
			VMOVDQA32(highs, best)
		} else {
			VPMINUD(highs, best, left)
		}
	}
}

// at turns places into indices of lanes in rows.
func at(places, dst VecPhysical) {
	VPSLLD(Imm(4), places, dst)
	VPADDD(lane, dst, dst)
}

// placeOf leaves the place of the only bit of x in dst, any place for none.
func placeOf(x, dst VecPhysical) {
	VPLZCNTD(x, dst)
	VPANDND(place, dst, dst)
}

// loadTables makes the constants of find of the Tables t.
func loadTables() {
	Load(Param("t"), RAX)
	MOVQ(Mem{Base: RAX}, RBX)          // buckets
	MOVQ(Mem{Base: RAX, Disp: 8}, RSI) // checks
	VPBROADCASTD(Mem{Base: RAX, Disp: 16}, shift)
	VPBROADCASTD(Mem{Base: RAX, Disp: 20}, print)
	for i, h := range hashes {
		VPBROADCASTD(Mem{Base: RAX, Disp: 24 + 4*i}, h)
	}
	VPTERNLOGD(Imm(0xFF), all, all, all)
	VPSRLQ(Imm(32), all, low)
	VPSRLD(Imm(31), all, bound)
	VPSLLVD(print, bound, bound)
	MOVL(U32(0xAAAA), EAX)
	KMOVW(EAX, K5)
	KNOTW(K5, K6)
}

func run(name string, rows int) {
	TEXT(name, NOSPLIT, "func(group *byte, groups int, t *byte)")
	Load(Param("groups"), RCX)
	loadTables()
	broadcast(1, one)
	VPSLLD(Imm(placeBits), bound, none)
	VMOVDQU32(lanes, lane)
	broadcast(uint32(rows-1), place)
	broadcast(256, first)

	Label("round")
	Load(Param("group"), RDI)
	MOVQ(RCX, R8)
	XORL(R9L, R9L)

	Label("group")
	mins := [4]VecPhysical{Z0, Z1, Z2, Z3}
	for i := range rows - 1 {
		pairs := Mem{Base: RDI, Disp: pairsAt + i*row}
		if m := mins[i%4]; i < 4 {
			VMOVDQU32(pairs, m)
		} else {
			VPMINUD(pairs, m, m)
		}
	}
	VPMINUD(Z2, Z0, Z0)
	VPMINUD(Z3, Z1, Z1)
	VPMINUD(Z1, Z0, Z0)
	VPCMPUD(Imm(less), none, Z0, K1)
	KORTESTW(K1, K1)
	JZ(LabelRef("next"))
	INCL(R9L)

	Comment("Places")
	begin, after, bit := Z3, Z4, Z5
	VPANDD(place, Z0, Z1)
	id := Z2
	VPSRLD(Imm(placeBits), Z0, id)
	VMOVDQU32(Mem{Base: RDI, Disp: beginAt}, begin)
	VPSLLVD(Z1, one, bit)
	VPADDD(all, bit, Z6)
	VMOVDQA32(begin, after)
	VPTERNLOGD(Imm(0x10), Z6, bit, after)
	before := Z6
	VPANDD(Z6, begin, before)
	VPADDD(all, after, Z7)
	nextBit, afterNext := Z8, Z7
	VPANDND(after, Z7, nextBit)
	VPANDD(after, Z7, afterNext)
	VPANDND(begin, nextBit, K1, begin)
	VMOVDQU32(begin, Mem{Base: RDI, Disp: beginAt})
	VPTESTMD(afterNext, afterNext, K1, K2)
	VPTESTMD(before, before, K1, K3)
	VPADDD(all, afterNext, Z9)
	VPANDND(afterNext, Z9, Z9)
	placeOf(Z9, Z9)
	placeOf(nextBit, Z8)
	placeOf(before, Z6)
	prevPlace := Z6
	atIndex, nextIndex, prevIndex, lastIndex := Z3, Z4, Z5, Z7
	at(Z1, atIndex)
	at(Z8, nextIndex)
	at(prevPlace, prevIndex)
	at(Z9, lastIndex)

	Comment("Symbols")
	sym := func(index VecPhysical) Mem {
		return Mem{Base: RDI, Index: index, Scale: 4, Disp: symbolsAt}
	}
	pair := func(index VecPhysical) Mem {
		return Mem{Base: RDI, Index: index, Scale: 4, Disp: pairsAt}
	}
	left, right, prev, last := Z8, Z9, Z10, Z11
	gather(sym(atIndex), left, false)
	gather(sym(nextIndex), right, false)
	gather(sym(prevIndex), prev, false)
	gather(sym(lastIndex), last, false)
	KMOVW(K1, K4)
	VPSCATTERDD(id, K4, sym(atIndex))
	KMOVW(K1, K4)
	VPSCATTERDD(all, K4, pair(nextIndex))

	Comment("Is it the merge?")
	VMOVDQA32(first, Z7)
	VMOVDQA32(id, K1, Z7)
	gather(Mem{Base: RSI, Index: Z7, Scale: 4, Disp: -256 * 4}, Z14, false)
	VPSLLD(Imm(checkShift), right, Z15)
	VPORD(left, Z15, Z15)
	VPCMPUD(Imm(notEqual), Z14, Z15, K1, K7)
	VPMAXUD(left, right, right)
	KMOVW(Mem{Base: RDI, Disp: orderedAt}, K4)
	KANDW(K1, K4, K4)
	VPCMPUD(Imm(greater), id, right, K4, K4)
	KORW(K4, K7, K7)
	KMOVW(K7, EAX)
	ORL(EAX, Mem{Base: RDI, Disp: wrongAt})

	Comment("New pairs")
	VMOVDQA32(id, Z0)
	t := [7]VecPhysical{Z12, Z13, Z14, Z15, Z16, Z17, Z7}
	find(prev, id, K3, t)
	find(Z0, last, K2, [7]VecPhysical{Z4, Z8, Z9, Z2, Z12, Z13, Z14})
	VPMINUD(bound, prev, prev)
	VPSLLD(Imm(placeBits), prev, prev)
	VPORD(prevPlace, prev, prev)
	VPSCATTERDD(prev, K3, pair(prevIndex))
	VPMINUD(bound, Z0, Z0)
	VPSLLD(Imm(placeBits), Z0, Z0)
	VMOVDQA32(all, Z7)
	VPORD(Z1, Z0, K2, Z7)
	VPSCATTERDD(Z7, K1, pair(atIndex))

	Label("next")
	ADDQ(U32(groupSize), RDI)
	DECQ(R8)
	JNZ(LabelRef("group"))
	TESTL(R9L, R9L)
	JNZ(LabelRef("round"))
	VZEROUPPER()
	RET()
}
