package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// AVX2 merges the eight texts of a half of a row.
const half = 32 // bytes

// A frame holds constants and what is wanted lane by lane, at R11, each of a half.
const (
	hash0At = half * iota
	hash1At
	hash2At
	hash3At
	printAt
	shiftAt
	boundAt
	mostAt  // the largest pair that is a merge
	placeAt // mask
	oneAt
	firstAt
	atAt // index
	nextAt
	prevAt
	lastAt
	scratch0
	scratch1
	scratch2
	frameSize
)

var (
	ones   = Y15
	laneOf = Y14
)

func framed(at int) Mem { return Mem{Base: R11, Disp: at} }

// lane32 is one of the lanes stored at a place of the frame.
func lane32(at, lane int) Mem { return framed(at + 4*lane) }

func load(m Mem, y VecPhysical) { VMOVDQU(m, y) }

func keep(y VecPhysical, at int) { VMOVDQU(y, framed(at)) }

// frame makes R11 point to the frame, at a multiple of a half.
func frame() {
	local := AllocLocal(frameSize + half)
	LEAQ(local.Offset(half-1), R11)
	ANDQ(I8(-half), R11)
}

// constant fills a place of the frame with a number.
func constant(n uint32, at int) {
	MOVL(U32(n), EAX)
	VMOVD(EAX, X0)
	VPBROADCASTD(X0, Y0)
	keep(Y0, at)
}

// frameTables makes the constants of findAVX2 of the Tables t.
func frameTables() {
	Load(Param("t"), RAX)
	MOVQ(Mem{Base: RAX}, RBX)          // buckets
	MOVQ(Mem{Base: RAX, Disp: 8}, RSI) // checks
	for i, to := range []int{shiftAt, printAt, hash0At, hash1At, hash2At, hash3At} {
		VPBROADCASTD(Mem{Base: RAX, Disp: 16 + 4*i}, Y0)
		keep(Y0, to)
	}
	VPCMPEQD(ones, ones, ones)
	VPSRLD(Imm(31), ones, Y0)
	keep(Y0, oneAt)
	VPSLLVD(framed(printAt), Y0, Y0)
	keep(Y0, boundAt)
}

// loads32 sets dst to what is at the addresses of the eight lanes.
func loads32(address func(lane int) Mem, dst, more VecPhysical) {
	low, high := dst.AsX(), more.AsX()
	VMOVD(address(0), low)
	VMOVD(address(4), high)
	for i := 1; i < 4; i++ {
		VPINSRD(Imm(uint64(i)), address(i), low, low)
		VPINSRD(Imm(uint64(i)), address(4+i), high, high)
	}
	VINSERTI128(Imm(1), high, dst, dst)
}

// halfIndex is the register for the index of a lane: neighbours in loads32 have
// different ones.
func halfIndex(lane int) GPPhysical {
	if lane < 4 {
		return RAX
	}
	return RDX
}

// buckets64 loads the buckets whose numbers are kept, and turns them into the low
// and the high halves of all lanes.
func buckets64(at int, lows, highs, t VecPhysical) {
	load2 := func(lane int, dst VecPhysical) {
		MOVL(lane32(at, lane), EAX)
		MOVL(lane32(at, lane+1), EDX)
		VMOVQ(Mem{Base: RBX, Index: RAX, Scale: 8}, dst.AsX())
		VMOVHPS(Mem{Base: RBX, Index: RDX, Scale: 8}, dst.AsX(), dst.AsX())
	}
	load2(0, lows)
	load2(4, t)
	VINSERTI128(Imm(1), t.AsX(), lows, lows)
	load2(2, highs)
	load2(6, t)
	VINSERTI128(Imm(1), t.AsX(), highs, t)
	VSHUFPS(Imm(0xDD), t, lows, highs)
	VSHUFPS(Imm(0x88), t, lows, lows)
}

