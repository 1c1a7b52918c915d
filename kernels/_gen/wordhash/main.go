// Command wordhash prints kernels/wordhash/wordhash_amd64.s.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const prose = `// Word hash aes3-v1 of many words with the AES instructions.
//
// Algorithm. The state of a word starts as K0 xor its length; each piece of 16
// bytes is xored into it and three AESENC rounds with K1, K2, K3 follow; the
// low 8 bytes of the state are the hash. The last piece, of 1 to 16 bytes, is
// loaded whole and the bytes after the word's end are cleared with a mask: 16
// bytes of the table keep (16 times 0xff, then 16 times 0), from 16 minus its
// length on.
//
// Shape. One word per turn. Most words have one piece, so that the branch to
// the loop over whole pieces is predicted; the turns do not depend on each
// other and the CPU overlaps the 12 cycles or so of rounds of several words.
//
// Registers. DI next hash, SI text, R8 next start, R9 next end, CX words left,
// DX table keep. X4...X7 K0...K3, X0 state, X1 piece, X2 mask. R10 address of
// the piece, R11 bytes of the word left.
//
// Why it is safe. Loads of a piece begin inside of the word (or at the end of
// an empty one) and so read at most 16 bytes after its end, which the Go side
// demands to be readable. The mask's load lies in the table since R11 is 0 to
// 16 there. Loads and stores are unaligned (MOVOU). Written is only the array of
// hashes. Nothing is called, no stack is used.

`

func main() {
	fmt.Print(prose)
	ConstraintExpr("!purego")

	keep := GLOBL("keep", RODATA|NOPTR)
	for i, v := range []uint64{^uint64(0), ^uint64(0), 0, 0} {
		DATA(8*i, U64(v))
	}

	TEXT("hashAESNI", NOSPLIT, "func(hashes *uint64, text *byte, starts, ends *uint32, n int, keys *[4][16]byte)")
	Load(Param("keys"), RAX)
	for i, key := range []VecPhysical{X4, X5, X6, X7} {
		MOVOU(Mem{Base: RAX, Disp: 16 * i}, key)
	}
	Load(Param("hashes"), RDI)
	Load(Param("text"), RSI)
	Load(Param("starts"), R8)
	Load(Param("ends"), R9)
	Load(Param("n"), RCX)
	LEAQ(keep, RDX)

	rounds := func() {
		PXOR(X1, X0)
		AESENC(X5, X0)
		AESENC(X6, X0)
		AESENC(X7, X0)
	}

	Label("word")
	MOVL(Mem{Base: R8}, R10L)
	MOVL(Mem{Base: R9}, R11L)
	SUBQ(R10, R11)
	ADDQ(RSI, R10)
	MOVQ(R11, X0)
	PXOR(X4, X0)
	CMPQ(R11, Imm(16))
	JA(LabelRef("pieces"))

	Label("last")
	MOVOU(Mem{Base: R10}, X1)
	NEGQ(R11)
	MOVOU(Mem{Base: RDX, Index: R11, Scale: 1, Disp: 16}, X2)
	PAND(X2, X1)
	rounds()
	MOVQ(X0, Mem{Base: RDI})
	ADDQ(Imm(8), RDI)
	ADDQ(Imm(4), R8)
	ADDQ(Imm(4), R9)
	DECQ(RCX)
	JNZ(LabelRef("word"))
	RET()

	Label("pieces")
	MOVOU(Mem{Base: R10}, X1)
	rounds()
	ADDQ(Imm(16), R10)
	SUBQ(Imm(16), R11)
	CMPQ(R11, Imm(16))
	JA(LabelRef("pieces"))
	JMP(LabelRef("last"))

	Generate()
}
