package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Numbers of the fields of the table's quick, 16 bytes each.
const (
	class3 = iota
	low3
	high3
	first2
	second2
	split2
	end2
	same3
	quickFields
)

// Where the windows of the table's quick are.
const (
	window20 = 16 * quickFields
	window30 = window20 + 64
	windowFF = window30 + 256
)

// Predicates of VPCMPUB.
var (
	equal    = Imm(0)
	lessThan = Imm(1)
	atMost   = Imm(2)
	notEqual = Imm(4)
	atLeast  = Imm(5)
)

// bytes64 is 64 times b in memory.
func bytes64(b byte) Mem {
	if m, ok := wide[b]; ok {
		return m
	}
	m := GLOBL(fmt.Sprintf("wide%02x", b), RODATA|NOPTR)
	for i := 0; i < 64; i += 8 {
		DATA(i, U64(0x0101010101010101*uint64(b)))
	}
	wide[b] = m
	return m
}

var wide = map[byte]Mem{}

func classifyAVX512() {
	TEXT("classifyAVX512", NOSPLIT, "func(dst *byte, text *byte, blocks int, rows *uint16, classes *byte, quick *byte, state uint32) uint32")
	Load(Param("dst"), RDI)
	Load(Param("text"), RSI)
	Load(Param("blocks"), RDX)
	Load(Param("rows"), R8)
	Load(Param("classes"), R9)
	Load(Param("quick"), R14)
	Load(Param("state"), R10L)
	buffer := AllocLocal(72)

	tables := []VecPhysical{Z16, Z17, Z18, Z19, Z20, Z21, Z22}
	for i, z := range tables {
		VBROADCASTI32X4(Mem{Base: R14, Disp: 16 * i}, z)
	}
	constant := func(b byte, z VecPhysical) VecPhysical {
		MOVL(U32(b), EAX)
		VPBROADCASTB(EAX, z)
		return z
	}
	fromGraph, graphs := constant(256-'!', Z2), constant('~'-' ', Z3)
	fromUpper, fromLower, letters := constant(256-'A', Z4), constant(256-'a', Z5), constant(26, Z6)
	fromDigit, digits := constant(256-'0', Z7), constant(10, Z8)
	fromTab, tabs := constant(256-'\t', Z9), constant(5, Z10)
	lead2, lead3, lead4 := constant(0xC0, Z24), constant(0xE0, Z25), constant(0xF0, Z26)
	leadD, lowHalf := constant(0xD0, Z27), constant(0x0F, Z23)
	blanks, feeds, returns, quotes, slashes := bytes64(' '), bytes64('\n'), bytes64('\r'), bytes64('\''), bytes64('/')
	VPXORQ(Z28, Z28, Z28)
	VPXORQ(Z29, Z29, Z29)

	between := func(from, n VecPhysical, k OpmaskPhysical) {
		VPADDB(Z0, from, Z1)
		VPCMPUB(lessThan, n, Z1, k)
	}

	Label("wideBlock")
	VMOVDQU64(Mem{Base: RSI}, Z0)
	VPMOVB2M(Z0, K1)
	KMOVQ(K1, R11)
	KMOVQ(K1, plane(high))
	Comment("Signs are the rest of what can be seen")
	between(fromGraph, graphs, K2)
	between(fromUpper, letters, K3)
	KMOVQ(K3, plane(upper))
	KANDNQ(K2, K3, K2)
	between(fromLower, letters, K4)
	KMOVQ(K4, plane(lower))
	KANDNQ(K2, K4, K2)
	between(fromDigit, digits, K5)
	KMOVQ(K5, plane(number))
	KANDNQ(K2, K5, K2)
	KMOVQ(K2, plane(sign))
	between(fromTab, tabs, K3)
	VPCMPEQB(blanks, Z0, K4)
	KMOVQ(K4, plane(blank))
	KORQ(K3, K4, K3)
	KMOVQ(K3, plane(space))
	VPCMPEQB(feeds, Z0, K4)
	VPCMPEQB(returns, Z0, K5)
	KORQ(K4, K5, K4)
	KMOVQ(K4, plane(newline))
	VPCMPEQB(quotes, Z0, K5)
	KMOVQ(K5, plane(apostrophe))
	VPCMPEQB(slashes, Z0, K6)
	KMOVQ(K6, plane(slash))
	XORL(EAX, EAX)
	MOVQ(RAX, plane(other))
	MOVQ(RAX, plane(mark))
	MOVQ(RAX, plane(script))
	MOVQ(RAX, plane(inner))
	TESTQ(R11, R11)
	JNZ(LabelRef("beyond"))
	VPXORQ(Z28, Z28, Z28)
	VPXORQ(Z29, Z29, Z29)
	XORL(R10L, R10L)

	Label("wideNext")
	ADDQ(Imm(64), RSI)
	ADDQ(Imm(planesSize), RDI)
	DECQ(RDX)
	JNZ(LabelRef("wideBlock"))
	Comment("What quick classes leave to the next call")
	VMOVDQU64(Z28, buffer)
	MOVBLZX(buffer.Offset(63), EAX)
	ORL(EAX, R10L)
	VMOVDQU64(Z29, buffer)
	MOVBLZX(buffer.Offset(62), EAX)
	ORL(EAX, R10L)
	MOVBLZX(buffer.Offset(63), EAX)
	SHLL(Imm(8), EAX)
	ORL(EAX, R10L)
	VZEROUPPER()
	Store(R10L, ReturnIndex(0))
	RET()

	Comment("Characters beyond ASCII: lead bytes of two (K2), three (K3) and four (K4) bytes")
	Label("beyond")
	VPCMPUB(atLeast, lead2, Z0, K2)
	VPCMPUB(atLeast, lead3, Z0, K3)
	VPCMPUB(atLeast, lead4, Z0, K4)
	KANDNQ(K1, K2, K5)
	KMOVQ(K5, plane(inner))
	KANDNQ(K2, K3, K2)
	KANDNQ(K3, K4, K3)
	KMOVQ(K4, R15)
	VMOVDQU64(Mem{Base: RSI, Disp: 1}, Z11) // second bytes
	VPANDQ(Z0, lowHalf, Z30)
	look := func(table int, to VecPhysical) { VPSHUFB(Z30, tables[table], to) }
	Comment("Quick classes of three bytes (Z31)")
	look(low3, Z12)
	VPCMPUB(atLeast, Z12, Z11, K3, K5)
	look(high3, Z12)
	VPCMPUB(atMost, Z12, Z11, K5, K5)
	VBROADCASTI32X4(Mem{Base: R14, Disp: 16 * same3}, Z12)
	VPSHUFB(Z30, Z12, Z12)
	VPCMPUB(notEqual, Z12, Z11, K5, K5)
	KANDNQ(K3, K5, K6)
	KMOVQ(K5, R12)
	VPSHUFB_Z(Z30, tables[class3], K6, Z31)
	KORTESTQ(K5, K5)
	JZ(LabelRef("quick2"))
	Comment("And of the windows, by the second (Z11) and the third byte (Z14)")
	// inWindow sets k to the exceptions with these bytes.
	inWindow := func(first byte, second byte, predicate Constant, k OpmaskPhysical) {
		VPCMPEQB(bytes64(first), Z0, K5, k)
		VPCMPUB(predicate, bytes64(second), Z11, k, k)
	}
	inWindow(0xE2, 0x80, equal, K3)
	inWindow(0xE3, 0x83, atMost, K4)
	inWindow(0xEF, 0xBD, atMost, K6)
	VPCMPUB(atLeast, bytes64(0xBC), Z11, K6, K6)
	KORQ(K3, K4, K7)
	KORQ(K6, K7, K7)
	KANDNQ(K5, K7, K5)
	KMOVQ(K5, R12)
	VMOVDQU64(Mem{Base: RSI, Disp: 2}, Z14)
	window := func(at int) Mem { return Mem{Base: R14, Disp: at} }
	VPERMB(window(window20), Z14, K3, Z31)
	// A place in 256 characters: two bits of the second byte, six of the third.
	VPSLLW(Imm(6), Z11, Z15)
	VPTERNLOGQ(Imm(0xD8), bytes64(0x3F), Z14, Z15)
	VPMOVB2M(Z15, K7)
	// in128 leaves in to the class that 128 characters have by the place.
	in128 := func(at int, to VecPhysical) {
		VMOVDQA64(Z15, to)
		VMOVDQU64(window(at), Z1)
		VPERMI2B(window(at+64), Z1, to)
	}
	in128(windowFF, Z12)
	VMOVDQU8(Z12, K6, Z31)
	in128(window30, Z12)
	in128(window30+128, Z13)
	VMOVDQU8(Z13, K7, Z12)
	VMOVDQU8(Z12, K4, Z31)
	Label("quick2")
	Comment("Of two bytes (with those: Z12)")
	VPANDQ(Z0, lead4, Z12)
	VPCMPEQB(Z12, leadD, K5)
	look(end2, Z12)
	VPCMPUB(lessThan, Z12, Z11, K5, K5)
	look(split2, Z12)
	VPCMPUB(lessThan, Z12, Z11, K5, K6)
	VMOVDQA64(Z31, Z12)
	VPSHUFB(Z30, tables[second2], K5, Z12)
	VPSHUFB(Z30, tables[first2], K6, Z12)
	KANDNQ(K2, K5, K2)
	KMOVQ(K2, R13)
	Comment("Moved on by one byte and, of three, by two (all: Z13)")
	VALIGNQ(Imm(6), Z28, Z12, Z13)
	VPALIGNR(Imm(15), Z13, Z12, Z13)
	VALIGNQ(Imm(6), Z29, Z31, Z14)
	VPALIGNR(Imm(14), Z14, Z31, Z14)
	VPORQ(Z12, Z13, Z13)
	VPORQ(Z14, Z13, Z13)
	VMOVDQA64(Z12, Z28)
	VMOVDQA64(Z31, Z29)
	Comment("The others")
	MOVQ(R12, RAX)
	ORQ(R13, RAX)
	ORQ(R15, RAX)
	ORQ(R10, RAX)
	JZ(LabelRef("wideMasks"))
	VPXORQ(Z12, Z12, Z12)
	VMOVDQU64(Z12, buffer)
	MOVL(R10L, buffer)
	XORL(EAX, EAX)
	MOVL(EAX, buffer.Offset(64))
	walkCharacters("wide", buffer)
	VPORQ(buffer, Z13, Z13)
	MOVL(buffer.Offset(64), R10L)

	Comment("The masks, from the highest bit down")
	Label("wideMasks")
	VMOVDQU8_Z(Z13, K1, Z13)
	for offset := script; ; offset -= 8 {
		VPMOVB2M(Z13, K2)
		KMOVQ(K2, RAX)
		ORQ(plane(offset), RAX)
		MOVQ(RAX, plane(offset))
		if offset == upper {
			break
		}
		VPADDB(Z13, Z13, Z13)
	}
	JMP(LabelRef("wideNext"))
}
