// Command wordhash prints kernels/wordhash/wordhash_amd64.s.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const prose = `// Word hash aes3-v1 of many words with the AES instructions, one word at a time
// or four (VAES on 512 bits).
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
// Shape of hashVAES. The first pieces of four words fill the lanes of one
// register; VPERMB spreads the four lengths, from which come the masks. Where one
// of four words has more than 16 bytes the second pieces follow, and a mask keeps
// the states of words that have none; where one has more than 32, those four go
// one by one, as do the last ones.
//
// Registers. DI next hash, SI text, R8 next start, R9 next end, CX words left,
// DX table keep. X4...X7 K0...K3, X0 state, X1 piece, X2 mask. R10 address of
// the piece, R11 bytes of the word left. hashVAES also: R12 words that go one by
// one, Z16...Z19 K0...K3 in every lane, Z20 byte i of a lane is i, Z21 and Z22
// permutations, X23 16, X24 32, X8 lengths, Z9 pieces, Z10 lengths in every byte,
// then states, Z11 what is left of the lengths; K1 first byte of every lane, K2
// words of more than 16 bytes.
//
// Why it is safe. Loads of a piece begin inside of the word (or at the end of
// an empty one) and so read at most 16 bytes after its end, which the Go side
// demands to be readable. The mask's load lies in the table since R11 is 0 to
// 16 there. Loads and stores are unaligned (MOVOU). Written is only the array of
// hashes, and hashVAES keeps four offsets on its stack. Nothing is called.

