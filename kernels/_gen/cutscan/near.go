package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

var around = []int{1, 2, 5, -1, -2, -4}

func nearAVX2() {
	TEXT("nearAVX2", NOSPLIT, "func(near, places *uint64, text *byte, blocks int, halves *[6][2][16]byte)")
	Load(Param("near"), RDI)
	Load(Param("places"), RDX)
	Load(Param("text"), RSI)
	Load(Param("blocks"), RCX)
	Load(Param("halves"), R8)
	VPBROADCASTD(dword(0x0F0F0F0F), Y15)
	VPXOR(Y14, Y14, Y14)

	Label("nearBlock")
	MOVQ(Mem{Base: RDX}, R9)
	TESTQ(R9, R9)
	JZ(LabelRef("nearNext"))
	for i, from := range around {
		VBROADCASTI128(Mem{Base: R8, Disp: 32 * i}, Y0)
		VBROADCASTI128(Mem{Base: R8, Disp: 32*i + 16}, Y1)
		for half := range 2 {
			VMOVDQU(Mem{Base: RSI, Disp: from + 32*half}, Y2)
			VPAND(Y15, Y2, Y3)
			VPSRLW(Imm(4), Y2, Y2)
			VPAND(Y15, Y2, Y2)
			VPSHUFB(Y3, Y0, Y3)
			VPSHUFB(Y2, Y1, Y2)
			sum := []VecPhysical{Y4, Y5, Y6, Y7}[i/3*2+half]
			if i%3 == 0 {
				VPAND(Y2, Y3, sum)
				continue
			}
			VPAND(Y2, Y3, Y3)
			VPAND(Y3, sum, sum)
		}
	}
	Comment("Where there is none")
	VPOR(Y6, Y4, Y4)
	VPOR(Y7, Y5, Y5)
	VPCMPEQB(Y14, Y4, Y4)
	VPCMPEQB(Y14, Y5, Y5)
	VPMOVMSKB(Y4, EAX)
	VPMOVMSKB(Y5, EBX)
	SHLQ(Imm(32), RBX)
	ORQ(RBX, RAX)
	ANDNQ(R9, RAX, R9)
	Label("nearNext")
	MOVQ(R9, Mem{Base: RDI})
	ADDQ(Imm(64), RSI)
	ADDQ(Imm(8), RDI)
	ADDQ(Imm(8), RDX)
	DECQ(RCX)
	JNZ(LabelRef("nearBlock"))
	VZEROUPPER()
	RET()
}

func nearAVX512() {
	TEXT("nearAVX512", NOSPLIT, "func(near, places *uint64, text *byte, blocks int, halves *[6][2][16]byte)")
	Load(Param("near"), RDI)
	Load(Param("places"), RDX)
	Load(Param("text"), RSI)
	Load(Param("blocks"), RCX)
	Load(Param("halves"), R8)
	VPBROADCASTD(dword(0x0F0F0F0F), Z15)
	tables := []VecPhysical{Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z24, Z25, Z26, Z27}
	for i, table := range tables {
		VBROADCASTI32X4(Mem{Base: R8, Disp: 16 * i}, table)
	}

	Label("nearWide")
	MOVQ(Mem{Base: RDX}, R9)
	TESTQ(R9, R9)
	JZ(LabelRef("nearWideNext"))
	for i, from := range around {
		VMOVDQU64(Mem{Base: RSI, Disp: from}, Z2)
		VPANDQ(Z15, Z2, Z3)
		VPSRLW(Imm(4), Z2, Z2)
		VPANDQ(Z15, Z2, Z2)
		VPSHUFB(Z3, tables[2*i], Z3)
		VPSHUFB(Z2, tables[2*i+1], Z2)
		sum := []VecPhysical{Z4, Z5}[i/3]
		if i%3 == 0 {
			VPANDQ(Z2, Z3, sum)
		} else {
			VPTERNLOGQ(Imm(0x80), Z2, Z3, sum)
		}
	}
	VPORQ(Z5, Z4, Z4)
	VPTESTMB(Z4, Z4, K1)
	KMOVQ(K1, RAX)
	ANDQ(RAX, R9)
	Label("nearWideNext")
	MOVQ(R9, Mem{Base: RDI})
	ADDQ(Imm(64), RSI)
	ADDQ(Imm(8), RDI)
	ADDQ(Imm(8), RDX)
	DECQ(RCX)
	JNZ(LabelRef("nearWide"))
	VZEROUPPER()
	RET()
}
