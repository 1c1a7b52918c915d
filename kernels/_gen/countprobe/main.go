// Command countprobe prints kernels/countprobe/countprobe_amd64.s.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const prose = `// Keys of a text looked up in tables of counts, with AVX2 and AES, and the steps
// for short keys with AVX-512 (VBMI2, VAES) too.
//
// Algorithm. flatten turns each byte of the start bits into the places of its
// bits by a table of 256 lists of eight, added to the place of the byte; all
// eight are stored, the next store begins behind those that count. partition
// subtracts neighbouring places, eight at a time, and compacts those of each
// list to the front of a vector by a table of 256 shuffles, stored likewise.
// VPCOMPRESSB and VPCOMPRESSW do both for 64 and 32 at a time.
//
// fill loads 16 (32) bytes of text, whatever the key's size, complements them
// and clears those behind the key by a mask cut from a row of ones and zeros;
// two rounds of AES make four bytes that depend on all bytes of the key, the
// hash; the line there is prefetched. (A wide key's second half enters as the
// round key of a round before.) AVX-512 fills four keys in one register.
//
// probe compares both words of a key with those of four entries at once: the
// exclusive or is zero but for the count in the highest byte, so the mask of
// the entry that matches comes from comparing all below with zero, and the
// masked words of four keys are added before their highest bytes are taken,
// which no four counts overflow. A miss is branched to: it costs far more than
// a wrong prediction. A wide key has two entries to compare with, by VPTEST and
// CMOV.
//
// Registers. Named where they are loaded: each loop keeps its arrays in SI, DI
// and R8...R13, its counter in CX or BX, and its constants in the vectors 10
// to 15.
//
// Tail. flatten takes whole words. partition first writes the last place again
// behind the places, so that what follows the last key has no size and is in no
// list. fill of AVX-512 repeats the last key up to a multiple of four. The
// other loops end with single keys.
//
// Why it is safe. Vectors are stored in lists whose length has 32 entries to
// spare. Loads of 16 (32) bytes of text begin in the text and end beyond it only
// within a page of it, by the choice of the Go side. Places in a table are
// masked to its length. Stack is not used, nothing is called; VZEROUPPER comes
// before each return.

