package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// words16 puts 32 words of 16 bits into a constant.
func words16(name string, word func(i int) uint16) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i := 0; i < 32; i += 4 {
		DATA(2*i, U64(uint64(word(i))|uint64(word(i+1))<<16|uint64(word(i+2))<<32|uint64(word(i+3))<<48))
	}
	return m
}

// bytes8 puts 64 bytes into a constant.
func bytes8(name string, b func(i int) byte) Mem {
	return words16(name, func(i int) uint16 { return uint16(b(2*i)) | uint16(b(2*i+1))<<8 })
}

func flatten512() {
	places := bytes8("blockPlaces", func(i int) byte { return byte(i) })
	block := words16("block", func(int) uint16 { return 64 })

	TEXT("flattenAVX512", NOSPLIT, "func(positions *int16, starts *uint64, blocks int) (n int)")
	Load(Param("positions"), RDI)
	Load(Param("starts"), RSI)
	Load(Param("blocks"), RCX)
	XORL(EBX, EBX)
	VPXOR(X15, X15, X15)
	VMOVDQU64(places, Z14)
	VMOVDQU64(block, Z13)

	Label("block")
	KMOVQ(Mem{Base: RSI}, K1)
	POPCNTQ(Mem{Base: RSI}, RAX)
	VPCOMPRESSB_Z(Z14, K1, Z0)
	VPMOVZXBW(Y0, Z1)
	VPADDW(Z15, Z1, Z1)
	VMOVDQU64(Z1, at(RDI, RBX, 2))
	CMPL(EAX, Imm(32))
	JBE(LabelRef("whole"))
	VEXTRACTI64X4(Imm(1), Z0, Y0)
	VPMOVZXBW(Y0, Z1)
	VPADDW(Z15, Z1, Z1)
	VMOVDQU64(Z1, at(RDI, RBX, 2).Offset(64))
	Label("whole")
	VPADDW(Z13, Z15, Z15)
	ADDQ(RAX, RBX)
	ADDQ(Imm(8), RSI)
	DECQ(RCX)
	JNZ(LabelRef("block"))
	Store(RBX, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

func partition512() {
	longest := words16("longestShort512", func(int) uint16 { return 15 })

	TEXT("partitionAVX512", NOSPLIT, "func(positions, shortStart, shortSize, wideStart, wideSize *int16, n, least int) (short, wide int)")
	Load(Param("positions"), RSI)
	Load(Param("shortStart"), RDI)
	Load(Param("shortSize"), R8)
	Load(Param("wideStart"), R9)
	Load(Param("wideSize"), R10)
	Load(Param("n"), RCX)
	Load(Param("least"), RAX)
	Comment("Behind the places, the last again")
	LEAQ(at(RSI, RCX, 2), RCX)
	VPBROADCASTW(Mem{Base: RCX}, Z0)
	VMOVDQU64(Z0, Mem{Base: RCX, Disp: 2})
	Comment("A key is listed if larger than least-1")
	DECL(EAX)
	VPBROADCASTW(EAX, Z14)
	VMOVDQU64(longest, Z15)
	XORL(EBX, EBX)
	XORL(R12L, R12L)

	Label("many")
	VMOVDQU64(Mem{Base: RSI}, Z0)
	VMOVDQU64(Mem{Base: RSI, Disp: 2}, Z1)
	VPSUBW(Z0, Z1, Z1)
	VPCMPGTW(Z14, Z1, K1)
	VPCMPGTW(Z15, Z1, K2)
	KANDND(K1, K2, K3)
	KMOVD(K3, EAX)
	VPCOMPRESSW_Z(Z0, K3, Z2)
	VPCOMPRESSW_Z(Z1, K3, Z3)
	VMOVDQU64(Z2, at(RDI, RBX, 2))
	VMOVDQU64(Z3, at(R8, RBX, 2))
	POPCNTL(EAX, EAX)
	ADDQ(RAX, RBX)
	KMOVD(K2, EAX)
	TESTL(EAX, EAX)
	JZ(LabelRef("noneWide"))
	VPCOMPRESSW_Z(Z0, K2, Z2)
	VPCOMPRESSW_Z(Z1, K2, Z3)
	VMOVDQU64(Z2, at(R9, R12, 2))
	VMOVDQU64(Z3, at(R10, R12, 2))
	POPCNTL(EAX, EAX)
	ADDQ(RAX, R12)
	Label("noneWide")
	ADDQ(Imm(64), RSI)
	CMPQ(RSI, RCX)
	JB(LabelRef("many"))
	Store(RBX, ReturnIndex(0))
	Store(R12, ReturnIndex(1))
	VZEROUPPER()
	RET()
}

// fillShort512 fills four keys at once.
func fillShort512() {
	bytes := bytes8("laneBytes", func(i int) byte { return byte(i % 16) })
	sizes := bytes8("laneSizes", func(i int) byte { return byte(i / 16 * 2) })
	heads := GLOBL("laneHeads", RODATA|NOPTR)
	DATA(0, U64(0x0000000400000000))
	DATA(8, U64(0x0000000C00000008))

	TEXT("fillShortAVX512", NOSPLIT, "func(key *uint64, place *uint32, text *byte, base int, start, size *int16, n int, table *uint64, mask uint32)")
	Load(Param("key"), RDI)
	Load(Param("place"), R8)
	Load(Param("text"), RSI)
	Load(Param("base"), RAX)
	ADDQ(RAX, RSI)
	Load(Param("start"), R9)
	Load(Param("size"), R10)
	Load(Param("n"), RCX)
	Load(Param("table"), R11)
	Load(Param("mask"), R12)
	Comment("The last key again, up to a multiple of four")
	MOVWLZX(at(R9, RCX, 2).Offset(-2), EAX)
	MOVWLZX(at(R10, RCX, 2).Offset(-2), EDX)
	for i := range 3 {
		MOVW(AX, at(R9, RCX, 2).Offset(2*i))
		MOVW(DX, at(R10, RCX, 2).Offset(2*i))
	}
	VBROADCASTI32X4(constants.round, Z15)
	VMOVDQU64(bytes, Z14)
	VMOVDQU64(sizes, Z13)
	VMOVDQU(heads, X12)
	VPBROADCASTD(R12L, X11)
	VPTERNLOGQ(U8(0xFF), Z10, Z10, Z10)
	XORL(EBX, EBX)

	Label("four")
	Comment("Loads are what there are most of: four starts at once")
	MOVQ(at(R9, RBX, 2), R14)
	MOVWQSX(R14W, RAX)
	RORXQ(Imm(16), R14, RDX)
	MOVWQSX(DX, RDX)
	RORXQ(Imm(32), R14, R13)
	MOVWQSX(R13W, R13)
	SARQ(Imm(48), R14)
	VMOVDQU(at(RSI, RAX, 1), X0)
	VINSERTI128(Imm(1), at(RSI, RDX, 1), Y0, Y0)
	VINSERTI32X4(Imm(2), at(RSI, R13, 1), Z0, Z0)
	VINSERTI32X4(Imm(3), at(RSI, R14, 1), Z0, Z0)
	Comment("Bytes before the size, complemented")
	VPBROADCASTQ(at(R10, RBX, 2), Z1)
	VPSHUFB(Z13, Z1, Z1)
	VPCMPUB(Imm(6), Z14, Z1, K1)
	VPSUBB_Z(Z0, Z10, K1, Z0)
	VMOVDQU64(Z0, Mem{Base: RDI})
	VAESENC(Z15, Z0, Z1)
	VAESENC(Z15, Z1, Z1)
	VPERMD(Z1, Z12, Z1)
	VPAND(X11, X1, X1)
	VMOVDQU(X1, at(R8, RBX, 4))
	VMOVQ(X1, RAX)
	VPEXTRQ(Imm(1), X1, R13)
	for _, r := range []GPPhysical{RAX, R13} {
		MOVL(r.As32(), EDX)
		SHRQ(Imm(32), r)
		PREFETCHT0(at(R11, RDX, 1))
		PREFETCHT0(at(R11, r, 1))
	}
	ADDQ(Imm(64), RDI)
	ADDQ(Imm(4), RBX)
	CMPQ(RBX, RCX)
	JB(LabelRef("four"))
	VZEROUPPER()
	RET()
}
