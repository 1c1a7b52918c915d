// Command classmask prints kernels/classmask/classmask_amd64.s.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const prose = `// Masks of character classes of UTF-8, 64 bytes at a time with AVX2.
//
// Algorithm. ASCII classes are comparisons. AVX2 compares bytes as signed numbers
// only, so a range test first adds (modulo 256) what moves the range to the most
// negative numbers: x + 63 takes 'A'...'Z' to -128...-103, and no other byte
// there, so x is upper case iff -102 > x + 63. VPMOVMSKB turns each comparison
// into one bit per byte, of x itself into the mask of bytes >= 0x80. The signs
// are what is between ' ' and DEL and neither letter nor digit.
//
// A block with bytes >= 0x80 goes on: the lead bytes of characters of three, four
// and two bytes are walked over by their masks. A character's row in the table is
// its number without the last six bits, which come from the last byte; its class
// goes to all of its bytes in a buffer. VPMOVMSKB of the buffer, shifted left bit by
// bit, gives the masks. What is written behind the 64 bytes belongs to the next
// block: that is the state.
//
// With AVX-512 comparisons give masks, of unsigned numbers too. And most
// characters are not walked over: of three-byte characters the first byte tells
// the class, but for a range of second bytes (Han, Hangul); of two-byte ones with
// a first byte from 0xD0 on there are two ranges of second bytes with a class each
// (Cyrillic). VPSHUFB looks these up by the lower half of the first byte. Of the
// three-byte characters in that range most are in a few windows (punctuation, kana,
// wide forms), of which VPERMB and VPERMI2B look up the last bits of a character. The
// classes of first bytes are moved on to the other bytes by VALIGNQ, which puts
// 16-byte lanes, and VPALIGNR, which puts bytes, behind those of the block before.
//
// Registers. SI text, DI dst, DX blocks left, R8 rows, R9 classes, R10 state; SI
// and DI advance by one block per turn. R11 the mask of bytes >= 0x80, R12, R13,
// R15 of the characters to walk over; AX, BX, CX temporary. AVX2: Y0, Y1 the
// block, Y2, Y3 comparisons, Y4...Y14 constants, Y15 temporary. AVX-512: Z0 the
// block, Z2...Z10 and Z24...Z27 constants, R14 quick, Z16...Z22 its tables by lower halves, Z23
// 0x0F; Z28 and Z29 the quick classes of the first bytes of the block before, of
// all and of three-byte characters; Z1, Z11...Z15, Z30, Z31 temporary.
//
// Tail. None: the Go side hands over whole blocks.
//
// Why it is safe. Reads 64*blocks + 3 bytes at text, writes 112*blocks at dst.
// Row numbers: of two-byte characters 0...31; of three-byte ones, with a second
// byte that may be anything, -128...1087, inside the guards; of four-byte ones
// they are brought down to the last row but the guard. Rows begin at least 128
// classes from either end, and a last byte that may be anything moves by -128...127
// from there. Loads and stores are unaligned. Nothing is called; 72 bytes of stack
// are used. R14 may be used since it is saved by who calls assembly. VZEROUPPER before the return, so that SSE code of the caller does not
// pay for dirty upper halves.