// findAVX2 is find, of the result in left.
func findAVX2(left, right, mask VecPhysical, t [5]VecPhysical) {
	a, b, c := t[0], t[1], t[2]
	VPMULLD(framed(hash0At), left, a)
	VPMULLD(framed(hash1At), right, c)
	VPADDD(c, a, a)
	VPMULLD(framed(hash2At), left, b)
	VPMULLD(framed(hash3At), right, c)
	VPADDD(c, b, b)
	prints := left
	VPSRLD(Imm(printShift), right, prints)
	VPXOR(a, prints, prints)
	VPXOR(b, prints, prints)
	VPSLLVD(framed(printAt), prints, prints)
	VPOR(framed(boundAt), prints, prints)
	VPSRLVD(framed(shiftAt), a, a)
	VPAND(mask, a, a)
	VPSRLVD(framed(shiftAt), b, b)
	VPAND(mask, b, b)
	keep(a, scratch0)
	keep(b, scratch1)
	lows, highs := t[2], t[3]
	buckets64(scratch0, lows, highs, t[4])
	VPXOR(prints, lows, lows)
	VPXOR(prints, highs, highs)
	VPMINUD(lows, highs, a)
	buckets64(scratch1, lows, highs, t[4])
	VPXOR(prints, lows, lows)
	VPXOR(prints, highs, highs)
	VPMINUD(lows, highs, highs)
	VPMINUD(highs, a, left)
	VPMINUD(framed(boundAt), left, left)
}

// placeOfAVX2 leaves the place of the only bit of x in it, any place for none: it
// is the exponent of x as a float.
func placeOfAVX2(x VecPhysical) {
	VCVTDQ2PS(x, x)
	VPSRLD(Imm(23), x, x)
	VPSUBD(ones, x, x) // less 127, but for what place masks
	VPAND(framed(placeAt), x, x)
}

// indexOf turns places into indices of lanes in rows.
func indexOf(places, dst VecPhysical) {
	VPSLLD(Imm(4), places, dst)
	VPADDD(laneOf, dst, dst)
}

