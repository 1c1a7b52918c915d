// Command pairscan prints kernels/pairscan/pairscan_amd64.s.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const prose = `// The first place where a pair of bytes of a set may be, 32 places at a time
// with AVX2.
//
// Algorithm. The four tables have, for every value of a half byte, the buckets
// (a bit each) with a pair that has it: low and high half of its first byte, low
// and high half of its second. VPSHUFB looks up 32 half bytes at once; the AND of
// the four is not zero where all halves fit one bucket. The second bytes are the
// text loaded one byte further on.
//
// Registers. SI text, CX steps left, AX the place reached. Y8...Y11 the tables,
// each in both lanes, Y12 0x0F in every byte, Y13 zero. Y0, Y1 the first and
// second bytes, Y2, Y3 scratch, DX the mask of places.
//
// Tail. None: the Go side asks for whole steps and looks at the rest itself.
//
// Why it is safe. Reads 32*steps + 1 bytes at text and 64 at nibbles, writes
// nothing but the result. Loads are unaligned (VMOVDQU). Nothing is called, no
// stack is used. VZEROUPPER before the return, so that SSE code of the caller
// does not pay for dirty upper halves.

`

func main() {
	fmt.Print(prose)
	ConstraintExpr("!purego")
	low := GLOBL("lowHalf", RODATA|NOPTR)
	for i := 0; i < 32; i += 8 {
		DATA(i, U64(0x0F0F0F0F0F0F0F0F))
	}

	TEXT("indexAVX2", NOSPLIT, "func(nibbles *[4][16]byte, text *byte, steps int) int")
	Load(Param("nibbles"), RDI)
	Load(Param("text"), RSI)
	Load(Param("steps"), RCX)
	for i, table := range []VecPhysical{Y8, Y9, Y10, Y11} {
		VBROADCASTI128(Mem{Base: RDI, Disp: 16 * i}, table)
	}
	VMOVDQU(low, Y12)
	VPXOR(Y13, Y13, Y13)
	XORQ(RAX, RAX)

	// halves leaves in x the buckets that both halves of its bytes fit.
	halves := func(x, scratch, lowTable, highTable VecPhysical) {
		VPSRLW(U8(4), x, scratch)
		VPAND(x, Y12, x)
		VPAND(scratch, Y12, scratch)
		VPSHUFB(x, lowTable, x)
		VPSHUFB(scratch, highTable, scratch)
		VPAND(scratch, x, x)
	}

	Label("next")
	VMOVDQU(Mem{Base: RSI, Index: RAX, Scale: 1}, Y0)
	VMOVDQU(Mem{Base: RSI, Index: RAX, Scale: 1, Disp: 1}, Y1)
	halves(Y0, Y2, Y8, Y9)
	halves(Y1, Y3, Y10, Y11)
	VPTEST(Y0, Y1)
	JNZ(LabelRef("found"))
	ADDQ(Imm(32), RAX)
	DECQ(RCX)
	JNZ(LabelRef("next"))
	JMP(LabelRef("done"))

	Label("found")
	VPAND(Y0, Y1, Y0)
	VPCMPEQB(Y0, Y13, Y0)
	VPMOVMSKB(Y0, EDX)
	NOTL(EDX)
	BSFL(EDX, EDX)
	ADDQ(RDX, RAX)

	Label("done")
	VZEROUPPER()
	Store(RAX, ReturnIndex(0))
	RET()
	Generate()
}