`

func main() {
	fmt.Print(prose)
	ConstraintExpr("!purego")

	keep := GLOBL("keep", RODATA|NOPTR)
	for i, v := range []uint64{^uint64(0), ^uint64(0), 0, 0} {
		DATA(8*i, U64(v))
	}

	lanes := GLOBL("lanes", RODATA|NOPTR)
	for i := range 64 {
		DATA(i, U8(uint8(i/16*4)))
	}
	iota16 := GLOBL("iota", RODATA|NOPTR)
	for i := range 64 {
		DATA(i, U8(uint8(i%16)))
	}
	lows := GLOBL("lows", RODATA|NOPTR)
	for i := range 8 {
		DATA(8*i, U64(uint64(2*i)%8))
	}
	four(keep, lanes, iota16, lows)

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

// four is hashVAES.
func four(keep, lanes, iota16, lows Mem) {
	TEXT("hashVAES", NOSPLIT, "func(hashes *uint64, text *byte, starts, ends *uint32, n int, keys *[4][16]byte)")
	offsets := AllocLocal(16)
	Load(Param("keys"), RAX)
	keys := []VecPhysical{Z16, Z17, Z18, Z19}
	for i, key := range []VecPhysical{X4, X5, X6, X7} {
		VMOVDQU(Mem{Base: RAX, Disp: 16 * i}, key)
		VBROADCASTI32X4(Mem{Base: RAX, Disp: 16 * i}, keys[i])
	}
	Load(Param("hashes"), RDI)
	Load(Param("text"), RSI)
	Load(Param("starts"), R8)
	Load(Param("ends"), R9)
	Load(Param("n"), RCX)
	LEAQ(keep, RDX)
	VMOVDQU64(iota16, Z20)
	VMOVDQU64(lanes, Z21)
	VMOVDQU64(lows, Z22)
	MOVQ(U64(0x0001000100010001), RAX)
	KMOVQ(RAX, K1)
	MOVL(U32(16), EAX)
	VPBROADCASTD(EAX, X23)
	VPADDD(X23, X23, X24)

	// pieces puts the 16 bytes from each of four offsets in text into Z9.
	pieces := func(offsets Mem) {
		for i, at := range []GPPhysical{R10, R11, R12, R13} {
			MOVL(offsets.Offset(4*i), at.As32())
			if piece := (Mem{Base: RSI, Index: at, Scale: 1}); i == 0 {
				VMOVDQU(piece, X9)
			} else {
				VINSERTI32X4(Imm(uint64(i)), piece, Z9, Z9)
			}
		}
	}
	// first leaves in Z10 the states after the first pieces.
	first := func() {
		pieces(Mem{Base: R8})
		VPERMB(Z8, Z21, Z10)
		VPCMPUB(Imm(1), Z10, Z20, K3)
		VMOVDQU8_Z(Z9, K3, Z9)
		VMOVDQU8_Z(Z10, K1, Z10)
		Comment("State: K0, length and piece.")
		VPTERNLOGQ(Imm(0x96), Z9, Z16, Z10)
		for _, key := range keys[1:] {
			VAESENC(key, Z10, Z10)
		}
	}

	Label("group")
	CMPQ(RCX, Imm(4))
	JL(LabelRef("few"))
	VMOVDQU(Mem{Base: R9}, X8)
	VPSUBD(Mem{Base: R8}, X8, X8)
	VPCMPUD(Imm(6), X23, X8, K2)
	KTESTB(K2, K2)
	JNZ(LabelRef("long"))
	first()
	Label("store")
	VPERMQ(Z10, Z22, Z10)
	VMOVDQU(Y10, Mem{Base: RDI})
	ADDQ(Imm(32), RDI)
	ADDQ(Imm(16), R8)
	ADDQ(Imm(16), R9)
	SUBQ(Imm(4), RCX)
	JMP(LabelRef("group"))

	Label("long")
	VPCMPUD(Imm(6), X24, X8, K3)
	KTESTB(K3, K3)
	JNZ(LabelRef("longer"))
	first()
	Comment("Second pieces; where there is none, the first again, of length 0.")
	VPSUBD_Z(X23, X8, K2, X11)
	VMOVDQU(Mem{Base: R8}, X12)
	VPADDD(X23, X12, K2, X12)
	VMOVDQU(X12, offsets)
	pieces(offsets)
	VPERMB(Z11, Z21, Z11)
	VPCMPUB(Imm(1), Z11, Z20, K3)
	VMOVDQU8_Z(Z9, K3, Z9)
	VPXORQ(Z10, Z9, Z9)
	for _, key := range keys[1:] {
		VAESENC(key, Z9, Z9)
	}
	VPTESTMB(Z11, Z11, K3)
	VMOVDQU8(Z9, K3, Z10)
	JMP(LabelRef("store"))

	Label("longer")
	MOVL(U32(4), R12L)
	SUBQ(R12, RCX)
	JMP(LabelRef("single"))
	Label("few")
	MOVQ(RCX, R12)
	XORL(ECX, ECX)
	TESTQ(R12, R12)
	JZ(LabelRef("all"))

	rounds := func() {
		VPXOR(X1, X0, X0)
		for _, key := range []VecPhysical{X5, X6, X7} {
			VAESENC(key, X0, X0)
		}
	}
	Label("single")
	MOVL(Mem{Base: R8}, R10L)
	MOVL(Mem{Base: R9}, R11L)
	SUBQ(R10, R11)
	ADDQ(RSI, R10)
	VMOVQ(R11, X0)
	VPXOR(X4, X0, X0)
	CMPQ(R11, Imm(16))
	JA(LabelRef("singlePieces"))
	Label("singleLast")
	NEGQ(R11)
	VMOVDQU(Mem{Base: R10}, X1)
	VPAND(Mem{Base: RDX, Index: R11, Scale: 1, Disp: 16}, X1, X1)
	rounds()
	VMOVQ(X0, Mem{Base: RDI})
	ADDQ(Imm(8), RDI)
	ADDQ(Imm(4), R8)
	ADDQ(Imm(4), R9)
	DECQ(R12)
	JNZ(LabelRef("single"))
	JMP(LabelRef("group"))
	Label("singlePieces")
	VMOVDQU(Mem{Base: R10}, X1)
	rounds()
	ADDQ(Imm(16), R10)
	SUBQ(Imm(16), R11)
	CMPQ(R11, Imm(16))
	JA(LabelRef("singlePieces"))
	JMP(LabelRef("singleLast"))

	Label("all")
	VZEROUPPER()
	RET()
}
