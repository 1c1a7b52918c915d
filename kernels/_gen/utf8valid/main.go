// Command utf8valid prints kernels/utf8valid/utf8valid_amd64.s.
package main

import (
	"encoding/binary"
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const prose = `// UTF-8 validation of whole 32-byte blocks with AVX2, after J. Keiser and
// D. Lemire, "Validating UTF-8 in less than one instruction per byte" (2021).
//
// Algorithm. Whether two adjacent bytes can stand next to each other depends on
// three nibbles: both of the first byte, the high one of the second. Each nibble
// looks up (VPSHUFB) the set of errors it allows, one bit per kind of error; an
// error has happened iff all three allow it, that is iff the AND is not zero:
//
//	bit 0  a lead byte without the continuation it needs
//	bit 1  ASCII, then a continuation
//	bit 2  overlong, three bytes (e0 80...9f)
//	bit 3  above U+10FFFF (f4 90..., f5...)
//	bit 4  surrogate (ed a0...bf)
//	bit 5  overlong, two bytes (c0, c1)
//	bit 6  overlong, four bytes (f0 80...8f), or f5... 80...8f
//	bit 7  two continuations
//
// Two continuations are right, and needed, as the third byte of a sequence and
// as the fourth. A saturating subtraction of 0x60 leaves the top bit set of the
// bytes >= e0, one of 0x70 that of those >= f0: of the bytes two and three
// places back they say where bit 7 must be set, and XOR with it leaves errors.
// All errors are ORed up and tested once at the end.
//
// Blocks. The bytes one, two and three places back come from VPALIGNR of the
// block with its neighbour half; the block before the first is zero, as if ASCII.
// A sequence cut off by the end of the last block is no error here: the caller
// checks again from its lead byte.
//
// Shape of validAVX512. The same 64 bytes at a time, while there are as many, then
// the loop of validAVX2 over what is left.
//
// Registers. SI next byte, CX bytes left. Y0 block, Y1 block before, Y2 errors;
// Y3...Y8 scratch. Y9 low nibble mask, Y10...Y12 tables, Y13 0x60, Y14 0x70,
// Y15 0x80; Z16...Z22 these in every lane.
//
// Why it is safe. Blocks are loaded only while CX >= 32, or 64, at any alignment;
// nothing is written but the result, nothing is called, no stack is used. Prefetches
// beyond the text do nothing where there is no memory. VZEROUPPER before the return.

`

// ahead is how far ahead text is asked for, in bytes. Of several passes over a text
// this is the first, and what a CPU fetches by itself ends with the page.
const ahead = 2048

const (
	tooShort = 1 << iota
	tooLong
	overlong3
	tooLarge
	surrogate
	overlong2
	overlong4OrTooLarge
	twoContinuations
)

func main() {
	fmt.Print(prose)
	ConstraintExpr("!purego")

	vector := func(name string, bytes [32]byte) Mem {
		m := GLOBL(name, RODATA|NOPTR)
		for i := 0; i < 32; i += 8 {
			DATA(i, U64(binary.LittleEndian.Uint64(bytes[i:])))
		}
		return m
	}
	// table makes a vector of 16 entries, by nibble, for both lanes.
	table := func(name string, entry func(nibble int) byte) Mem {
		var bytes [32]byte
		for i := range bytes {
			bytes[i] = entry(i % 16)
		}
		return vector(name, bytes)
	}
	all := func(name string, b byte) Mem { return table(name, func(int) byte { return b }) }

	first := table("firstHigh", func(n int) byte {
		switch {
		case n < 8:
			return tooLong
		case n < 12:
			return twoContinuations
		case n == 12:
			return tooShort | overlong2
		case n == 13:
			return tooShort
		case n == 14:
			return tooShort | overlong3 | surrogate
		}
		return tooShort | tooLarge | overlong4OrTooLarge
	})
	low := table("firstLow", func(n int) byte {
		b := byte(tooShort | tooLong | twoContinuations)
		switch {
		case n == 0:
			b |= overlong2 | overlong3 | overlong4OrTooLarge
		case n == 1:
			b |= overlong2
		case n == 4:
			b |= tooLarge
		case n > 4:
			b |= tooLarge | overlong4OrTooLarge
		}
		if n == 13 {
			b |= surrogate
		}
		return b
	})
	second := table("secondHigh", func(n int) byte {
		const continuation = tooLong | overlong2 | twoContinuations
		switch n {
		case 8:
			return continuation | overlong3 | overlong4OrTooLarge
		case 9:
			return continuation | overlong3 | tooLarge
		case 10, 11:
			return continuation | surrogate | tooLarge
		}
		return tooShort
	})

	nibble, third, fourth, top := all("nibble", 0x0f), all("third", 0x60), all("fourth", 0x70), all("top", 0x80)
	// constants loads Y9...Y15.
	constants := func() {
		for i, m := range []Mem{nibble, first, low, second, third, fourth, top} {
			VMOVDQU(m, []VecPhysical{Y9, Y10, Y11, Y12, Y13, Y14, Y15}[i])
		}
	}
	// blocks goes on to the end, 32 bytes at a time.
	blocks := func(name string) {
		Label(name)
		CMPQ(RCX, Imm(32))
		JL(LabelRef(name + "Done"))
		VMOVDQU(Mem{Base: RSI}, Y0)
		PREFETCHT0(Mem{Base: RSI, Disp: ahead})
		Comment("Y3: the upper half of the block before, the lower half of this one.")
		VPERM2I128(Imm(0x21), Y0, Y1, Y3)
		VPALIGNR(Imm(15), Y3, Y0, Y4)
		VPALIGNR(Imm(14), Y3, Y0, Y5)
		VPALIGNR(Imm(13), Y3, Y0, Y6)
		Comment("Y7: errors that the three nibbles allow.")
		VPSRLW(Imm(4), Y4, Y7)
		VPAND(Y9, Y7, Y7)
		VPSHUFB(Y7, Y10, Y7)
		VPAND(Y9, Y4, Y4)
		VPSHUFB(Y4, Y11, Y4)
		VPAND(Y4, Y7, Y7)
		VPSRLW(Imm(4), Y0, Y8)
		VPAND(Y9, Y8, Y8)
		VPSHUFB(Y8, Y12, Y8)
		VPAND(Y8, Y7, Y7)
		Comment("Y5: where a third or fourth byte must be.")
		VPSUBUSB(Y13, Y5, Y5)
		VPSUBUSB(Y14, Y6, Y6)
		VPOR(Y6, Y5, Y5)
		VPAND(Y15, Y5, Y5)
		VPXOR(Y7, Y5, Y5)
		VPOR(Y5, Y2, Y2)
		VMOVDQA(Y0, Y1)
		ADDQ(Imm(32), RSI)
		SUBQ(Imm(32), RCX)
		JMP(LabelRef(name))

		Label(name + "Done")
		VPTEST(Y2, Y2)
		SETEQ(AL)
		Store(AL, ReturnIndex(0))
		VZEROUPPER()
		RET()
	}

	TEXT("validAVX2", NOSPLIT, "func(p *byte, n int) bool")
	Load(Param("p"), RSI)
	Load(Param("n"), RCX)
	VPXOR(Y1, Y1, Y1)
	VPXOR(Y2, Y2, Y2)
	constants()
	blocks("block")

	TEXT("validAVX512", NOSPLIT, "func(p *byte, n int) bool")
	Load(Param("p"), RSI)
	Load(Param("n"), RCX)
	VPXOR(Y1, Y1, Y1)
	VPXOR(Y2, Y2, Y2)
	constants()
	wide := []VecPhysical{Z16, Z17, Z18, Z19, Z20, Z21, Z22}
	for i, y := range []VecPhysical{Y9, Y10, Y11, Y12, Y13, Y14, Y15} {
		VSHUFI64X2(Imm(0x44), y.AsZ(), y.AsZ(), wide[i])
	}
	mask, firstTable, lowTable, secondTable, thirdLimit, fourthLimit, topBit := wide[0], wide[1], wide[2], wide[3], wide[4], wide[5], wide[6]
	Label("wide")
	CMPQ(RCX, Imm(64))
	JL(LabelRef("rest"))
	VMOVDQU64(Mem{Base: RSI}, Z0)
	PREFETCHT0(Mem{Base: RSI, Disp: ahead})
	Comment("Z3: the last 16 bytes of the block before, the first 48 of this one.")
	VALIGNQ(Imm(6), Z1, Z0, Z3)
	VPALIGNR(Imm(15), Z3, Z0, Z4)
	VPALIGNR(Imm(14), Z3, Z0, Z5)
	VPALIGNR(Imm(13), Z3, Z0, Z6)
	VPSRLW(Imm(4), Z4, Z7)
	VPANDQ(mask, Z7, Z7)
	VPSHUFB(Z7, firstTable, Z7)
	VPANDQ(mask, Z4, Z4)
	VPSHUFB(Z4, lowTable, Z4)
	VPSRLW(Imm(4), Z0, Z8)
	VPANDQ(mask, Z8, Z8)
	VPSHUFB(Z8, secondTable, Z8)
	VPTERNLOGQ(Imm(0x80), Z4, Z8, Z7)
	VPSUBUSB(thirdLimit, Z5, Z5)
	VPSUBUSB(fourthLimit, Z6, Z6)
	Comment("(Z5 or Z6) and 0x80, xor Z7.")
	VPTERNLOGQ(Imm(0xc8), Z6, topBit, Z5)
	VPTERNLOGQ(Imm(0xf6), Z7, Z5, Z2)
	VMOVDQA64(Z0, Z1)
	ADDQ(Imm(64), RSI)
	SUBQ(Imm(64), RCX)
	JMP(LabelRef("wide"))

	Label("rest")
	VEXTRACTI64X4(Imm(1), Z1, Y1)
	VEXTRACTI64X4(Imm(1), Z2, Y3)
	VPOR(Y3, Y2, Y2)
	blocks("last")

	Generate()
}
