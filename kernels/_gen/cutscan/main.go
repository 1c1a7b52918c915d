// Command cutscan prints kernels/cutscan/cutscan_amd64.s.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const prose = `// Places between characters where UTF-8 text can be cut, 64 bytes at a time with
// AVX2.
//
// Algorithm. A lead byte is in the set if it is what VPSHUFB finds at its last four
// bits; a block without any is passed over. Of other blocks characters are
// decoded, in the order of the text: all of them, 8 at a time, whose starts are found by
// TZCNT in a mask of what is no continuation byte; or with AVX-512 those beyond ASCII,
// all at once, where VPCOMPRESSB puts their first, second and third bytes side by
// side, and the bytes before them. With AVX2 the upper half of the lead byte gives what to keep of the bytes and
// the powers of two that VPMADDUBSW and VPMADDWD add them up with; with AVX-512 all
// three lengths are made, and one is chosen by comparing. A character of four bytes
// becomes a surrogate, which may not stand beside a cut. Bits of both sets of the
// table are gathered as double words and shifted by their numbers; neighbours have two
// numbers, one behind the other, and the bits are ANDed. Whether ASCII may stand
// beside a cut VPERMI2B tells of all bytes with AVX-512. What is then known
// is one bit for each character: that of it and of those before, shifted by one
// and two, are ANDed. PEXT brings masks from bytes to characters,
// PDEP the result back.
//
// near loads a block six times, from the bytes around its places, and ANDs what
// VPSHUFB finds for both halves of each byte, three times for what begins and for
// what ends; where either is not zero, and a place is, there is one to be told of.
// Blocks without places are passed over.
//
// among, of AVX-512 alone, puts the four bytes from the places on side by side, as
// scan does; of sixteen characters at a time those beyond their lengths are cleared.
// VALIGND puts the one before beside each; VPMULLQ hashes eight pairs.
//
// Two bits and the last character are left to the next block; behind blocks that
// were passed over they are made of the last 8 bytes, in which there are always two
// characters.
//
// Registers. SI text, DI starts, CX blocks left, R8 beside, R9 crossed, X15 or X31
// shift less 5, R10 not 0 if the characters before have to be looked for, R11 their two bits, R12
// mask of lead bytes, R13 of characters; AX, BX temporary. AVX2: R14 characters to
// go, BX characters done, DX and R15 their bits; Y9 the last characters (the last one
// last), Y10...Y14 constants, Y4 characters, Y0...Y5 temporary. AVX-512: DX
// bytes left of the text, R13 mask of all characters, R14 of those beyond ASCII, R15 bits of
// beside; Z17 the last of these, Z18...Z30 constants, Z0...Z3 bytes of characters and before
// them, Z4 characters as words, Z5 those before, Z6...Z13 temporary; K2 and K7 bytes that
// there are, from the one before the block on and of the block.
//
// near: DI near, DX places, SI text, CX blocks left, R8 tables; Y15 the lower half of
// bytes, Y0, Y1 tables, Y2, Y3 temporary, Y4...Y7 what begins and ends in the halves of
// the block; AX, BX, R9 bits. AVX-512: tables in Z16...Z27, Z4, Z5 what begins and ends.
//
// among: SI text, R13 places, BX their number, CX those done, R8 their bits, R9 the set;
// Z0...Z3 bytes of characters, Z4 characters, Z6 those before, Z5, Z7...Z9 temporary,
// X16 shift, Z17...Z22 the last characters and constants.
//
// Tail. AVX2: none, the Go side hands over whole blocks. AVX-512 loads no more than
// there is.
//
// Why it is safe. AVX2 reads 64*blocks + 4 bytes at text; AVX-512 as many as it is
// told, by masks. Both read 8 bytes before, if there is text there;
// near 4 before and 5 past its blocks; among 67 bytes of the 72 at text. Writes 8*blocks
// at starts, or near. A character is below 0x10000 whatever its bytes are, which is within beside;
// a double word of crossed is below 2^(27-shift), as they are; one of pairs is that of
// the highest bits of a hash, as many as the set has numbers. VPGATHERDD takes numbers of
// double words as signed: they are below 2^27. Loads and stores are unaligned.
// Nothing is called, no stack is used. R14 may be used since it is saved by who
// calls assembly. VZEROUPPER before the return, so that SSE code of the caller does
// not pay for dirty upper halves.

