package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Predicates of VPCMPUW and VPCMPB.
var (
	atLeast = Imm(5)
	greater = Imm(6)
)

func scanAVX512() {
	TEXT("scanAVX512", NOSPLIT, "func(starts *uint64, text *byte, blocks, behind int, beside, crossed *uint64, shift uint32, leads *byte, rest int)")
	Load(Param("starts"), RDI)
	Load(Param("text"), RSI)
	Load(Param("blocks"), RCX)
	Load(Param("behind"), R10)
	Load(Param("beside"), R8)
	Load(Param("crossed"), R9)
	Load(Param("shift"), EAX)
	VMOVD(EAX, X31)
	Load(Param("leads"), RAX)
	VBROADCASTI32X4(Mem{Base: RAX}, Z30)
	Load(Param("rest"), RDX)

	places := GLOBL("wordPlaces", RODATA|NOPTR)
	for i := 0; i < 32; i += 2 {
		DATA(2*i, U32(uint32(i)|uint32(i+1)<<16))
	}
	constants := []struct {
		value uint32
		reg   VecPhysical
	}{
		{0x0F0F0F0F, Z29}, {0xBFBFBFBF, Z28}, {0x003F003F, Z27}, {0x07FF07FF, Z26}, {0x00800080, Z25},
		{0x00E000E0, Z24}, {0x00F000F0, Z23}, {0xD800D800, Z22}, {0x0000FFFF, Z21}, {multiplier, Z20}, {0x00010001, Z19},
	}
	for _, c := range constants {
		VPBROADCASTD(dword(c.value), c.reg)
	}
	lowHalf, lastInner, six, eleven, two, three, four, surrogate, evenWords, hash, one := Z29, Z28, Z27, Z26, Z25, Z24, Z23, Z22, Z21, Z20, Z19
	VMOVDQU64(places, Z18)
	previous := Z17
	VPXORQ(previous, previous, previous)
	MOVL(U32(0xAAAAAAAA), EAX)
	KMOVD(EAX, K2)
	KXNORQ(K7, K7, K7)
	XORL(R11L, R11L)

	// codes leaves 32 characters, of which the operands hold the first three
	// bytes, in Z4, those of even number in the dwords of Z9 and the others in
	// those of Z10.
	codes := func(first, second, third VecPhysical) {
		VPMOVZXBW(first, Z4)
		VPMOVZXBW(second, Z5)
		VPMOVZXBW(third, Z6)
		VPANDQ(six, Z5, Z5)
		VPANDQ(six, Z6, Z6)
		VPSLLW(Imm(6), Z4, Z7)
		VPORQ(Z5, Z7, Z7)
		VPSLLW(Imm(6), Z7, Z8)
		VPORQ(Z6, Z8, Z8)
		VPANDQ(eleven, Z7, Z7)
		VPCMPUW(atLeast, two, Z4, K3)
		VPCMPUW(atLeast, three, Z4, K4)
		VPCMPUW(atLeast, four, Z4, K5)
		VMOVDQU16(Z7, K3, Z4)
		VMOVDQU16(Z8, K4, Z4)
		VMOVDQU16(surrogate, K5, Z4)
		VPANDQ(evenWords, Z4, Z9)
		VPSRLD(Imm(16), Z4, Z10)
	}
	// bits leaves 32 bits of a set, by one or two places, in a register.
	bits := func(even, odd VecPhysical, set GPPhysical, to GPPhysical, places int) {
		for _, half := range [][2]VecPhysical{{even, Z13}, {odd, Z14}} {
			VPSRLD(Imm(uint64(5*places)), half[0], Z15)
			VPXORQ(half[1], half[1], half[1])
			KXNORW(K6, K6, K6)
			VPGATHERDD(Mem{Base: set, Index: Z15, Scale: 4}, K6, half[1])
			if places == 2 {
				VPSRLD(Imm(5), half[0], Z15)
				VPRORVD(Z15, half[1], Z15)
			}
			VPRORVD(half[0], half[1], half[1])
			if places == 2 {
				VPANDD(Z15, half[1], half[1])
			}
		}
		VPSLLD(Imm(16), Z14, Z14)
		VMOVDQU16(Z14, K2, Z13)
		VPTESTMW(one, Z13, K3)
		KMOVD(K3, to.As32())
	}
	// keep makes the last of as many characters as EBX says the last of
	// previous, and R11 the bits of the last two of R15.
	keep := func() {
		SHRXQ(RBX, R15, R11)
		ANDL(Imm(3), R11L)
		VPBROADCASTW(EBX, Z15)
		VPADDW(Z18, Z15, Z15)
		VPERMI2W(Z4, previous, Z15)
		VMOVDQA64(Z15, previous)
	}

	Label("wideBlock")
	CMPQ(RDX, Imm(66))
	JLT(LabelRef("wideLast"))
	VMOVDQU64(Mem{Base: RSI}, Z0)
	Label("wideLeads")
	VPANDQ(lowHalf, Z0, Z1)
	VPSHUFB(Z1, Z30, Z1)
	VPCMPEQB(Z1, Z0, K1)
	KMOVQ(K1, R12)
	TESTQ(R12, R12)
	JNZ(LabelRef("wideSome"))
	MOVL(U32(1), R10L)
	Label("wideNext")
	ADDQ(Imm(64), RSI)
	ADDQ(Imm(8), RDI)
	SUBQ(Imm(64), RDX)
	DECQ(RCX)
	JNZ(LabelRef("wideBlock"))
	VZEROUPPER()
	RET()

	Label("wideSome")
	TESTQ(R10, R10)
	JNZ(LabelRef("wideContext"))
	Label("wideReady")
	VPCMPB(greater, lastInner, Z0, K7, K1)
	KMOVQ(K1, R13)
	CMPQ(RDX, Imm(66))
	JLT(LabelRef("wideLastBytes"))
	VMOVDQU64(Mem{Base: RSI, Disp: 1}, Z1)
	VMOVDQU64(Mem{Base: RSI, Disp: 2}, Z2)
	Label("wideBytes")
	VPCOMPRESSB_Z(Z0, K1, Z0)
	VPCOMPRESSB_Z(Z1, K1, Z1)
	VPCOMPRESSB_Z(Z2, K1, Z2)
	PEXTQ(R13, R12, R12)

	Label("wideGroup")
	codes(Y0, Y1, Y2)
	bits(Z9, Z10, R8, R15, 1)
	Comment("Neighbours, and whether they are crossed")
	VALIGNQ(Imm(6), previous, Z4, Z11)
	VPALIGNR(Imm(14), Z11, Z4, Z11)
	VPSLLD(Imm(16), Z11, Z12)
	VPANDND(Z11, evenWords, Z11)
	VPORD(Z12, Z9, Z9)
	VPORD(Z11, Z10, Z10)
	VPMULLD(hash, Z9, Z9)
	VPMULLD(hash, Z10, Z10)
	VPSRLD(X31, Z9, Z9)
	VPSRLD(X31, Z10, Z10)
	bits(Z9, Z10, R9, RAX, 2)
	Comment("The cuts, as bits of characters and then of bytes")
	SHLQ(Imm(2), R15)
	ORQ(R11, R15)
	MOVQ(R15, RBX)
	SHRQ(Imm(1), RBX)
	ANDQ(R15, RBX)
	MOVQ(R15, R11)
	SHRQ(Imm(2), R11)
	ANDQ(R11, RBX)
	ANDNQ(RBX, RAX, RAX)
	ANDQ(R12, RAX)
	PDEPQ(R13, RAX, RAX)
	ORQ(RAX, Mem{Base: RDI})
	POPCNTQ(R13, RBX)
	CMPL(EBX, Imm(32))
	JHI(LabelRef("wideMore"))
	keep()
	JMP(LabelRef("wideNext"))

	Comment("Characters from the 32nd on")
	Label("wideMore")
	MOVL(U32(32), EBX)
	keep()
	MOVQ(I32(-1), RAX)
	SHLQ(Imm(32), RAX)
	PDEPQ(R13, RAX, R13)
	SHRQ(Imm(32), R12)
	VEXTRACTI64X4(Imm(1), Z0, Y0)
	VEXTRACTI64X4(Imm(1), Z1, Y1)
	VEXTRACTI64X4(Imm(1), Z2, Y2)
	JMP(LabelRef("wideGroup"))

	Comment("The two characters before the block, of which the last may reach into it")
	Label("wideContext")
	MOVL(U32(3), EAX)
	CMPQ(RDX, RAX)
	CMOVQLT(RDX, RAX)
	ADDL(Imm(8), EAX)
	MOVL(U32(0x7FF), EBX)
	BZHIL(EAX, EBX, EBX)
	KMOVD(EBX, K1)
	VMOVDQU8_Z(Mem{Base: RSI, Disp: -8}, K1, X3)
	VPSRLDQ(Imm(1), X3, X1)
	VPSRLDQ(Imm(2), X3, X2)
	VPCMPB(greater, lastInner.AsX(), X3, K1)
	KMOVD(K1, EAX)
	ANDL(Imm(0xFF), EAX)
	KMOVD(EAX, K1)
	VPCOMPRESSB_Z(X3, K1, X3)
	VPCOMPRESSB_Z(X1, K1, X1)
	VPCOMPRESSB_Z(X2, K1, X2)
	codes(Y3, Y1, Y2)
	bits(Z9, Z10, R8, R15, 1)
	SHLQ(Imm(2), R15)
	POPCNTL(EAX, EBX)
	keep()
	XORL(R10L, R10L)
	JMP(LabelRef("wideReady"))

	Comment("Less than a block and the two bytes behind it")
	Label("wideLast")
	MOVQ(I32(-1), RAX)
	BZHIQ(RDX, RAX, RAX)
	KMOVQ(RAX, K7)
	VMOVDQU8_Z(Mem{Base: RSI}, K7, Z0)
	JMP(LabelRef("wideLeads"))
	Label("wideLastBytes")
	MOVQ(I32(-1), RAX)
	LEAL(Mem{Base: RDX, Disp: -1}, EBX)
	BZHIQ(RBX, RAX, RAX)
	KMOVQ(RAX, K3)
	VMOVDQU8_Z(Mem{Base: RSI, Disp: 1}, K3, Z1)
	SHRQ(Imm(1), RAX)
	KMOVQ(RAX, K3)
	VMOVDQU8_Z(Mem{Base: RSI, Disp: 2}, K3, Z2)
	JMP(LabelRef("wideBytes"))
}
