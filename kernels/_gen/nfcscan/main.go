// Command nfcscan prints kernels/nfcscan/nfcscan_amd64.s.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const prose = `// Steps over text that NFC leaves as it is, 32 bytes at a time with AVX2.
//
// Algorithm. What stops the scan is told by three bytes in a row: six tables of 16
// entries, one for each half of each byte, hold the kinds of characters that the
// half may have part in (after Keiser and Lemire, "Validating UTF-8 In Less Than
// One Instruction Per Byte", 2021); the AND of all six is not zero where there is
// one. Lead bytes that stop it alone have two tables. VPSHUFB looks up 32 halves at
// a time; each table is there twice, once for either lane. The bytes before each
// byte are loaded again, one and two places further left. 32 ASCII bytes are left
// at once.
//
// Registers. SI text, CX steps left, AX steps at first. Y0...Y2 the bytes, the ones
// before and the ones before those, Y3...Y5 temporary, Y6...Y13 the tables, Y15
// 0x0F.
//
// Tail. None: the Go side gives whole steps.
//
// Why it is safe. Reads 32*steps bytes at text and the two before. Loads are
// unaligned. Nothing is called, no stack is used. VZEROUPPER before the return, so
// that SSE code of the caller does not pay for dirty upper halves.

`

// The kinds, as nfcscan_generic.go has them.
const (
	voicing = 1 << iota
	cjkMarks
	quads
	arrows
	forms
	compatibility
	halfMarks
	vai
	anyThird = arrows | forms | compatibility | halfMarks | vai
)

var tables = []struct {
	name    string
	entries [16]uint8
}{
	{"firstHigh", [16]uint8{0xE: 0xFF}},
	{"firstLow", [16]uint8{0x2: quads | arrows | forms, 0x3: voicing | cjkMarks, 0xA: vai, 0xF: compatibility | halfMarks}},
	{"secondHigh", [16]uint8{0x8: cjkMarks | voicing | quads | arrows | vai, 0x9: vai, 0xA: forms | compatibility | vai, 0xB: forms | halfMarks}},
	{"secondLow", [16]uint8{
		cjkMarks | quads | vai, vai, voicing | vai, arrows | forms | vai,
		arrows | compatibility | vai, forms | compatibility | vai, compatibility | vai, forms | compatibility | vai,
		compatibility | halfMarks | vai, compatibility | vai, compatibility | vai, forms | compatibility | vai,
		arrows | compatibility | vai, compatibility | vai, vai, vai,
	}},
	{"thirdHigh", [16]uint8{0x8: quads | anyThird, 0x9: voicing | anyThird, 0xA: cjkMarks | anyThird, 0xB: anyThird}},
	{"thirdLow", [16]uint8{
		quads | anyThird, quads | anyThird, anyThird, anyThird, anyThird, anyThird, anyThird, anyThird,
		anyThird, voicing | anyThird, voicing | cjkMarks | anyThird, cjkMarks | anyThird, cjkMarks | anyThird, cjkMarks | anyThird, cjkMarks | anyThird, cjkMarks | anyThird,
	}},
	{"leadHigh", [16]uint8{0xC: 1, 0xD: 2, 0xE: 4, 0xF: 8}},
	{"leadLow", [16]uint8{0x0: 4 | 8, 0x1: 4, 0x2: 2, 0x6: 2, 0x7: 2, 0x8: 2, 0x9: 2, 0xB: 2, 0xC: 1 | 2, 0xD: 1 | 2, 0xE: 1, 0xF: 2}},
}

func main() {
	fmt.Print(prose)
	ConstraintExpr("!purego")

	data := func(name string, b [16]uint8) Mem {
		m := GLOBL(name, RODATA|NOPTR)
		for i := range 32 {
			DATA(i, U8(b[i%16]))
		}
		return m
	}
	var low [16]uint8
	for i := range low {
		low[i] = 0x0F
	}

	TEXT("plainAVX2", NOSPLIT, "func(text *byte, steps int) (n int)")
	Load(Param("text"), RSI)
	Load(Param("steps"), RCX)
	MOVQ(RCX, RAX)
	at := []VecPhysical{Y6, Y7, Y8, Y9, Y10, Y11, Y12, Y13}
	for i, t := range tables {
		VMOVDQU(data(t.name, t.entries), at[i])
	}
	VMOVDQU(data("lowHalf", low), Y15)

	Label("step")
	VMOVDQU(Mem{Base: RSI}, Y0)
	VPMOVMSKB(Y0, EDX)
	TESTL(EDX, EDX)
	JZ(LabelRef("next"))
	VMOVDQU(Mem{Base: RSI, Disp: -1}, Y1)
	VMOVDQU(Mem{Base: RSI, Disp: -2}, Y2)
	// halves leaves in high and low what two tables have of the halves of the
	// bytes in x. VPSHUFB gives 0 for bytes of 0x80 and above, so the low halves
	// are masked as well.
	halves := func(x, high, low VecPhysical) {
		VPSRLW(Imm(4), x, high)
		VPAND(high, Y15, high)
		VPAND(x, Y15, low)
	}
	Comment("The first bytes")
	halves(Y2, Y3, Y4)
	VPSHUFB(Y3, Y6, Y3)
	VPSHUFB(Y4, Y7, Y4)
	VPAND(Y3, Y4, Y2)
	Comment("The second")
	halves(Y1, Y3, Y4)
	VPSHUFB(Y3, Y8, Y3)
	VPSHUFB(Y4, Y9, Y4)
	VPAND(Y3, Y2, Y2)
	VPAND(Y4, Y2, Y2)
	Comment("The third, and lead bytes alone")
	halves(Y0, Y3, Y4)
	VPSHUFB(Y3, Y10, Y5)
	VPSHUFB(Y4, Y11, Y1)
	VPAND(Y5, Y2, Y2)
	VPAND(Y1, Y2, Y2)
	VPSHUFB(Y3, Y12, Y3)
	VPSHUFB(Y4, Y13, Y4)
	VPAND(Y3, Y4, Y3)
	VPOR(Y3, Y2, Y2)
	VPTEST(Y2, Y2)
	JNZ(LabelRef("stop"))
	Label("next")
	ADDQ(Imm(32), RSI)
	DECQ(RCX)
	JNZ(LabelRef("step"))

	Label("stop")
	SUBQ(RCX, RAX)
	VZEROUPPER()
	Store(RAX, ReturnIndex(0))
	RET()

	Generate()
}
