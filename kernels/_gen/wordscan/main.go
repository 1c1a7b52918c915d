// Command wordscan prints kernels/wordscan/wordscan_amd64.s.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const prose = `// Masks of ASCII letters and digits and of bytes >= 0x80, and the text in ASCII
// lower case, 64 bytes at a time with AVX2.
//
// Algorithm. AVX2 compares bytes as signed numbers only, so a range test
// first adds (modulo 256) what moves the range to the most negative numbers:
// x + 63 takes 'A'...'Z' to -128...-103, and no other byte there, so x is upper
// case iff -102 > x + 63. Upper case gets bit 0x20. The same on the result with
// 31 finds all letters, and x + 80 with -118 the digits. VPMOVMSKB turns the OR
// of both into one bit per byte; of x itself it is the mask of bytes >= 0x80.
//
// Registers. SI text, DI lower, R8 word, R9 high, CX blocks left; they advance
// by one block per turn. Y8 63, Y9 31, Y10 80, Y11 -102, Y12 -118, Y13 0x20.
// Y0...Y2 the first half of the block, Y3...Y5 the second; AX, BX, DX, R10 mask
// halves.
//
// Tail. None: the Go side hands over whole blocks.
//
// Why it is safe. Reads 64*blocks bytes at text, writes as many at lower and
// 8*blocks at word and at high. A block is read whole before it is written, so
// lower may be text. Loads and stores are unaligned (VMOVDQU). Nothing is
// called, no stack is used. VZEROUPPER before the return, so that SSE code of
// the caller does not pay for dirty upper halves.

`

func main() {
	fmt.Print(prose)
	ConstraintExpr("!purego")

	table := func(name string, b byte) Mem {
		m := GLOBL(name, RODATA|NOPTR)
		for i := 0; i < 32; i += 8 {
			DATA(i, U64(0x0101010101010101*uint64(b)))
		}
		return m
	}
	constants := []struct {
		value Mem
		reg   VecPhysical
	}{
		{table("fromUpper", 0x80-'A'), Y8},
		{table("fromLower", 0x80-'a'), Y9},
		{table("fromDigit", 0x80-'0'), Y10},
		{table("pastLetters", 0x80+26), Y11},
		{table("pastDigits", 0x80+10), Y12},
		{table("caseBit", 0x20), Y13},
	}

	TEXT("scanAVX2", NOSPLIT, "func(lower *byte, word, high *uint64, text *byte, blocks int)")
	Load(Param("lower"), RDI)
	Load(Param("word"), R8)
	Load(Param("high"), R9)
	Load(Param("text"), RSI)
	Load(Param("blocks"), RCX)
	for _, c := range constants {
		VMOVDQU(c.value, c.reg)
	}

	// half leaves the lower case of x in x, its word mask in word and its mask
	// of high bytes in high.
	half := func(x, a, b VecPhysical, word, high GPPhysical) {
		VPMOVMSKB(x, high)
		Comment("Digits")
		VPADDB(x, Y10, a)
		VPCMPGTB(a, Y12, a)
		Comment("Lower case")
		VPADDB(x, Y8, b)
		VPCMPGTB(b, Y11, b)
		VPAND(b, Y13, b)
		VPOR(b, x, x)
		Comment("Letters")
		VPADDB(x, Y9, b)
		VPCMPGTB(b, Y11, b)
		VPOR(a, b, b)
		VPMOVMSKB(b, word)
	}

	Label("block")
	VMOVDQU(Mem{Base: RSI}, Y0)
	VMOVDQU(Mem{Base: RSI, Disp: 32}, Y3)
	half(Y0, Y1, Y2, EAX, EDX)
	half(Y3, Y4, Y5, EBX, R10L)
	VMOVDQU(Y0, Mem{Base: RDI})
	VMOVDQU(Y3, Mem{Base: RDI, Disp: 32})
	SHLQ(Imm(32), RBX)
	ORQ(RBX, RAX)
	MOVQ(RAX, Mem{Base: R8})
	SHLQ(Imm(32), R10)
	ORQ(R10, RDX)
	MOVQ(RDX, Mem{Base: R9})
	ADDQ(Imm(64), RSI)
	ADDQ(Imm(64), RDI)
	ADDQ(Imm(8), R8)
	ADDQ(Imm(8), R9)
	DECQ(RCX)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()

	Generate()
}
