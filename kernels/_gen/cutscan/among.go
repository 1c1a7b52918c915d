package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// pairMultiplier is that of Pairs.
const pairMultiplier = 0x9E3779B97F4A7C15

func amongAVX512() {
	TEXT("amongAVX512", NOSPLIT, "func(text *byte, places uint64, before uint32, bits *uint64, shift uint64) uint64")
	Load(Param("text"), RSI)
	Load(Param("places"), R13)
	Load(Param("before"), EAX)
	Load(Param("bits"), R9)
	Load(Param("shift"), RDX)
	previous, multiplier, one := Z17, Z18, Z19
	VPBROADCASTD(EAX, previous)
	VMOVQ(RDX, X16)
	MOVQ(U64(pairMultiplier), RAX)
	VPBROADCASTQ(RAX, multiplier)
	VPBROADCASTD(dword(1), one)
	two, three, four := Z20, Z21, Z22
	VPBROADCASTD(dword(0xC0), two)
	VPBROADCASTD(dword(0xE0), three)
	VPBROADCASTD(dword(0xF0), four)
	KMOVQ(R13, K1)
	chars := []VecPhysical{Z0, Z1, Z2, Z3}
	for i, z := range chars {
		VMOVDQU64(Mem{Base: RSI, Disp: i}, z)
		VPCOMPRESSB_Z(z, K1, z)
	}
	POPCNTQ(R13, RBX)
	XORL(ECX, ECX)
	XORL(R8L, R8L)

	Label("amongSixteen")
	VPMOVZXBD(X0, Z4)
	VPCMPUD(atLeast, two, Z4, K2)
	VPCMPUD(atLeast, three, Z4, K3)
	VPCMPUD(atLeast, four, Z4, K4)
	for i, k := range []OpmaskPhysical{K2, K3, K4} {
		VPMOVZXBD_Z(chars[i+1].AsX(), k, Z5)
		VPSLLD(Imm(uint64(8*(i+1))), Z5, Z5)
		VPORD(Z5, Z4, Z4)
	}
	VALIGND(Imm(15), previous, Z4, Z6)
	VMOVDQA64(Z4, previous)
	Comment("Hashes of the pairs")
	half := func(z VecPhysical, char, left VecPhysical) {
		VPMOVZXDQ(char, z)
		VPMOVZXDQ(left, Z9)
		VPSLLQ(Imm(32), Z9, Z9)
		VPORQ(Z9, z, z)
		VPMULLQ(multiplier, z, z)
		VPSRLQ(X16, z, z)
	}
	half(Z7, Y4, Y6)
	VEXTRACTI64X4(Imm(1), Z4, Y4)
	VEXTRACTI64X4(Imm(1), Z6, Y6)
	half(Z8, Y4, Y6)
	VPMOVQD(Z7, Y7)
	VPMOVQD(Z8, Y8)
	VINSERTI64X4(Imm(1), Y8, Z7, Z7)
	VPSRLD(Imm(5), Z7, Z8)
	VPXORQ(Z9, Z9, Z9)
	KXNORW(K6, K6, K6)
	VPGATHERDD(Mem{Base: R9, Index: Z8, Scale: 4}, K6, Z9)
	VPRORVD(Z7, Z9, Z9)
	VPTESTMD(one, Z9, K2)
	KMOVW(K2, EAX)
	SHLXQ(RCX, RAX, RAX)
	ORQ(RAX, R8)
	ADDL(Imm(16), ECX)
	CMPL(ECX, EBX)
	JGE(LabelRef("amongDone"))
	for _, z := range chars {
		VALIGNQ(Imm(2), z, z, z)
	}
	JMP(LabelRef("amongSixteen"))
	Label("amongDone")
	PDEPQ(R13, R8, R8)
	Store(R8, ReturnIndex(0))
	VZEROUPPER()
	RET()
}