`

// Offsets in Planes.
const (
	upper = 8 * iota
	lower
	other
	mark
	number
	sign
	space
	script
	newline
	blank
	apostrophe
	slash
	inner
	high
	planesSize
)

const lastRow = 0x110000 / 64 // the first row behind all characters

var tables = map[byte]Mem{}

// bytes32 is 32 times b in memory.
func bytes32(b byte) Mem {
	if m, ok := tables[b]; ok {
		return m
	}
	m := GLOBL(fmt.Sprintf("bytes%02x", b), RODATA|NOPTR)
	for i := 0; i < 32; i += 8 {
		DATA(i, U64(0x0101010101010101*uint64(b)))
	}
	tables[b] = m
	return m
}

func plane(offset int) Mem { return Mem{Base: RDI, Disp: offset} }

func main() {
	fmt.Print(prose)
	ConstraintExpr("!purego")
	classifyAVX2()
	classifyAVX512()
	Generate()
}

func classifyAVX2() {
	TEXT("classifyAVX2", NOSPLIT, "func(dst *byte, text *byte, blocks int, rows *uint16, classes *byte, state uint32) uint32")
	Load(Param("dst"), RDI)
	Load(Param("text"), RSI)
	Load(Param("blocks"), RDX)
	Load(Param("rows"), R8)
	Load(Param("classes"), R9)
	Load(Param("state"), R10L)
	buffer := AllocLocal(72)

	constants := map[byte]VecPhysical{}
	for i, b := range []byte{0x80 - 'A', 0x80 - 'a', 0x80 - '0', 0x80 + 26, 0x80 + 10, 0x80 - '\t', 0x80 + 5, ' ', '\n', '\r', '\''} {
		constants[b] = []VecPhysical{Y4, Y5, Y6, Y7, Y8, Y9, Y10, Y11, Y12, Y13, Y14}[i]
		VMOVDQU(bytes32(b), constants[b])
	}

	// collect leaves in AX the mask of what half leaves in its second operand
	// of each half of the block.
	collect := func(half func(x, to VecPhysical)) {
		half(Y0, Y2)
		half(Y1, Y3)
		VPMOVMSKB(Y2, EAX)
		VPMOVMSKB(Y3, EBX)
		SHLQ(Imm(32), RBX)
		ORQ(RBX, RAX)
	}
	between := func(first byte, n int) func(x, to VecPhysical) {
		return func(x, to VecPhysical) {
			VPADDB(x, constants[0x80-first], to)
			VPCMPGTB(to, constants[byte(0x80+n)], to)
		}
	}
	equal := func(b byte) func(x, to VecPhysical) {
		return func(x, to VecPhysical) {
			if c, ok := constants[b]; ok {
				VPCMPEQB(x, c, to)
				return
			}
			VPCMPEQB(bytes32(b), x, to)
		}
	}

	Label("block")
	VMOVDQU(Mem{Base: RSI}, Y0)
	VMOVDQU(Mem{Base: RSI, Disp: 32}, Y1)
	Comment("Between ' ' and DEL")
	collect(func(x, to VecPhysical) {
		VPCMPEQB(bytes32(0x7f), x, to)
		VPCMPGTB(constants[' '], x, Y15)
		VPANDN(Y15, to, to)
	})
	MOVQ(RAX, RCX)
	for _, letters := range []struct {
		first  byte
		offset int
	}{{'A', upper}, {'a', lower}} {
		collect(between(letters.first, 26))
		MOVQ(RAX, plane(letters.offset))
		ANDNQ(RCX, RAX, RCX)
	}
	collect(between('0', 10))
	MOVQ(RAX, plane(number))
	ANDNQ(RCX, RAX, RCX)
	MOVQ(RCX, plane(sign))
	collect(equal(' '))
	MOVQ(RAX, plane(blank))
	MOVQ(RAX, RCX)
	collect(between('\t', 5))
	ORQ(RAX, RCX)
	MOVQ(RCX, plane(space))
	collect(equal('\n'))
	MOVQ(RAX, RCX)
	collect(equal('\r'))
	ORQ(RAX, RCX)
	MOVQ(RCX, plane(newline))
	collect(equal('\''))
	MOVQ(RAX, plane(apostrophe))
	collect(equal('/'))
	MOVQ(RAX, plane(slash))
	VPMOVMSKB(Y0, R11L)
	VPMOVMSKB(Y1, EBX)
	SHLQ(Imm(32), RBX)
	ORQ(RBX, R11)
	MOVQ(R11, plane(high))
	XORL(EAX, EAX)
	MOVQ(RAX, plane(other))
	MOVQ(RAX, plane(mark))
	MOVQ(RAX, plane(script))
	MOVQ(RAX, plane(inner))
	TESTQ(R11, R11)
	JNZ(LabelRef("wide"))
	XORL(R10L, R10L)

	Label("next")
	ADDQ(Imm(64), RSI)
	ADDQ(Imm(planesSize), RDI)
	DECQ(RDX)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	Store(R10L, ReturnIndex(0))
	RET()

	Comment("Characters beyond ASCII.")
	Label("wide")
	VPXOR(Y2, Y2, Y2)
	VMOVDQU(Y2, buffer)
	VMOVDQU(Y2, buffer.Offset(32))
	MOVL(R10L, buffer)
	// atLeast leaves the mask of bytes from b to 0xFF in AX.
	atLeast := func(b byte) {
		collect(func(x, to VecPhysical) { VMOVDQU(bytes32(b-1), to); VPCMPGTB(to, x, to) })
		ANDQ(R11, RAX)
	}
	Comment("Lead bytes of three, four (R15) and two (R13) bytes")
	atLeast(0xC0)
	MOVQ(RAX, R13)
	ANDNQ(R11, RAX, RAX)
	MOVQ(RAX, plane(inner))
	atLeast(0xF0)
	MOVQ(RAX, R15)
	atLeast(0xE0)
	ANDNQ(R13, RAX, R13)
	ANDNQ(RAX, R15, R12)

	walkCharacters("", buffer)

	Comment("The classes of the buffer, from the highest bit down")
	VMOVDQU(buffer, Y2)
	VMOVDQU(buffer.Offset(32), Y3)
	for offset := script; ; offset -= 8 {
		VPMOVMSKB(Y2, EAX)
		VPMOVMSKB(Y3, EBX)
		SHLQ(Imm(32), RBX)
		ORQ(RBX, RAX)
		ANDQ(R11, RAX)
		ORQ(RAX, plane(offset))
		if offset == upper {
			break
		}
		VPADDB(Y2, Y2, Y2)
		VPADDB(Y3, Y3, Y3)
	}
	MOVL(buffer.Offset(64), R10L)
	JMP(LabelRef("next"))
}

// walkCharacters puts the classes of the characters with lead bytes in R12 (three
// bytes), R15 (four) and R13 (two) into the buffer.
func walkCharacters(prefix string, buffer Mem) {
	walk := func(name string, mask GPPhysical, body func()) {
		name = prefix + name
		TESTQ(mask, mask)
		JZ(LabelRef(name + "Done"))
		Label(name)
		TZCNTQ(mask, RBX)
		BLSRQ(mask, mask)
		body()
		TESTQ(mask, mask)
		JNZ(LabelRef(name))
		Label(name + "Done")
	}
	at := func(disp int) Mem { return Mem{Base: RSI, Index: RBX, Scale: 1, Disp: disp} }
	to := func(disp int) Mem {
		return Mem{Base: buffer.Base, Index: RBX, Scale: 1, Disp: buffer.Disp + disp}
	}
	// class leaves the class of the character in row AX with the given last
	// byte in EAX.
	class := func(disp int, last int) {
		MOVWLZX(Mem{Base: R8, Index: RAX, Scale: 2, Disp: disp}, EAX)
		MOVBLZX(at(last), ECX)
		ADDL(ECX, EAX)
		MOVBLZX(Mem{Base: R9, Index: RAX, Scale: 1, Disp: -0x80}, EAX)
	}
	walk("Three", R12, func() {
		MOVBLZX(at(0), EAX)
		MOVBLZX(at(1), ECX)
		SHLL(Imm(6), EAX)
		ADDL(ECX, EAX)
		class(-2*(0xE0<<6+0x80), 2)
		IMUL3L(U32(0x0101), EAX, ECX)
		MOVW(CX, to(0))
		MOVB(AL, to(2))
	})
	walk("Four", R15, func() {
		MOVBLZX(at(0), EAX)
		MOVBLZX(at(1), ECX)
		ANDL(Imm(0x07), EAX)
		ANDL(Imm(0x3F), ECX)
		SHLL(Imm(6), EAX)
		ORL(ECX, EAX)
		MOVBLZX(at(2), ECX)
		ANDL(Imm(0x3F), ECX)
		SHLL(Imm(6), EAX)
		ORL(ECX, EAX)
		MOVL(U32(lastRow), ECX)
		CMPL(EAX, ECX)
		CMOVLHI(ECX, EAX)
		class(0, 3)
		IMUL3L(U32(0x01010101), EAX, EAX)
		MOVL(EAX, to(0))
	})
	walk("Two", R13, func() {
		MOVBLZX(at(0), EAX)
		class(-2*0xC0, 1)
		IMUL3L(U32(0x0101), EAX, EAX)
		MOVW(AX, to(0))
	})
}