`

// Round keys of AES: arbitrary, the first 128 fractional bits of pi.
var roundKey = [2]uint64{0x85A308D3243F6A88, 0x0370734413198A2E}

func main() {
	fmt.Print(prose)
	ConstraintExpr("!purego")
	flatten()
	partition()
	fill("fillShortAVX2", 16)
	fill("fillWideAVX2", 32)
	probeWide()
	probeShort(false)
	place()
	flatten512()
	partition512()
	fillShort512()
	probeShort(true)
	Generate()
}

func at(base, index Register, scale uint8) Mem { return Mem{Base: base, Index: index, Scale: scale} }

func flatten() {
	lists := GLOBL("bitPlaces", RODATA|NOPTR)
	for i := range 256 {
		var list uint64
		for bit, n := 0, 0; bit < 8; bit++ {
			if i>>bit&1 == 1 {
				list |= uint64(bit) << (8 * n)
				n++
			}
		}
		DATA(8*i, U64(list))
	}
	eight := GLOBL("eight", RODATA|NOPTR)
	DATA(0, U64(0x0008000800080008))
	DATA(8, U64(0x0008000800080008))

	TEXT("flattenAVX2", NOSPLIT, "func(positions *int16, starts *uint64, blocks int) (n int)")
	Load(Param("positions"), RDI)
	Load(Param("starts"), RSI)
	Load(Param("blocks"), RCX)
	LEAQ(lists, R8)
	XORL(EBX, EBX)
	VPXOR(X15, X15, X15)
	VMOVDQU(eight, X14)

	Label("block")
	MOVQ(Mem{Base: RSI}, RAX)
	for i := range 8 {
		MOVBLZX(AL, EDX)
		if i < 7 {
			SHRQ(Imm(8), RAX)
		}
		VPMOVZXBW(at(R8, RDX, 8), X0)
		POPCNTL(EDX, EDX)
		VPADDW(X15, X0, X0)
		VPADDW(X14, X15, X15)
		VMOVDQU(X0, at(RDI, RBX, 2))
		ADDQ(RDX, RBX)
	}
	ADDQ(Imm(8), RSI)
	DECQ(RCX)
	JNZ(LabelRef("block"))
	Store(RBX, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

func partition() {
	shuffles := GLOBL("compact", RODATA|NOPTR)
	for i := range 256 {
		var low, high uint64
		for bit, n := 0, 0; bit < 8; bit++ {
			if i>>bit&1 == 1 {
				pair := uint64(2*bit | (2*bit+1)<<8)
				if n < 4 {
					low |= pair << (16 * n)
				} else {
					high |= pair << (16 * (n - 4))
				}
				n++
			}
		}
		DATA(16*i, U64(low))
		DATA(16*i+8, U64(high))
	}
	longest := GLOBL("longestShort", RODATA|NOPTR)
	DATA(0, U64(0x000F000F000F000F))
	DATA(8, U64(0x000F000F000F000F))

	TEXT("partitionAVX2", NOSPLIT, "func(positions, shortStart, shortSize, wideStart, wideSize *int16, n, least int) (short, wide int)")
	Load(Param("positions"), RSI)
	Load(Param("shortStart"), RDI)
	Load(Param("shortSize"), R8)
	Load(Param("wideStart"), R9)
	Load(Param("wideSize"), R10)
	Load(Param("n"), RCX)
	Load(Param("least"), RAX)
	Comment("Behind the places, the last again")
	VPBROADCASTW(at(RSI, RCX, 2), X0)
	VMOVDQU(X0, at(RSI, RCX, 2).Offset(2))
	Comment("A key is listed if larger than least-1")
	DECL(EAX)
	VMOVD(EAX, X14)
	VPBROADCASTW(X14, X14)
	VMOVDQU(longest, X15)
	LEAQ(shuffles, R11)
	LEAQ(at(RSI, RCX, 2), RCX)
	XORL(EBX, EBX)
	XORL(R12L, R12L)

	Label("eight")
	VMOVDQU(Mem{Base: RSI}, X0)
	VMOVDQU(Mem{Base: RSI, Disp: 2}, X1)
	VPSUBW(X0, X1, X1)
	VPCMPGTW(X14, X1, X2)
	VPCMPGTW(X15, X1, X3)
	VPANDN(X2, X3, X2)
	VPACKSSWB(X3, X2, X2)
	VPMOVMSKB(X2, EAX)
	MOVBLZX(AL, EDX)
	POPCNTL(EDX, R13L)
	SHLL(Imm(4), EDX)
	VMOVDQU(at(R11, RDX, 1), X4)
	VPSHUFB(X4, X0, X5)
	VPSHUFB(X4, X1, X6)
	VMOVDQU(X5, at(RDI, RBX, 2))
	VMOVDQU(X6, at(R8, RBX, 2))
	ADDQ(R13, RBX)
	SHRL(Imm(8), EAX)
	JZ(LabelRef("noneWide"))
	POPCNTL(EAX, R13L)
	SHLL(Imm(4), EAX)
	VMOVDQU(at(R11, RAX, 1), X4)
	VPSHUFB(X4, X0, X5)
	VPSHUFB(X4, X1, X6)
	VMOVDQU(X5, at(R9, R12, 2))
	VMOVDQU(X6, at(R10, R12, 2))
	ADDQ(R13, R12)
	Label("noneWide")
	ADDQ(Imm(16), RSI)
	CMPQ(RSI, RCX)
	JB(LabelRef("eight"))
	Store(RBX, ReturnIndex(0))
	Store(R12, ReturnIndex(1))
	VZEROUPPER()
	RET()
}

// constants that several functions use.
var constants struct {
	ones    Mem // 32 bytes of ones, then 32 of zeros
	round   Mem // the round key
	keyWord Mem // the bits of a key in the last word of an entry
}

func fill(name string, width int) {
	if width == 16 {
		constants.ones = GLOBL("ones", RODATA|NOPTR)
		for i := range 8 {
			word := ^uint64(0)
			if i >= 4 {
				word = 0
			}
			DATA(8*i, U64(word))
		}
		constants.round = GLOBL("round", RODATA|NOPTR)
		DATA(0, U64(roundKey[0]))
		DATA(8, U64(roundKey[1]))
	}
	TEXT(name, NOSPLIT,
		"func(key *uint64, place *uint32, text *byte, base int, start, size *int16, n int, table *uint64, mask uint32)")
	Load(Param("key"), RDI)
	Load(Param("place"), R8)
	Load(Param("text"), RSI)
	Load(Param("base"), RAX)
	ADDQ(RAX, RSI)
	Load(Param("start"), R9)
	Load(Param("size"), R10)
	Load(Param("n"), RCX)
	Load(Param("table"), R11)
	Load(Param("mask"), R12)
	VMOVDQU(constants.round, X15)
	Comment("Masks end where the ones do")
	LEAQ(constants.ones.Offset(32), R13)
	XORL(EBX, EBX)

	// one fills entry RBX+i.
	one := func(i int, a, b Physical, x, hash VecPhysical) {
		MOVWQSX(at(R9, RBX, 2).Offset(2*i), a)
		MOVWQSX(at(R10, RBX, 2).Offset(2*i), b)
		NEGQ(b)
		if width == 16 {
			VMOVDQU(at(RSI, a, 1), x)
			VPANDN(at(R13, b, 1), x, x)
			VMOVDQU(x, at(RDI, RDX, 8).Offset(16*i))
			VAESENC(X15, x, hash)
		} else {
			wide := x.AsY().(VecPhysical)
			VMOVDQU(at(RSI, a, 1), wide)
			VPANDN(at(R13, b, 1), wide, wide)
			VMOVDQU(wide, at(RDI, RDX, 8).Offset(32*i))
			VEXTRACTI128(Imm(1), wide, hash)
			VAESENC(hash, x, hash)
			VAESENC(X15, hash, hash)
		}
		VAESENC(X15, hash, hash)
		VMOVD(hash, a.(GPPhysical).As32())
		ANDL(R12L, a.(GPPhysical).As32())
		MOVL(a.(GPPhysical).As32(), at(R8, RBX, 4).Offset(4*i))
		PREFETCHT0(at(R11, a, 1))
	}
	words := uint64(width / 8)
	XORL(EDX, EDX)
	SUBQ(Imm(2), RCX)
	JL(LabelRef("last"))
	Label("two")
	one(0, RAX, R14, X0, X1)
	one(1, RAX, R14, X2, X3)
	ADDQ(Imm(2*words), RDX)
	ADDQ(Imm(2), RBX)
	CMPQ(RBX, RCX)
	JLE(LabelRef("two"))
	Label("last")
	ADDQ(Imm(2), RCX)
	CMPQ(RBX, RCX)
	JE(LabelRef("done"))
	one(0, RAX, R14, X0, X1)
	Label("done")
	VZEROUPPER()
	RET()
}

// probeShort is for AVX2, or for AVX-512 with half its width: the comparisons
// give mask registers there.
func probeShort(avx512 bool) {
	name := "probeShortAVX2"
	if avx512 {
		name = "probeShortAVX512"
	}
	TEXT(name, NOSPLIT, "func(missing *uint16, key *uint64, place *uint32, n int, table *uint64) (sum, misses int)")
	Load(Param("missing"), RDI)
	Load(Param("key"), RSI)
	Load(Param("place"), R8)
	Load(Param("n"), RCX)
	Load(Param("table"), R9)
	VPXOR(Y14, Y14, Y14)
	if avx512 {
		VMOVDQU(constants.keyWord, X15)
		VPBROADCASTQ(X15, Y15)
	} else {
		VPXOR(Y15, Y15, Y15)
	}
	XORL(EBX, EBX)
	XORL(R10L, R10L)

	// one probes entry RBX+i and leaves its count in the highest byte of a word
	// of sum, or adds it there.
	one := func(i int, label string, sum VecPhysical, add bool) {
		low, high, hit := Y0, Y1, Y2
		MOVL(at(R8, RBX, 4).Offset(4*i), EAX)
		ADDQ(R9, RAX)
		VPBROADCASTQ(Mem{Base: RSI, Disp: 16 * i}, low)
		VPBROADCASTQ(Mem{Base: RSI, Disp: 16*i + 8}, high)
		VPXOR(Mem{Base: RAX}, low, low)
		VPXOR(Mem{Base: RAX, Disp: 32}, high, high)
		if avx512 {
			Comment("low | high & keyWord")
			VPTERNLOGQ(U8(0xF8), Y15, high, low)
			VPTESTNMQ(low, low, K1)
			if add {
				VPADDQ(high, sum, K1, sum)
			} else {
				VMOVDQU64_Z(high, K1, sum)
			}
			KMOVB(K1, EAX)
		} else {
			VPSLLQ(Imm(8), high, hit)
			VPOR(low, hit, hit)
			VPCMPEQQ(Y15, hit, hit)
			if add {
				VPAND(hit, high, high)
				VPADDQ(high, sum, sum)
			} else {
				VPAND(hit, high, sum)
			}
			VMOVMSKPD(hit, EAX)
		}
		TESTL(EAX, EAX)
		JNE(LabelRef(label))
		LEAQ(Mem{Base: RBX, Disp: i}, RAX)
		MOVW(AX, at(RDI, R10, 2))
		INCQ(R10)
		Label(label)
	}
	SUBQ(Imm(4), RCX)
	JL(LabelRef("rest"))
	Label("four")
	for i := range 4 {
		one(i, fmt.Sprint("hit", i), Y3, i > 0)
	}
	VPSRLQ(Imm(56), Y3, Y3)
	VPADDQ(Y3, Y14, Y14)
	ADDQ(Imm(64), RSI)
	ADDQ(Imm(4), RBX)
	CMPQ(RBX, RCX)
	JLE(LabelRef("four"))
	Label("rest")
	ADDQ(Imm(4), RCX)
	CMPQ(RBX, RCX)
	JE(LabelRef("done"))
	Label("single")
	one(0, "hit", Y3, false)
	VPSRLQ(Imm(56), Y3, Y3)
	VPADDQ(Y3, Y14, Y14)
	ADDQ(Imm(16), RSI)
	INCQ(RBX)
	CMPQ(RBX, RCX)
	JNE(LabelRef("single"))
	Label("done")
	VEXTRACTI128(Imm(1), Y14, X0)
	VPADDQ(X0, X14, X0)
	VPSRLDQ(Imm(8), X0, X1)
	VPADDQ(X0, X1, X0)
	VMOVQ(X0, RAX)
	Store(RAX, ReturnIndex(0))
	Store(R10, ReturnIndex(1))
	VZEROUPPER()
	RET()
}

func probeWide() {
	words := GLOBL("keyBits", RODATA|NOPTR)
	for i := range 4 {
		word := ^uint64(0)
		if i == 3 {
			word >>= 8
		}
		DATA(8*i, U64(word))
	}
	constants.keyWord = words.Offset(24)
	TEXT("probeWideAVX2", NOSPLIT, "func(missing *uint16, key *uint64, place *uint32, n int, table *uint64) (sum, misses int)")
	Load(Param("missing"), RDI)
	Load(Param("key"), RSI)
	Load(Param("place"), R8)
	Load(Param("n"), RCX)
	Load(Param("table"), R9)
	VMOVDQU(words, Y15)
	XORL(EBX, EBX)
	XORL(R10L, R10L)
	XORL(R11L, R11L)

	Label("one")
	MOVL(at(R8, RBX, 4), EAX)
	ADDQ(R9, RAX)
	VMOVDQU(Mem{Base: RSI}, Y0)
	VPXOR(Mem{Base: RAX}, Y0, Y1)
	VPXOR(Mem{Base: RAX, Disp: 32}, Y0, Y2)
	MOVBLZX(Mem{Base: RAX, Disp: 31}, R12L)
	MOVBLZX(Mem{Base: RAX, Disp: 63}, R13L)
	Comment("The count of the entry that matches, or -1")
	MOVQ(I32(-1), RDX)
	VPTEST(Y15, Y1)
	CMOVQEQ(R12, RDX)
	VPTEST(Y15, Y2)
	CMOVQEQ(R13, RDX)
	MOVW(BX, at(RDI, R10, 2))
	ADDQ(RDX, R11)
	SHRQ(Imm(63), RDX)
	ADDQ(RDX, R10)
	ADDQ(Imm(32), RSI)
	INCQ(RBX)
	CMPQ(RBX, RCX)
	JB(LabelRef("one"))
	Comment("Every miss took one away")
	ADDQ(R10, R11)
	Store(R11, ReturnIndex(0))
	Store(R10, ReturnIndex(1))
	VZEROUPPER()
	RET()
}

// place is the hash of the fills, of one key.
func place() {
	TEXT("placeShortAES", NOSPLIT, "func(low, high uint64) uint32")
	Load(Param("low"), RAX)
	Load(Param("high"), RBX)
	VMOVQ(RAX, X0)
	VPINSRQ(Imm(1), RBX, X0, X0)
	VMOVDQU(constants.round, X15)
	VAESENC(X15, X0, X0)
	VAESENC(X15, X0, X0)
	VMOVD(X0, EAX)
	Store(EAX, ReturnIndex(0))
	RET()

	TEXT("placeWideAES", NOSPLIT, "func(key *uint64) uint32")
	Load(Param("key"), RAX)
	VMOVDQU(Mem{Base: RAX}, X0)
	VMOVDQU(constants.round, X15)
	VAESENC(Mem{Base: RAX, Disp: 16}, X0, X0)
	VAESENC(X15, X0, X0)
	VAESENC(X15, X0, X0)
	VMOVD(X0, EAX)
	Store(EAX, ReturnIndex(0))
	RET()
}
