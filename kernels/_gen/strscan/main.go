// Command strscan prints kernels/strscan/strscan_amd64.s.
package main

import (
	"encoding/binary"
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const prose = `// Kernels for the body of a JSON string: scanAVX2 measures the run of plain
// bytes, which stand for themselves; unescapeAVX2 and unescapeAVX512 copy the
// body and resolve its two-byte escapes (\n, \" ...) on the way.
//
// Algorithm. A byte x is not plain iff x = '"', x = '\' or x < 0x20. AVX2 has no
// unsigned compare, so x < 0x20 is min(x, 0x1f) = x. The three results are ORed
// and VPMOVMSKB turns them into one bit per byte: the lowest set bit is the end
// of the run. VPMOVMSKB of x itself is the mask of bytes >= 0x80; of the block
// that holds the end only the bits below it count, and BLSMSK (all bits up to
// and with the lowest set one) selects them, because the byte at the end is
// always ASCII.
//
// Shape of scanAVX2. Runs in real text are short (a line of prose is 40 to 100
// bytes up to its \n), so the first blocks are looked at one by one; only a run
// that is longer than 64 bytes enters the loop over 128 bytes, which just asks
// whether any of four blocks holds an end and leaves the finding to the 32-byte
// loop. With 1 to 31 bytes left after at least one whole block, the last 32
// bytes of the input are loaded again and the masks shifted right by the number
// of bytes already seen. Inputs shorter than 32 bytes go byte by byte.
//
// Shape of unescapeAVX2. A block is stored as it was loaded, then looked at. If
// it has an end, only the bytes below are taken: what was stored behind them is
// overwritten by what comes next. If the end is a backslash and the table knows
// the byte after it, the byte it stands for is written, and copying goes on
// behind the escape: with the mask of ends shifted along while it has more of
// them (code has an escape every ten bytes), else with a new block. Everything
// else (quote, control character, \u, an escape that does not exist, fewer than
// 32 bytes left) returns to Go.
//
// Shape of unescapeAVX512. 64 bytes at a time, however many escapes they have.
// From the mask of backslashes come those that begin an escape, the first, third,
// ... of each run, and the bytes behind them: a subtraction carries through a run
// (simdjson's json_escape_scanner). VPERMI2B replaces the latter by what they
// stand for, zero where that is nothing; VPCOMPRESSB takes out the former. A
// block whose last byte begins an escape leaves it to the next one. With less
// than 64 bytes left, the masked load puts zeros behind them: a control
// character, so that there is always an end, and no escape.
//
// Registers. SI: next byte. CX: bytes left. DX: start. Y0 quote, Y1 backslash,
// Y2 0x1f; Y3 OR of all whole blocks passed by (their top bits tell about
// >= 0x80); Y4...Y15 blocks and compare results. AX mask of ends, BX mask of high
// bytes. unescapeAVX2 also: DI next byte to write, R11 start of dst, R10 table,
// and R12 the mask of ends. unescapeAVX512: Z0 quote, Z1 backslash, Z2 space,
// Z3 and Z4 the table of 128 bytes, Z5 block, Z6 what is written; R8 backslashes,
// R9 ends, R10 escaped bytes, R12 backslashes that begin an escape, R13 odd
// bits, AX high bytes of the block, BX of those before it.
//
// Why it is safe. Every load lies within [src, src+n): whole blocks only while
// CX >= 32, the tail's load starts at src+n-32 >= src, the byte behind a
// backslash is loaded only while CX >= 2. dst has room for n bytes, and never
// more bytes are written than read, so a 32-byte store while CX >= 32 ends at or
// before dst+n. The table is indexed by a byte and has 256 entries. The same holds
// of unescapeAVX512 and 64 bytes; where less is left, or what is written ends
// within a block, its load and store are masked. Loads and
// stores are unaligned (VMOVDQU), nothing is called, no stack is used.
// VZEROUPPER before every return, so that SSE code of the caller does not pay
// for dirty upper halves.

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
	quote := table("quote", '"')
	backslash := table("backslash", '\\')
	control := table("control", 0x1f)

	escapes := GLOBL("escapes", RODATA|NOPTR)
	var stands [256]byte
	for c, b := range map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'} {
		stands[c] = b
	}
	for i := 0; i < len(stands); i += 8 {
		DATA(i, U64(binary.LittleEndian.Uint64(stands[i:])))
	}

	TEXT("scanAVX2", NOSPLIT, "func(p *byte, n int) (run int, high bool)")
	Load(Param("p"), RSI)
	Load(Param("n"), RCX)
	MOVQ(RSI, RDX)
	XORL(EBX, EBX)
	CMPQ(RCX, Imm(32))
	JL(LabelRef("short"))

	VMOVDQU(quote, Y0)
	VMOVDQU(backslash, Y1)
	VMOVDQU(control, Y2)
	VPXOR(Y3, Y3, Y3)

	// ends leaves the mask of ends of block x in dst; x and the constants stay.
	ends := func(x, dst, tmp VecPhysical) {
		VPMINUB(x, Y2, dst)
		VPCMPEQB(x, dst, dst)
		VPCMPEQB(x, Y0, tmp)
		VPOR(tmp, dst, dst)
		VPCMPEQB(x, Y1, tmp)
		VPOR(tmp, dst, dst)
	}
	block := func() {
		VMOVDQU(Mem{Base: RSI}, Y4)
		ends(Y4, Y5, Y6)
		VPMOVMSKB(Y5, EAX)
		TESTL(EAX, EAX)
		JNZ(LabelRef("found"))
		VPOR(Y4, Y3, Y3)
		ADDQ(Imm(32), RSI)
		SUBQ(Imm(32), RCX)
	}

	Comment("The first two blocks one by one: most runs end here.")
	block()
	CMPQ(RCX, Imm(32))
	JL(LabelRef("tail"))
	block()

	Label("loop128")
	CMPQ(RCX, Imm(128))
	JL(LabelRef("loop32"))
	for i, x := range []VecPhysical{Y4, Y7, Y10, Y13} {
		VMOVDQU(Mem{Base: RSI, Disp: 32 * i}, x)
	}
	ends(Y4, Y5, Y6)
	ends(Y7, Y8, Y9)
	ends(Y10, Y11, Y12)
	ends(Y13, Y14, Y15)
	VPOR(Y5, Y8, Y8)
	VPOR(Y11, Y14, Y14)
	VPOR(Y8, Y14, Y14)
	VPTEST(Y14, Y14)
	JNZ(LabelRef("loop32"))
	VPOR(Y4, Y7, Y7)
	VPOR(Y10, Y13, Y13)
	VPOR(Y7, Y3, Y3)
	VPOR(Y13, Y3, Y3)
	ADDQ(Imm(128), RSI)
	SUBQ(Imm(128), RCX)
	JMP(LabelRef("loop128"))

	Label("loop32")
	CMPQ(RCX, Imm(32))
	JL(LabelRef("tail"))
	block()
	JMP(LabelRef("loop32"))

	Label("tail")
	TESTQ(RCX, RCX)
	JZ(LabelRef("none"))
	Comment("The last 32 bytes again; shift out the 32-CX that were seen.")
	VMOVDQU(Mem{Base: RSI, Index: RCX, Scale: 1, Disp: -32}, Y4)
	ends(Y4, Y5, Y6)
	VPMOVMSKB(Y5, EAX)
	VPMOVMSKB(Y4, EBX)
	MOVL(ECX, R8L)
	NEGL(ECX)
	ADDL(Imm(32), ECX)
	SHRL(CL, EAX)
	SHRL(CL, EBX)
	TESTL(EAX, EAX)
	JNZ(LabelRef("end"))
	ADDQ(R8, RSI)
	JMP(LabelRef("done"))

	Label("found")
	VPMOVMSKB(Y4, EBX)

	Label("end")
	Comment("AX: ends, not zero. BX: high bytes. SI: the byte of bit 0.")
	BLSMSKL(EAX, ECX)
	ANDL(ECX, EBX)
	TZCNTL(EAX, EAX)
	ADDQ(RAX, RSI)
	JMP(LabelRef("done"))

	Label("none")
	XORL(EBX, EBX)

	Label("done")
	VPMOVMSKB(Y3, EAX)
	ORL(EAX, EBX)
	TESTL(EBX, EBX)
	SETNE(BL)
	SUBQ(RDX, RSI)
	Store(RSI, Return("run"))
	Store(BL, Return("high"))
	VZEROUPPER()
	RET()

	Label("short")
	TESTQ(RCX, RCX)
	JZ(LabelRef("shortdone"))
	MOVBLZX(Mem{Base: RSI}, EAX)
	CMPL(EAX, Imm(0x20))
	JB(LabelRef("shortdone"))
	CMPL(EAX, Imm('"'))
	JE(LabelRef("shortdone"))
	CMPL(EAX, Imm('\\'))
	JE(LabelRef("shortdone"))
	ORL(EAX, EBX)
	INCQ(RSI)
	DECQ(RCX)
	JMP(LabelRef("short"))

	Label("shortdone")
	SHRL(Imm(7), EBX)
	SUBQ(RDX, RSI)
	Store(RSI, Return("run"))
	Store(BL, Return("high"))
	RET()

	TEXT("unescapeAVX2", NOSPLIT, "func(dst, src *byte, n int) (read, written int, high bool)")
	Load(Param("dst"), RDI)
	Load(Param("src"), RSI)
	Load(Param("n"), RCX)
	MOVQ(RSI, RDX)
	MOVQ(RDI, R11)
	LEAQ(escapes, R10)
	XORL(EBX, EBX)
	VMOVDQU(quote, Y0)
	VMOVDQU(backslash, Y1)
	VMOVDQU(control, Y2)
	VPXOR(Y3, Y3, Y3)

	Label("copy")
	CMPQ(RCX, Imm(32))
	JL(LabelRef("return"))
	VMOVDQU(Mem{Base: RSI}, Y4)
	VMOVDQU(Y4, Mem{Base: RDI})
	ends(Y4, Y5, Y6)
	VPMOVMSKB(Y5, R12L)
	TESTL(R12L, R12L)
	JNZ(LabelRef("stop"))
	VPOR(Y4, Y3, Y3)
	ADDQ(Imm(32), RSI)
	ADDQ(Imm(32), RDI)
	SUBQ(Imm(32), RCX)
	JMP(LabelRef("copy"))

	Label("stop")
	Comment("R12: ends, not zero. Take the bytes below the first.")
	VPMOVMSKB(Y4, R8L)
	BLSMSKL(R12L, R9L)
	ANDL(R8L, R9L)
	ORL(R9L, EBX)
	TZCNTL(R12L, EAX)
	ADDQ(RAX, RSI)
	ADDQ(RAX, RDI)
	SUBQ(RAX, RCX)
	CMPB(Mem{Base: RSI}, Imm('\\'))
	JNE(LabelRef("return"))
	CMPQ(RCX, Imm(2))
	JL(LabelRef("return"))
	MOVBLZX(Mem{Base: RSI, Disp: 1}, R9L)
	MOVBLZX(Mem{Base: R10, Index: R9, Scale: 1}, R9L)
	TESTL(R9L, R9L)
	JZ(LabelRef("return"))
	MOVB(R9B, Mem{Base: RDI})
	INCQ(RDI)
	ADDQ(Imm(2), RSI)
	SUBQ(Imm(2), RCX)
	Comment("The ends behind the escape, as bits from its end on.")
	ADDL(Imm(2), EAX)
	SHRXQ(RAX, R12, R12)
	TESTQ(R12, R12)
	JZ(LabelRef("copy"))
	CMPQ(RCX, Imm(32))
	JL(LabelRef("return"))
	VMOVDQU(Mem{Base: RSI}, Y4)
	VMOVDQU(Y4, Mem{Base: RDI})
	JMP(LabelRef("stop"))

	Label("return")
	VPMOVMSKB(Y3, EAX)
	ORL(EAX, EBX)
	TESTL(EBX, EBX)
	SETNE(BL)
	SUBQ(RDX, RSI)
	SUBQ(R11, RDI)
	Store(RSI, Return("read"))
	Store(RDI, Return("written"))
	Store(BL, Return("high"))
	VZEROUPPER()
	RET()

	unescape512(quote, backslash, escapes)
	Generate()
}

// unescape512 has its table in the first 128 bytes of escapes.
func unescape512(quote, backslash, escapes Mem) {
	TEXT("unescapeAVX512", NOSPLIT, "func(dst, src *byte, n int) (read, written int, high bool)")
	Load(Param("dst"), RDI)
	Load(Param("src"), RSI)
	Load(Param("n"), RCX)
	MOVQ(RSI, RDX)
	MOVQ(RDI, R11)
	XORL(EBX, EBX)
	VPBROADCASTB(quote, Z0)
	VPBROADCASTB(backslash, Z1)
	MOVL(U32(0x20), EAX)
	VPBROADCASTB(EAX, Z2)
	VMOVDQU64(escapes, Z3)
	VMOVDQU64(escapes.Offset(64), Z4)
	MOVQ(U64(0xaaaaaaaaaaaaaaaa), R13)

	Label("loop")
	CMPQ(RCX, Imm(64))
	JL(LabelRef("rest"))
	VMOVDQU64(Mem{Base: RSI}, Z5)
	Label("block")
	VPCMPEQB(Z1, Z5, K1)
	VPCMPEQB(Z0, Z5, K2)
	VPCMPUB(Imm(1), Z2, Z5, K3)
	KMOVQ(K1, R8)
	KMOVQ(K2, R9)
	KMOVQ(K3, R15)
	VPMOVB2M(Z5, K4)
	KMOVQ(K4, RAX)
	LEAQ(Mem{Base: R8, Index: R8, Scale: 1}, R12)
	ORQ(R13, R12)
	SUBQ(R8, R12)
	XORQ(R13, R12)
	MOVQ(R8, R10)
	XORQ(R12, R10)
	ANDQ(R8, R12)
	KMOVQ(R10, K5)
	VMOVDQA64(Z5, Z6)
	VPERMI2B(Z4, Z3, K5, Z6)
	VPTESTNMB(Z6, Z6, K5, K6)
	KMOVQ(K6, R8)
	ANDNQ(R9, R10, R9)
	ORQ(R15, R9)
	Comment("A byte that cannot be escaped ends the copy at its backslash.")
	ANDQ(RAX, R10)
	ORQ(R10, R8)
	SHRQ(Imm(1), R8)
	ORQ(R8, R9)
	JNZ(LabelRef("ends"))
	ORQ(RAX, RBX)
	MOVQ(R12, R8)
	NOTQ(R8)
	KMOVQ(R8, K1)
	VPCOMPRESSB_Z(Z6, K1, Z6)
	VMOVDQU64(Z6, Mem{Base: RDI})
	POPCNTQ(R8, R8)
	ADDQ(R8, RDI)
	TESTQ(R12, R12)
	JS(LabelRef("split"))
	ADDQ(Imm(64), RSI)
	SUBQ(Imm(64), RCX)
	JMP(LabelRef("loop"))
	Label("split")
	ADDQ(Imm(63), RSI)
	SUBQ(Imm(63), RCX)
	JMP(LabelRef("loop"))

	Label("rest")
	MOVQ(I32(-1), RAX)
	BZHIQ(RCX, RAX, RAX)
	KMOVQ(RAX, K1)
	VMOVDQU8_Z(Mem{Base: RSI}, K1, Z5)
	JMP(LabelRef("block"))

	Label("ends")
	TZCNTQ(R9, R9)
	NOTQ(R12)
	BZHIQ(R9, R12, R12)
	BZHIQ(R9, RAX, RAX)
	ORQ(RAX, RBX)
	KMOVQ(R12, K1)
	VPCOMPRESSB_Z(Z6, K1, Z6)
	POPCNTQ(R12, R12)
	MOVQ(I32(-1), RAX)
	BZHIQ(R12, RAX, RAX)
	KMOVQ(RAX, K1)
	VMOVDQU8(Z6, K1, Mem{Base: RDI})
	ADDQ(R12, RDI)
	ADDQ(R9, RSI)
	TESTQ(RBX, RBX)
	SETNE(BL)
	SUBQ(RDX, RSI)
	SUBQ(R11, RDI)
	Store(RSI, Return("read"))
	Store(RDI, Return("written"))
	Store(BL, Return("high"))
	VZEROUPPER()
	RET()
}