func runAVX2(name string, rows int) {
	TEXT(name, NOSPLIT, "func(group *byte, groups int, t *byte)")
	Load(Param("groups"), RCX)
	ADDQ(RCX, RCX)
	frame()
	frameTables()
	load(framed(boundAt), Y0)
	VPSLLD(Imm(placeBits), Y0, Y0)
	VPADDD(ones, Y0, Y0)
	keep(Y0, mostAt)
	constant(uint32(rows-1), placeAt)
	constant(256, firstAt)
	load(lanes, laneOf)

	Label("round")
	Load(Param("group"), RDI)
	MOVQ(RDI, R12)
	MOVQ(RCX, R8)
	XORL(R9L, R9L)

	Label("half")
	mins := [4]VecPhysical{Y0, Y1, Y2, Y3}
	for i := range rows - 1 {
		pairs := Mem{Base: RDI, Disp: pairsAt + i*row}
		if m := mins[i%4]; i < 4 {
			load(pairs, m)
		} else {
			VPMINUD(pairs, m, m)
		}
	}
	VPMINUD(Y2, Y0, Y0)
	VPMINUD(Y3, Y1, Y1)
	best, merges := Y0, Y1
	VPMINUD(Y1, Y0, best)
	VPMINUD(framed(mostAt), best, merges)
	VPCMPEQD(best, merges, merges)
	VPTEST(merges, merges)
	JZ(LabelRef("next"))
	INCL(R9L)

	Comment("Places")
	id, at := Y2, Y3
	VPSRLD(Imm(placeBits), best, id)
	VPAND(framed(placeAt), best, at)
	begin, bit, before, after := Y4, Y5, Y6, Y7
	load(Mem{Base: RDI, Disp: beginAt}, begin)
	load(framed(oneAt), bit)
	VPSLLVD(at, bit, bit)
	VPADDD(ones, bit, before)
	VPOR(bit, before, after)
	VPANDN(begin, after, after)
	VPAND(begin, before, before)
	afterNext, nextBit := Y8, Y9
	VPADDD(ones, after, Y8)
	VPANDN(after, Y8, nextBit)
	VPAND(after, Y8, afterNext)
	VPAND(nextBit, merges, Y10)
	VPANDN(begin, Y10, begin)
	VMOVDQU(begin, Mem{Base: RDI, Disp: beginAt})
	lastBit, hasLast, hasPrev := Y10, Y11, Y12
	VPADDD(ones, afterNext, lastBit)
	VPANDN(afterNext, lastBit, lastBit)
	VPXOR(Y13, Y13, Y13)
	VPCMPEQD(Y13, afterNext, hasLast)
	VPANDN(merges, hasLast, hasLast)
	VPCMPEQD(Y13, before, hasPrev)
	VPANDN(merges, hasPrev, hasPrev)
	// Without the bit below its highest, before is not rounded up.
	VPSRLD(Imm(1), before, Y13)
	VPANDN(before, Y13, before)
	prevPlace := Y6
	placeOfAVX2(nextBit)
	placeOfAVX2(lastBit)
	placeOfAVX2(prevPlace)
	atIndex, nextIndex, prevIndex, lastIndex := Y4, Y5, Y7, Y8
	indexOf(at, atIndex)
	indexOf(nextBit, nextIndex)
	indexOf(prevPlace, prevIndex)
	indexOf(lastBit, lastIndex)
	// Without one before, what is stored for it is stored for the next.
	VPBLENDVB(hasPrev, prevIndex, nextIndex, prevIndex)
	keep(atIndex, atAt)
	keep(nextIndex, nextAt)
	keep(prevIndex, prevAt)
	keep(lastIndex, lastAt)

	Comment("Symbols")
	left, right, prev, last := Y4, Y5, Y7, Y8
	for i, symbols := range []VecPhysical{left, right, prev, last} {
		loads32(func(lane int) Mem {
			index := halfIndex(lane)
			MOVL(lane32(atAt+half*i, lane), index.As32())
			return Mem{Base: RDI, Index: index, Scale: 4, Disp: symbolsAt}
		}, symbols, Y13)
	}

	Comment("Is it the merge?")
	made, want := Y9, Y10
	load(framed(firstAt), Y0)
	VPBLENDVB(merges, id, Y0, Y0)
	keep(Y0, scratch0)
	loads32(func(lane int) Mem {
		index := halfIndex(lane)
		MOVL(lane32(scratch0, lane), index.As32())
		return Mem{Base: RSI, Index: index, Scale: 4, Disp: -256 * 4}
	}, made, Y13)
	VPSLLD(Imm(checkShift), right, want)
	VPOR(left, want, want)
	VPCMPEQD(want, made, want)
	VPANDN(merges, want, want)
	VMOVMSKPS(want, EAX)
	VPMAXUD(left, right, made)
	VPCMPGTD(id, made, made)
	VPAND(merges, made, made)
	VMOVMSKPS(made, EDX)
	ANDB(Mem{Base: R12, Disp: orderedAt}, DL)
	ORB(DL, AL)
	ORB(AL, Mem{Base: R12, Disp: wrongAt})
	VPBLENDVB(merges, id, left, left)
	keep(left, scratch2)

	Comment("New pairs")
	t := [5]VecPhysical{Y0, Y4, Y5, Y9, Y10}
	findAVX2(prev, id, hasPrev, t)
	findAVX2(id, last, hasLast, t)
	VPSLLD(Imm(placeBits), prev, prev)
	VPOR(prevPlace, prev, prev)
	VPXOR(ones, hasPrev, hasPrev)
	VPOR(hasPrev, prev, prev)
	VPSLLD(Imm(placeBits), id, id)
	VPOR(at, id, id)
	VPXOR(ones, hasLast, hasLast)
	VPOR(hasLast, id, id)
	keep(prev, scratch0)
	keep(id, scratch1)
	for lane := range 8 {
		to := func(index Register, disp int) Mem {
			return Mem{Base: RDI, Index: index, Scale: 4, Disp: disp}
		}
		MOVL(lane32(nextAt, lane), EAX)
		MOVL(lane32(prevAt, lane), EDX)
		MOVL(lane32(scratch0, lane), R10L)
		MOVL(I32(-1), to(RAX, pairsAt))
		MOVL(R10L, to(RDX, pairsAt))
		MOVL(lane32(atAt, lane), EAX)
		MOVL(lane32(scratch1, lane), R10L)
		MOVL(lane32(scratch2, lane), EDX)
		MOVL(R10L, to(RAX, pairsAt))
		MOVL(EDX, to(RAX, symbolsAt))
	}

	Label("next")
	ADDQ(Imm(half), RDI)
	INCQ(R12)
	DECQ(R8)
	TESTL(U32(1), R8L)
	JNZ(LabelRef("half"))
	ADDQ(U32(groupSize-2*half), RDI)
	MOVQ(RDI, R12)
	TESTQ(R8, R8)
	JNZ(LabelRef("half"))
	TESTL(R9L, R9L)
	JNZ(LabelRef("round"))
	VZEROUPPER()
	RET()
}

