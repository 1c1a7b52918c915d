// Command windowhash prints kernels/windowhash/windowhash_amd64.s.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const prose = `// Hashes of windows of five words, four at a time with AVX2 or eight with
// AVX-512.
//
// Algorithm. A lane is a window: loads that begin one word further on each give
// the first, second, ... word of all of them. AVX-512 rotates by 24 bits with
// VPROLQ, AVX2 by three bytes with VPSHUFB. The factor has 32 bits, so a product
// is that with the low half of x plus, 32 bits further up, that with the high
// half (VPMULUDQ twice). The high half of x xor x>>32 is that of x, so that one
// shift serves both.
//
// Registers. DI hashes, SI words, CX hashes left; they advance by the lanes.
// 0 x, 1 x>>32 and the product with the high half, 2 factor.
//
// Tail. The last hashes, if fewer than the lanes, go with enough of those before:
// the pointers step back, and some are written twice with the same value.
//
// Why it is safe. With at least as many hashes as lanes, stepping back stays
// inside. Reads n + 4 words and writes n hashes. Loads and stores are unaligned.
// Nothing is called, no stack is used. VZEROUPPER before the return, so that SSE
// code of the caller does not pay for dirty upper halves.

`

// hash is the function for so many lanes, in registers of that width.
func hash(name string, lanes int, regs [3]VecPhysical, move func(from, to Op), xor func(a, b, dst Op), rotate func()) {
	TEXT(name, NOSPLIT, "func(hashes, words *uint64, n int)")
	Load(Param("hashes"), RDI)
	Load(Param("words"), RSI)
	Load(Param("n"), RCX)
	x, high, factor := regs[0], regs[1], regs[2]
	MOVL(U32(0x9e3779b1), EAX)
	VMOVD(EAX, factor.AsX())
	VPBROADCASTQ(factor.AsX(), factor)
	word := func(i int) Mem { return Mem{Base: RSI, Disp: 8 * i} }

	Label(name + "Some")
	move(word(0), x)
	rotate()
	VPADDQ(word(1), x, x)
	rotate()
	xor(word(2), x, x)
	rotate()
	VPADDQ(word(3), x, x)
	rotate()
	xor(word(4), x, x)
	VPSRLQ(Imm(32), x, high)
	xor(high, x, x)
	VPMULUDQ(factor, high, high)
	VPMULUDQ(factor, x, x)
	VPSLLQ(Imm(32), high, high)
	VPADDQ(high, x, x)
	VPSRLQ(Imm(32), x, high)
	xor(high, x, x)
	move(x, Mem{Base: RDI})
	SUBQ(Imm(uint64(lanes)), RCX)
	JZ(LabelRef(name + "Done"))
	ADDQ(Imm(uint64(8*lanes)), RSI)
	ADDQ(Imm(uint64(8*lanes)), RDI)
	CMPQ(RCX, Imm(uint64(lanes)))
	JAE(LabelRef(name + "Some"))
	SUBQ(Imm(uint64(lanes)), RCX)
	LEAQ(Mem{Base: RSI, Index: RCX, Scale: 8}, RSI)
	LEAQ(Mem{Base: RDI, Index: RCX, Scale: 8}, RDI)
	MOVL(U32(uint32(lanes)), ECX)
	JMP(LabelRef(name + "Some"))
	Label(name + "Done")
	VZEROUPPER()
	RET()
}

func main() {
	fmt.Print(prose)
	ConstraintExpr("!purego")

	// Byte i of a rotated word is byte i-3 of the word.
	rotation := GLOBL("rotation", RODATA|NOPTR)
	for i := range 32 {
		DATA(i, U8(uint8(i&8|(i-3)&7)))
	}
	hash("hashAVX2", 4, [3]VecPhysical{Y0, Y1, Y2}, VMOVDQU, VPXOR, func() { VPSHUFB(rotation, Y0, Y0) })
	hash("hashAVX512", 8, [3]VecPhysical{Z0, Z1, Z2}, func(from, to Op) { VMOVDQU64(from, to) },
		func(a, b, dst Op) { VPXORQ(a, b, dst) }, func() { VPROLQ(Imm(24), Z0, Z0) })
	Generate()
}
