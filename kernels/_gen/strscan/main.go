// Command strscan prints kernels/strscan/strscan_amd64.s.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const prose = `// The run of a JSON string body that needs no attention: bytes before the next
// quote, backslash or control character, found 32 at a time with AVX2.
//
// Algorithm. A byte x stops the run iff x = '"', x = '\' or x < 0x20. AVX2 has
// no unsigned compare, so x < 0x20 is min(x, 0x1f) = x. The three results are
// ORed and VPMOVMSKB turns them into one bit per byte: the lowest set bit is
// the end of the run. VPMOVMSKB of x itself is the mask of bytes >= 0x80; of
// the block that holds the end only the bits below it count, and BLSMSK (all
// bits up to and with the lowest set one) selects them, because the byte at the
// end is always ASCII.
//
// Shape. Runs in real text are short (a line of prose is 40 to 100 bytes up to
// its \n), so the first blocks are looked at one by one; only a run that is
// longer than 64 bytes enters the loop over 128 bytes, which just asks whether
// any of four blocks holds an end and leaves the finding to the 32-byte loop.
//
// Registers. SI: next byte. CX: bytes left. DX: start. Y0 quote, Y1 backslash,
// Y2 0x1f; Y3 OR of all bytes passed by (their top bits tell about >= 0x80);
// Y4...Y15 blocks and compare results. AX mask of ends, BX mask of high bytes.
//
// Tail. With 1 to 31 bytes left after at least one whole block, the last 32
// bytes of the input are loaded again and the masks shifted right by the number
// of bytes already seen. Inputs shorter than 32 bytes go byte by byte.
//
// Why it is safe. Every load lies within [p, p+n): whole blocks only while
// CX >= 32, the tail's load starts at p+n-32 >= p. Loads are unaligned
// (VMOVDQU), nothing is written but the results, nothing is called, no stack is
// used. VZEROUPPER before every return, so that SSE code of the caller does not
// pay for dirty upper halves.

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

	Generate()
}