`

// multiplier is that of Place.
const multiplier = 0x9E3779B1

var dwords = map[uint32]Mem{}

// dword is a constant in memory.
func dword(value uint32) Mem {
	m, ok := dwords[value]
	if !ok {
		m = GLOBL(fmt.Sprintf("dword%08x", value), RODATA|NOPTR)
		DATA(0, U32(value))
		dwords[value] = m
	}
	return m
}

// eight is 8 dwords in memory.
func eight(name string, value func(i int) uint32) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i := range 8 {
		DATA(4*i, U32(value(i)))
	}
	return m
}

func main() {
	fmt.Print(prose)
	ConstraintExpr("!purego")
	scanAVX2()
	scanAVX512()
	nearAVX2()
	nearAVX512()
	amongAVX512()
	Generate()
}

// byLead is 8 dwords by bits 4 to 6 of a lead byte: of two bytes, which are two
// of them, three and four. Those of ASCII are not used.
func byLead(name string, two, three, four uint32) Mem {
	return eight(name, func(i int) uint32 { return [8]uint32{4: two, 5: two, 6: three, 7: four}[i] })
}

func scanAVX2() {
	TEXT("scanAVX2", NOSPLIT, "func(starts *uint64, text *byte, blocks, behind int, beside, crossed *uint64, shift uint32, leads *byte)")
	Load(Param("starts"), RDI)
	Load(Param("text"), RSI)
	Load(Param("blocks"), RCX)
	Load(Param("behind"), R10)
	Load(Param("beside"), R8)
	Load(Param("crossed"), R9)
	Load(Param("shift"), EAX)
	VMOVD(EAX, X15)
	Load(Param("leads"), RAX)
	VBROADCASTI128(Mem{Base: RAX}, Y14)

	shift, leads := X15, Y14
	masks, first, second := byLead("leadMasks", 0x3F1F, 0x3F3F0F, 0xF0), byLead("leadBytes", 0x0140, 0x00010140, 58), byLead("leadWords", 1, 1<<16|64, 4)
	lane := eight("lanes", func(i int) uint32 { return uint32(i) })
	constants := []struct {
		value uint32
		reg   VecPhysical
	}{{0x0F0F0F0F, Y13}, {0xBFBFBFBF, Y12}, {multiplier, Y11}, {31, Y10}}
	for _, c := range constants {
		VPBROADCASTD(dword(c.value), c.reg)
	}
	lowHalf, lastInner, hash, thirtyOne := Y13, Y12, Y11, Y10
	previous := Y9
	VPXOR(previous, previous, previous)
	XORL(R11L, R11L)

	// codes leaves in Y4 the 8 characters at the first bits of R14 from base on,
	// or fewer and what is 64 bytes from there, and takes the bits away.
	codes := func(base Mem) {
		base.Index, base.Scale = RAX, 1
		next := func() Mem {
			TZCNTQ(R14, RAX)
			BLSRQ(R14, R14)
			return base
		}
		four := func(to VecPhysical) {
			VMOVD(next(), to)
			for i := range 3 {
				VPINSRD(Imm(uint64(i+1)), next(), to, to)
			}
		}
		four(X1)
		four(X0)
		VINSERTI128(Imm(1), X0, Y1, Y1)
		VPSRLD(Imm(4), Y1, Y2)
		VPERMD(masks, Y2, Y3)
		VPAND(Y1, Y3, Y3)
		VPERMD(first, Y2, Y4)
		VPMADDUBSW(Y4, Y3, Y3)
		VPERMD(second, Y2, Y4)
		VPMADDWD(Y4, Y3, Y3)
		Comment("ASCII instead")
		VPSLLD(Imm(24), Y1, Y1)
		VPSRLD(Imm(24), Y1, Y4)
		VBLENDVPS(Y1, Y3, Y4, Y4)
	}
	// bits leaves 8 bits of a set, by one or two places, in a register.
	bits := func(numbers VecPhysical, set, to GPPhysical, places int) {
		VPSRLD(Imm(uint64(5*places)), numbers, Y0)
		VPCMPEQD(Y2, Y2, Y2)
		VPXOR(Y1, Y1, Y1)
		VPGATHERDD(Y2, Mem{Base: set, Index: Y0, Scale: 4}, Y1)
		VPANDN(thirtyOne, numbers, Y0)
		VPSLLVD(Y0, Y1, Y2)
		if places == 2 {
			VPSRLD(Imm(5), numbers, Y0)
			VPANDN(thirtyOne, Y0, Y0)
			VPSLLVD(Y0, Y1, Y1)
			VPAND(Y1, Y2, Y2)
		}
		VMOVMSKPS(Y2, to)
	}
	// keep makes the last of previous the last of as many of Y4 as EBX says.
	keep := func() {
		VMOVD(EBX, X0)
		VPBROADCASTD(X0, Y0)
		VPADDD(lane, Y0, Y0)
		VPERMD(Y4, Y0, previous)
	}
	// mask leaves the sign bits of two halves.
	mask := func(a, b VecPhysical, to GPPhysical) {
		VPMOVMSKB(a, to)
		VPMOVMSKB(b, EAX)
		SHLQ(Imm(32), RAX)
		ORQ(RAX, to.As64())
	}

	Label("block")
	VMOVDQU(Mem{Base: RSI}, Y0)
	VMOVDQU(Mem{Base: RSI, Disp: 32}, Y1)
	VPAND(lowHalf, Y0, Y2)
	VPAND(lowHalf, Y1, Y3)
	VPSHUFB(Y2, leads, Y2)
	VPSHUFB(Y3, leads, Y3)
	VPCMPEQB(Y0, Y2, Y2)
	VPCMPEQB(Y1, Y3, Y3)
	mask(Y2, Y3, R12L)
	TESTQ(R12, R12)
	JNZ(LabelRef("some"))
	MOVL(U32(1), R10L)
	Label("next")
	ADDQ(Imm(64), RSI)
	ADDQ(Imm(8), RDI)
	DECQ(RCX)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()

	Label("some")
	VPCMPGTB(lastInner, Y0, Y0)
	VPCMPGTB(lastInner, Y1, Y1)
	mask(Y0, Y1, R13L)
	TESTQ(R10, R10)
	JNZ(LabelRef("context"))
	Comment("DX may stand beside a cut, R15 crossed")
	Label("ready")
	MOVQ(R13, R14)
	XORL(EDX, EDX)
	XORL(R15L, R15L)
	XORL(EBX, EBX)

	Label("group")
	codes(Mem{Base: RSI})
	bits(Y4, R8, EAX, 1)
	SHLXQ(RBX, RAX, RAX)
	ORQ(RAX, RDX)
	VPERM2I128(Imm(0x21), Y4, previous, Y5)
	VPALIGNR(Imm(12), Y5, Y4, Y5)
	VMOVDQA(Y4, previous)
	VPSLLD(Imm(16), Y5, Y5)
	VPOR(Y4, Y5, Y5)
	VPMULLD(hash, Y5, Y5)
	VPSRLD(shift, Y5, Y5)
	bits(Y5, R9, EAX, 2)
	SHLXQ(RBX, RAX, RAX)
	ORQ(RAX, R15)
	ADDL(Imm(8), EBX)
	TESTQ(R14, R14)
	JNZ(LabelRef("group"))

	Comment("The cuts, as bits of characters and then of bytes")
	PEXTQ(R13, R12, R12)
	ANDNQ(R12, R15, R12)
	ANDQ(RDX, R12)
	LEAQ(Mem{Base: R11, Index: RDX, Scale: 4}, R15)
	ANDQ(R15, R12)
	SHRQ(Imm(1), R11)
	LEAQ(Mem{Base: R11, Index: RDX, Scale: 2}, R15)
	ANDQ(R15, R12)
	PDEPQ(R13, R12, R12)
	ORQ(R12, Mem{Base: RDI})
	Comment("The last two")
	POPCNTQ(R13, RBX)
	LEAL(Mem{Base: RBX, Disp: -2}, EAX)
	SHRXQ(RAX, RDX, R11)
	ANDL(Imm(3), R11L)
	keep()
	JMP(LabelRef("next"))

	Comment("The two characters before the block, of which the last may reach into it")
	Label("context")
	VMOVQ(Mem{Base: RSI, Disp: -8}, X0)
	VPCMPGTB(lastInner.AsX(), X0, X0)
	VPMOVMSKB(X0, EAX)
	ANDL(Imm(0xFF), EAX)
	MOVL(EAX, R14L)
	POPCNTL(EAX, EBX)
	codes(Mem{Base: RSI, Disp: -8})
	bits(Y4, R8, R11L, 1)
	SHLL(Imm(2), R11L)
	SHRXL(EBX, R11L, R11L)
	ANDL(Imm(3), R11L)
	keep()
	XORL(R10L, R10L)
	JMP(LabelRef("ready"))
}