// startBytesAVX2 is a group's start from texts of up to rows bytes.
func startBytesAVX2(name string, rows int) {
	TEXT(name, NOSPLIT, "func(group, text *byte, size, bytes *uint32)")
	Load(Param("group"), RDI)
	Load(Param("text"), RSI)
	Load(Param("size"), RCX)
	Load(Param("bytes"), RBX)
	const stride = 32
	ff, x, char, made := Y2, Y3, Y4, Y5
	VPCMPEQD(ones, ones, ones)
	VPSRLD(Imm(24), ones, ff)
	startAVX2(0, rows, func(i int) {
		if first := min(i/3*3, 28); i == first || i == 30 {
			loads32(func(lane int) Mem { return Mem{Base: RSI, Disp: stride*lane + first} }, x, made)
			if i == 30 {
				VPSRLD(Imm(16), x, x)
			}
		} else {
			VPSRLD(Imm(8), x, x)
		}
		VPAND(ff, x, char)
		VMOVDQU(char, Mem{Base: RDI, Disp: symbolsAt + i*row})
		// The last symbol of a text has no pair.
		VPSRLD(Imm(8), x, char)
		VPAND(ff, char, char)
		VMOVDQU(char, Mem{Base: RDI, Disp: symbolsAt + (i+1)*row})
		loads32(func(lane int) Mem {
			MOVWLZX(Mem{Base: RSI, Disp: stride*lane + i}, EAX)
			return Mem{Base: RBX, Index: RAX, Scale: 4}
		}, made, char)
		storePairsAVX2(i, made)
	}, func() { ADDQ(U32(8*stride), RSI) })
}

// startSymbolsAVX2 is a group's start from symbols that are there.
func startSymbolsAVX2(name string, rows int) {
	TEXT(name, NOSPLIT, "func(group *byte, size *uint32, t *byte)")
	Load(Param("group"), RDI)
	Load(Param("size"), RCX)
	frame()
	frameTables()
	startAVX2(0xFFFF, rows, func(i int) {
		load(Mem{Base: RDI, Disp: symbolsAt + i*row}, Y2)
		load(Mem{Base: RDI, Disp: symbolsAt + (i+1)*row}, Y3)
		findAVX2(Y2, Y3, Y1, [5]VecPhysical{Y4, Y5, Y6, Y7, Y8})
		storePairsAVX2(i, Y2)
	}, func() {})
}

// storePairsAVX2 stores what is made in the lanes of Y1.
func storePairsAVX2(i int, made VecPhysical) {
	VPSLLD(Imm(placeBits), made, made)
	VPOR(placeY, made, made)
	VPXOR(ones, Y1, Y1)
	VPOR(Y1, made, made)
	VMOVDQU(made, Mem{Base: RDI, Disp: pairsAt + i*row})
}

var placeY = Y13 // of startAVX2, a number in all lanes

// startAVX2 starts both halves of the group at DI from the sizes at CX: a pair, for
// the lanes in Y1 that have one there, place by place.
func startAVX2(ordered uint32, rows int, pair func(i int), next func()) {
	MOVL(U32(0), Mem{Base: RDI, Disp: wrongAt})
	MOVL(U32(ordered), Mem{Base: RDI, Disp: orderedAt})
	MOVL(U32(2), R8L)
	Label("half")
	size := Y0
	load(Mem{Base: RCX}, size)
	VPSRLD(Imm(31), ones, Y1)
	VPSLLVD(size, Y1, Y1)
	VPADDD(ones, Y1, Y1)
	VMOVDQU(Y1, Mem{Base: RDI, Disp: beginAt})
	VPXOR(placeY, placeY, placeY)
	for i := range rows - 1 {
		// A size is that of a pair and one more.
		VPADDD(ones, size, size)
		VPXOR(Y1, Y1, Y1)
		VPCMPGTD(Y1, size, Y1)
		if i > 0 {
			VPTEST(Y1, Y1)
			JZ(LabelRef(fmt.Sprintf("short%d", i)))
			VPSUBD(ones, placeY, placeY)
		}
		pair(i)
	}
	JMP(LabelRef(fmt.Sprintf("short%d", rows-1)))
	for i := 1; i < rows; i++ {
		Label(fmt.Sprintf("short%d", i))
		VMOVDQU(ones, Mem{Base: RDI, Disp: pairsAt + i*row})
	}
	ADDQ(Imm(half), RDI)
	ADDQ(Imm(half), RCX)
	next()
	DECL(R8L)
	JNZ(LabelRef("half"))
	VZEROUPPER()
	RET()
}
