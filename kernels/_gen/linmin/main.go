// Command linmin prints kernels/linmin/linmin_amd64.s.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const prose = `// Minima of linear functions modulo 2^32 over many values, with AVX2.
//
// Algorithm. Eight functions to a register. A turn takes the low half of one
// value into all lanes (VPBROADCASTD from memory, which costs no more than a
// load), multiplies (VPMULLD), adds and takes the unsigned minimum (VPMINUD).
// 32 functions go through the values together while there are as many, then 8:
// a multiplication takes 10 cycles, and four of them overlap.
//
// Registers. DI least, R8 a, R9 b, CX functions left, SI values, DX their
// number; R10 next value, R11 values left. Y0...Y3 minima, Y4...Y7 factors,
// Y8...Y11 summands, Y12 the value, Y13 all ones, Y14 and Y15 products.
//
// Tail. None: functions come in eights, values one by one.
//
// Why it is safe. Reads 4*n bytes at a and at b and 4 of every 8 bytes of the
// values; writes 4*n bytes at least. Loads and stores are unaligned (VMOVDQU).
// Nothing is called, no stack is used. VZEROUPPER before the return, so that
// SSE code of the caller does not pay for dirty upper halves.

`

func main() {
	fmt.Print(prose)
	ConstraintExpr("!purego")

	TEXT("minAVX2", NOSPLIT, "func(least, a, b *uint32, n int, xs *uint64, values int)")
	Load(Param("least"), RDI)
	Load(Param("a"), R8)
	Load(Param("b"), R9)
	Load(Param("n"), RCX)
	Load(Param("xs"), RSI)
	Load(Param("values"), RDX)
	VPCMPEQD(Y13, Y13, Y13)

	minima := []VecPhysical{Y0, Y1, Y2, Y3}
	factors := []VecPhysical{Y4, Y5, Y6, Y7}
	summands := []VecPhysical{Y8, Y9, Y10, Y11}
	// through takes all values through so many registers of functions.
	through := func(name string, registers int) {
		for i := range registers {
			VMOVDQU(Mem{Base: R8, Disp: 32 * i}, factors[i])
			VMOVDQU(Mem{Base: R9, Disp: 32 * i}, summands[i])
			VMOVDQA(Y13, minima[i])
		}
		MOVQ(RSI, R10)
		MOVQ(RDX, R11)
		TESTQ(R11, R11)
		JZ(LabelRef(name + "Done"))
		Label(name + "Value")
		VPBROADCASTD(Mem{Base: R10}, Y12)
		for i := range registers {
			product := []VecPhysical{Y14, Y15}[i%2]
			VPMULLD(Y12, factors[i], product)
			VPADDD(summands[i], product, product)
			VPMINUD(product, minima[i], minima[i])
		}
		ADDQ(Imm(8), R10)
		DECQ(R11)
		JNZ(LabelRef(name + "Value"))
		Label(name + "Done")
		for i := range registers {
			VMOVDQU(minima[i], Mem{Base: RDI, Disp: 32 * i})
		}
		ADDQ(Imm(uint64(32*registers)), RDI)
		ADDQ(Imm(uint64(32*registers)), R8)
		ADDQ(Imm(uint64(32*registers)), R9)
		SUBQ(Imm(uint64(8*registers)), RCX)
	}

	Label("many")
	CMPQ(RCX, Imm(32))
	JB(LabelRef("few"))
	through("many", 4)
	JMP(LabelRef("many"))
	Label("few")
	TESTQ(RCX, RCX)
	JZ(LabelRef("done"))
	through("few", 1)
	JMP(LabelRef("few"))
	Label("done")
	VZEROUPPER()
	RET()

	Generate()
}
