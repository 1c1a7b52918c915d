// Command nearsort prints kernels/nearsort/nearsort_amd64.s.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const prose = `// Numbers that are almost in order, sorted and made distinct, eight at a time.
//
// Algorithm. Eight numbers are held that are the greatest of those seen. Eight
// more are sorted in descending order by a network of six exchanges (Batcher's
// bitonic sort: each exchange is a permutation, a minimum, and a maximum under a
// mask). Minima and maxima of the two eights are the lesser and the greater half
// of all sixteen, each bitonic; three more exchanges sort each. The greater half
// is held. Nothing that is still to come belongs before the lesser half, because
// no number is more than eight places behind its own: it is written, without
// the numbers that equal the one before.
//
// Ends. Eight zeros are held at first and come out first; they are dropped. Behind
// the last number are as many of the greatest value as fill its eight, and eight
// more, which push out what is held: nothing from the n-th number on is written.
//
// Registers. SI next numbers, CX how many of them are left, may become negative; DI
// where the next are written, DX start. Z0 held, Z1 the new ones and then the
// lesser half, Z2 the lesser half before, Z3 and Z4 scratch, Z5 order of lanes
// reversed, Z6 ones. K1 to K6 lanes that take the greater value of an exchange.
// R8 lanes that are kept whatever is before them: the first of all.
//
// Why it is safe. Whole loads only while eight numbers are left, else masked ones.
// Before eight numbers are written, those eight and eight more were read, or the
// last: at most as many are written as were read, eight less until then, so that a
// store of eight ends where the next load begins, or before n rounded up to eight;
// the last is masked. Loads and stores are unaligned, nothing is called, no stack
// is used. VZEROUPPER before the return, so that SSE code of the caller does not
// pay for dirty upper halves.

`

func main() {
	fmt.Print(prose)
	ConstraintExpr("!purego")

	reversed := GLOBL("reversed", RODATA|NOPTR)
	for i := range 8 {
		DATA(8*i, U64(7-i))
	}

	TEXT("distinctAVX512", NOSPLIT, "func(p *uint64, n int) int")
	Load(Param("p"), RSI)
	Load(Param("n"), RCX)
	MOVQ(RSI, RDI)
	MOVQ(RSI, RDX)
	VMOVDQU64(reversed, Z5)
	VPTERNLOGD(Imm(0xff), Z6, Z6, Z6)
	for i, mask := range []uint32{0x55, 0x33, 0x0f, 0xaa, 0xcc, 0xf0} {
		MOVL(U32(mask), EAX)
		KMOVB(EAX, []OpmaskPhysical{K1, K2, K3, K4, K5, K6}[i])
	}
	// Distance of an exchange: of neighbours, pairs, fours; and mirrored ones.
	one := func(x, to VecPhysical) { VPSHUFD(Imm(0x4e), x, to) }
	two := func(x, to VecPhysical) { VPERMQ(Imm(0x4e), x, to) }
	four := func(x, to VecPhysical) { VSHUFI64X2(Imm(0x4e), x, x, to) }
	mirroredFour := func(x, to VecPhysical) { VPERMQ(Imm(0x1b), x, to) }
	mirroredEight := func(x, to VecPhysical) { VPERMQ(x, Z5, to) }
	exchange := func(x VecPhysical, partner func(x, to VecPhysical), greater OpmaskPhysical) {
		partner(x, Z3)
		VPCMPUQ(Imm(1), x, Z3, K7)
		KXORB(greater, K7, K7)
		VMOVDQA64(Z3, K7, x)
	}
	merge := func() {
		exchange(Z1, one, K1)
		exchange(Z1, mirroredFour, K2)
		exchange(Z1, one, K1)
		exchange(Z1, mirroredEight, K3)
		exchange(Z1, two, K2)
		exchange(Z1, one, K1)
		VPCMPUQ(Imm(1), Z0, Z1, K7)
		VPBLENDMQ(Z1, Z0, K7, Z4)
		VMOVDQA64(Z0, K7, Z1)
		VMOVDQA64(Z1, Z0)
		VMOVDQA64(Z4, Z1)
		for _, x := range []VecPhysical{Z1, Z0} {
			exchange(x, four, K6)
			exchange(x, two, K5)
			exchange(x, one, K4)
		}
	}

	Comment("The first eight.")
	VPXORQ(Z0, Z0, Z0)
	MOVL(U32(1), R8L)
	MOVQ(I32(-1), RAX)
	CMPQ(RCX, Imm(8))
	JGE(LabelRef("first"))
	BZHIQ(RCX, RAX, RAX)
	Label("first")
	KMOVB(EAX, K7)
	VMOVDQA64(Z6, Z1)
	VMOVDQU64(Mem{Base: RSI}, K7, Z1)
	merge()
	VMOVDQA64(Z1, Z2)

	Label("loop")
	ADDQ(Imm(64), RSI)
	SUBQ(Imm(8), RCX)
	CMPQ(RCX, Imm(8))
	JL(LabelRef("rest"))
	VMOVDQU64(Mem{Base: RSI}, Z1)
	merge()
	Comment("Keep what differs from the number before.")
	VALIGNQ(Imm(7), Z2, Z1, Z3)
	VMOVDQA64(Z1, Z2)
	VPCMPUQ(Imm(4), Z3, Z1, K7)
	KMOVB(K7, EAX)
	ORL(R8L, EAX)
	XORL(R8L, R8L)
	KMOVB(EAX, K7)
	VPCOMPRESSQ_Z(Z1, K7, Z1)
	VMOVDQU64(Z1, Mem{Base: RDI})
	POPCNTL(EAX, EAX)
	LEAQ(Mem{Base: RDI, Index: RAX, Scale: 8}, RDI)
	JMP(LabelRef("loop"))

	Comment("CX less than eight, perhaps negative: CX+8 numbers are still to be written.")
	Label("rest")
	XORL(EAX, EAX)
	TESTQ(RCX, RCX)
	JLE(LabelRef("none"))
	MOVQ(I32(-1), RAX)
	BZHIQ(RCX, RAX, RAX)
	Label("none")
	KMOVB(EAX, K7)
	VMOVDQA64(Z6, Z1)
	VMOVDQU64(Mem{Base: RSI}, K7, Z1)
	merge()
	VALIGNQ(Imm(7), Z2, Z1, Z3)
	VMOVDQA64(Z1, Z2)
	VPCMPUQ(Imm(4), Z3, Z1, K7)
	KMOVB(K7, EAX)
	ORL(R8L, EAX)
	XORL(R8L, R8L)
	ADDQ(Imm(8), RCX)
	BZHIQ(RCX, RAX, RAX)
	KMOVB(EAX, K7)
	VPCOMPRESSQ_Z(Z1, K7, Z1)
	POPCNTL(EAX, EAX)
	MOVQ(I32(-1), RBX)
	BZHIQ(RAX, RBX, RBX)
	KMOVB(EBX, K7)
	VMOVDQU64(Z1, K7, Mem{Base: RDI})
	LEAQ(Mem{Base: RDI, Index: RAX, Scale: 8}, RDI)
	ADDQ(Imm(64), RSI)
	SUBQ(Imm(16), RCX)
	CMPQ(RCX, I32(-8))
	JG(LabelRef("rest"))

	SUBQ(RDX, RDI)
	SHRQ(Imm(3), RDI)
	Store(RDI, ReturnIndex(0))
	VZEROUPPER()
	RET()
	Generate()
}
