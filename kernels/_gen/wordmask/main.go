// Command wordmask prints kernels/wordmask/wordmask_amd64.s.
package main

import (
	"fmt"
	"slices"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const prose = `// Masks of what bytes are to words, and the text in lower case, 64 bytes at a
// time with AVX2; and where the words of such masks start and end, with BMI1 or
// with AVX-512.
//
// scanAVX2. AVX2 compares bytes as signed numbers only, so a range test first
// adds (modulo 256) what moves the range to the largest numbers: x + 37 takes
// 'A'...'Z' to 102...127, and no other byte there, so x is upper case iff
// x + 37 > 101. Upper case gets bit 0x20. The same on the result finds all
// letters and the digits. VPMOVMSKB turns the OR of both into one bit per byte;
// of x itself it is the mask of bytes >= 0x80. A block without such bytes is done.
//
// In the others, loads of the text one and two bytes further on put the second
// and third byte of a character beside its first one. Of two-byte characters
// comparisons of both find those that the doc comment lists. Those of three bytes
// are in 16 sets, two times eight bits: a character is in a set if its first byte
// is, both halves of its second and, where that matters, its third (VPSHUFB looks
// each of them up by a half of the byte, as in Keiser, Lemire: "Validating UTF-8
// in less than one instruction per byte", 2021). Shifts of the masks of first
// bytes add the other bytes; what they shift out belongs to the next block. First bytes are never other bytes of a character, so characters that
// are not UTF-8 do not matter: a first byte without what must follow it is none
// that is found. The parts for characters of three and of two bytes are left
// out where there is no first byte of one.
//
// Lower case of two-byte characters is an exclusive or with the first byte, in
// place, and one with the second, computed beside the first and moved on by one
// byte: VPERM2I128 and VPALIGNR put the last byte of the 32 bytes before in front.
//
// Registers. SI text, DI lower, R8 masks, CX blocks left; they advance by one
// block per turn. R11, R12, R13 what the block before leaves: bytes in a word,
// bytes that are known, cuts. Y15 what it leaves to lower case, in its last
// byte. Y0, Y1 the halves of the block, AX, BX, DX its masks: word, cuts, known
// bytes. R9, R10, R14 first bytes: alone, in a word, known. All others are
// temporary.
//
// edgesBMI, edgesAVX512. A word starts where a byte is in a word and the one
// before is not, or where there is a cut; it ends the other way round. BMI1 takes
// one bit of a mask after the other (TZCNT, BLSR), eight without a branch: a loop
// that ends after each is a wrong guess of the branch predictor per block. With
// VBMI2, VPCOMPRESSB gathers the numbers of all bits of a mask at once; those
// beyond the first 16 or 32 are stored by branches that are seldom taken.
//
// Registers. R8 masks, CX blocks left, DI next start, DX next end, R9 place of
// the block, R10 1 if the byte before is in a word. AX, BX, R11 the masks of the
// block, starts and ends; R12, R13 their numbers. Z0 the numbers 0...63, Z1 the
// place of the block in 16 lanes.
//
// Tail. None: the Go side hands over whole blocks.
//
// Why it is safe. scanAVX2 reads 64*blocks + 2 bytes at text and writes
// 64*blocks at lower and 24*blocks at masks. Nothing is read of a block, and of
// the two bytes behind it, after it is written, so lower may be text. The other
// two write at starts and ends up to 16 positions more than there are. A block
// has at most 32 starts or ends and one that the block before left: words in a
// row are of three bytes or more, all others have a byte between them; what does
// not keep to that may have 64, and room for 64 a block is demanded. Loads and
// stores are unaligned. Nothing is called, no stack is used. VZEROUPPER before
// the return, so that SSE code of the caller does not pay for dirty upper halves.

`

var repeated = map[byte]Mem{}

// bytes32 is 32 times b in memory.
func bytes32(b byte) Mem {
	m, ok := repeated[b]
	if !ok {
		m = GLOBL(fmt.Sprintf("byte%02x", b), RODATA|NOPTR)
		for i := 0; i < 32; i += 8 {
			DATA(i, U64(0x0101010101010101*uint64(b)))
		}
		repeated[b] = m
	}
	return m
}

// is leaves in dst where x is b.
func is(x VecPhysical, b byte, dst VecPhysical) { VPCMPEQB(bytes32(b), x, dst) }

// within leaves in dst where x is from lo to hi: they go to the largest signed
// numbers.
func within(x VecPhysical, lo, hi byte, dst VecPhysical) {
	VPADDB(bytes32(0x7f-hi), x, dst)
	VPCMPGTB(bytes32(0x7f-(hi-lo)-1), dst, dst)
}

func and(x, y, dst VecPhysical) { VPAND(x, y, dst) }
func or(x, y, dst VecPhysical)  { VPOR(x, y, dst) }

// without leaves in dst x but for y.
func without(x, y, dst VecPhysical) { VPANDN(x, y, dst) }

// mask adds half of a mask of 64 bits to dst, the first half first.
func mask(x VecPhysical, half int, dst, tmp GPPhysical) {
	if half == 0 {
		VPMOVMSKB(x, dst.As32())
		return
	}
	VPMOVMSKB(x, tmp.As32())
	SHLQ(Imm(32), tmp)
	ORQ(tmp, dst)
}

// set is a set of three-byte characters, a product of first bytes, of upper and
// lower halves of second bytes and of ranges of third ones.
type set struct {
	class                 int
	first, upper2, lower2 string // hexadecimal digits
	third                 [][2]byte
}

const (
	separator = iota
	inWord
	alone
)

var (
	anyUpper, anyLower = "89ab", "0123456789abcdef"
	anyThird           = [][2]byte{{0x80, 0xbf}}
)

// threeByteSets are what is known of three-byte characters: eight sets whose
// third byte may be any, eight more. A set has a bit.
var threeByteSets = [2][8]set{
	{
		{alone, "56789", anyUpper, anyLower, anyThird},
		{alone, "4", "89a", anyLower, anyThird},
		{alone, "4", "b", "012345689abcdef", anyThird},
		{alone, "3", "9ab", anyLower, anyThird},
		{inWord, "bc", anyUpper, anyLower, anyThird},
		{inWord, "a", "b", anyLower, anyThird},
		{inWord, "d", "8", anyLower, anyThird},
		{inWord, "d", "9", "0123456789abcd", anyThird},
	},
	{
		{separator, "2", "8", "0789abcdef", anyThird},
		{separator, "2", "9a", anyLower, anyThird},
		{separator, "3", "8", "0", [][2]byte{{0x80, 0x84}, {0x88, 0xa0}}},
		{alone, "3", "8", "1", [][2]byte{{0x81, 0xbf}}},
		{alone, "3", "8", "2", [][2]byte{{0x80, 0x96}, {0xa1, 0xbf}}},
		{alone, "3", "8", "3", [][2]byte{{0x80, 0xba}}},
		{inWord, "3", "8", "3", [][2]byte{{0xbc, 0xbc}}},
		{separator, "f", "b", "c", [][2]byte{{0x80, 0x8f}, {0x9a, 0xa0}, {0xbb, 0xbf}}},
	},
}

// lookup is a table for VPSHUFB, the same for both lanes: bit k of entry i is
// in(i, set k).
func lookup(name string, sets [8]set, in func(i int, s set) bool) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i := range 32 {
		var bits uint8
		for k, s := range sets {
			if in(i%16, s) {
				bits |= 1 << k
			}
		}
		DATA(i, U8(bits))
	}
	return m
}

// threeByteTables are the tables of the sets.
type threeByteTables struct {
	first, upper2, lower2 [2]Mem
	third                 [4]Mem // by its upper half from 8 on, of the second eight sets
	ofClass               [2][3]byte
}

func newThreeByteTables() (t threeByteTables) {
	digit := func(i int) string { return fmt.Sprintf("%x", i) }
	for group, sets := range threeByteSets {
		name := fmt.Sprint("sets", group)
		t.first[group] = lookup(name+"First", sets, func(i int, s set) bool { return strings.Contains(s.first, digit(i)) })
		t.upper2[group] = lookup(name+"Upper2", sets, func(i int, s set) bool { return strings.Contains(s.upper2, digit(i)) })
		t.lower2[group] = lookup(name+"Lower2", sets, func(i int, s set) bool { return strings.Contains(s.lower2, digit(i)) })
		for k, s := range sets {
			t.ofClass[group][s.class] |= 1 << k
		}
	}
	for upper := range t.third {
		t.third[upper] = lookup(fmt.Sprint("sets1Third", upper+8), threeByteSets[1], func(i int, s set) bool {
			third := byte(0x80 + 16*upper + i)
			return slices.ContainsFunc(s.third, func(r [2]byte) bool { return r[0] <= third && third <= r[1] })
		})
	}
	return t
}

// three leaves in R9, R10 and R14 where no known three-byte characters begin:
// alone, in a word or alone, any.
func three(t threeByteTables, x VecPhysical, half int) {
	second, third := Y2, Y3
	VMOVDQU(Mem{Base: RSI, Disp: 32*half + 1}, second)
	VMOVDQU(Mem{Base: RSI, Disp: 32*half + 2}, third)
	look := func(table Mem, index, dst VecPhysical) {
		VMOVDQU(table, dst)
		VPSHUFB(index, dst, dst)
	}
	// upperIs leaves in dst the lower halves of bytes whose upper half is that
	// of b, else a number that VPSHUFB makes 0 of.
	upperIs := func(x VecPhysical, b byte, dst VecPhysical) {
		VPXOR(bytes32(b), x, dst)
		VPADDUSB(bytes32(0x70), dst, dst)
	}
	first, upper2, lower2 := Y4, Y5, Y6
	upperIs(x, 0xe0, first)
	VPSRLW(Imm(4), second, upper2)
	VPAND(bytes32(0x0f), upper2, upper2)
	VPAND(bytes32(0x0f), second, lower2)
	for group, in := range []VecPhysical{Y7, Y8} {
		look(t.first[group], first, in)
		look(t.upper2[group], upper2, Y9)
		and(Y9, in, in)
		look(t.lower2[group], lower2, Y9)
		and(Y9, in, in)
	}
	within(third, 0x80, 0xbf, Y9)
	and(Y9, Y7, Y7)
	for upper, table := range t.third {
		in := []VecPhysical{Y9, Y10, Y11, Y12}[upper]
		upperIs(third, byte(0x80+16*upper), Y13)
		look(table, Y13, in)
	}
	or(Y10, Y9, Y9)
	or(Y12, Y11, Y11)
	or(Y11, Y9, Y9)
	and(Y9, Y8, Y8)

	zero := Y14
	VPXOR(zero, zero, zero)
	classes := func(dst GPPhysical, of ...int) {
		var bits [2]byte
		for _, class := range of {
			bits[0] |= t.ofClass[0][class]
			bits[1] |= t.ofClass[1][class]
		}
		VPAND(bytes32(bits[0]), Y7, Y9)
		VPAND(bytes32(bits[1]), Y8, Y10)
		or(Y10, Y9, Y9)
		VPCMPEQB(zero, Y9, Y9)
		mask(Y9, half, dst, R15)
	}
	classes(R9, alone)
	classes(R10, alone, inWord)
	classes(R14, alone, inWord, separator)
}

// two leaves the masks of known two-byte characters' first bytes in R10 and R14
// and x in lower case.
func two(x VecPhysical, half int) {
	second := Y2
	VMOVDQU(Mem{Base: RSI, Disp: 32*half + 1}, second)
	complete, c3, d0, letters, a, b, c, d := Y3, Y4, Y5, Y6, Y7, Y8, Y9, Y10
	within(second, 0x80, 0xbf, complete)
	is(x, 0xc3, c3)
	is(x, 0xd0, d0)

	Comment("In a word: Latin, Cyrillic")
	is(second, 0x97, a)
	is(second, 0xb7, b)
	or(a, b, a)
	without(c3, a, letters)
	or(letters, d0, a)
	is(x, 0xd1, b)
	within(second, 0x80, 0x9f, c)
	and(b, c, b)
	or(a, b, a)
	and(a, complete, a)
	mask(a, half, R10, R15)

	Comment("Separators: what is left of Latin 1 but three letters")
	is(second, 0xaa, b)
	is(second, 0xb5, c)
	or(b, c, b)
	is(second, 0xba, c)
	or(b, c, b)
	is(x, 0xc2, c)
	without(c, b, b)
	or(b, c3, b)
	and(b, complete, b)
	or(a, b, a)
	mask(a, half, R14, R15)

	Comment("Lower case")
	within(second, 0x80, 0x9e, a)
	and(a, letters, a)
	within(second, 0x90, 0xaf, b)
	and(b, d0, b)
	or(a, b, a)
	VPAND(bytes32(0x20), a, a)
	within(second, 0x80, 0x8f, b)
	and(b, d0, b)
	within(second, 0xa0, 0xaf, c)
	and(c, d0, c)
	or(b, c, c)
	VPAND(bytes32(0x01), c, c)
	VPXOR(c, x, x)
	VPAND(bytes32(0x10), b, b)
	or(a, b, a)
	VPERM2I128(Imm(0x21), a, Y15, d)
	VPALIGNR(Imm(15), d, a, d)
	VPXOR(d, x, x)
	VMOVDQA(a, Y15)
}

// spread ORs to dst the bytes of characters of so many bytes with the first
// bytes of the mask, which it destroys, and to next what is left for the next
// block.
func spread(first GPPhysical, size int, dst, next GPPhysical) {
	ORQ(first, dst)
	LEAQ(Mem{Base: first, Index: first, Scale: 1}, R15)
	ORQ(R15, dst)
	if size == 3 {
		ADDQ(R15, R15)
		ORQ(R15, dst)
		MOVQ(first, R15)
		SHRQ(Imm(62), R15)
		ORQ(R15, next)
	}
	SHRQ(Imm(63), first)
	ORQ(first, next)
}

func scanAVX2() {
	tables := newThreeByteTables()
	TEXT("scanAVX2", NOSPLIT, "func(lower *byte, masks *byte, text *byte, blocks int, s *byte)")
	Load(Param("lower"), RDI)
	Load(Param("masks"), R8)
	Load(Param("text"), RSI)
	Load(Param("blocks"), RCX)
	Load(Param("s"), RAX)
	MOVQ(Mem{Base: RAX}, R11)
	MOVQ(Mem{Base: RAX, Disp: 8}, R13)
	MOVQ(Mem{Base: RAX, Disp: 16}, R12)
	VPBROADCASTB(Mem{Base: RAX, Disp: 24}, Y15)

	// half leaves the lower case of x in x and its word mask in word.
	half := func(x, a, b VecPhysical, word GPPhysical) {
		Comment("Digits")
		within(x, '0', '9', a)
		Comment("Lower case")
		within(x, 'A', 'Z', b)
		VPAND(bytes32(0x20), b, b)
		VPOR(b, x, x)
		Comment("Letters")
		within(x, 'a', 'z', b)
		VPOR(a, b, b)
		VPMOVMSKB(b, word.As32())
	}

	Label("block")
	VMOVDQU(Mem{Base: RSI}, Y0)
	VMOVDQU(Mem{Base: RSI, Disp: 32}, Y1)
	VPMOVMSKB(Y0, R14.As32())
	VPMOVMSKB(Y1, R15.As32())
	half(Y0, Y2, Y3, RAX)
	half(Y1, Y4, Y5, RBX)
	SHLQ(Imm(32), RBX)
	ORQ(RBX, RAX)
	SHLQ(Imm(32), R15)
	ORQ(R15, R14)
	JNZ(LabelRef("wide"))
	MOVQ(RAX, Mem{Base: R8})
	MOVQ(R13, Mem{Base: R8, Disp: 8})
	MOVQ(R14, Mem{Base: R8, Disp: 16})
	XORL(R13.As32(), R13.As32())

	Label("store")
	VMOVDQU(Y0, Mem{Base: RDI})
	VMOVDQU(Y1, Mem{Base: RDI, Disp: 32})
	ADDQ(Imm(64), RSI)
	ADDQ(Imm(64), RDI)
	ADDQ(Imm(24), R8)
	DECQ(RCX)
	JNZ(LabelRef("block"))
	Load(Param("s"), RAX)
	MOVQ(R11, Mem{Base: RAX})
	MOVQ(R13, Mem{Base: RAX, Disp: 8})
	MOVQ(R12, Mem{Base: RAX, Disp: 16})
	VEXTRACTI128(Imm(1), Y15, X0)
	VPEXTRB(Imm(15), X0, Mem{Base: RAX, Disp: 24})
	VZEROUPPER()
	RET()

	Label("wide")
	MOVQ(R14, Mem{Base: R8, Disp: 16})
	ORQ(R11, RAX)
	XORL(R11.As32(), R11.As32())
	MOVQ(R13, RBX)
	XORL(R13.As32(), R13.As32())
	MOVQ(R12, RDX)
	XORL(R12.As32(), R12.As32())
	within(Y0, 0xc2, 0xdf, Y2)
	within(Y1, 0xc2, 0xdf, Y3)
	or(Y2, Y3, Y2)
	VPTEST(Y2, Y2)
	JNZ(LabelRef("two"))
	Comment("What the block before has left for lower case")
	VPXOR(Y2, Y2, Y2)
	VPERM2I128(Imm(0x21), Y2, Y15, Y3)
	VPALIGNR(Imm(15), Y3, Y2, Y3)
	VPXOR(Y3, Y0, Y0)
	VMOVDQA(Y2, Y15)

	Label("three")
	within(Y0, 0xe2, 0xef, Y2)
	within(Y1, 0xe2, 0xef, Y3)
	or(Y2, Y3, Y2)
	VPTEST(Y2, Y2)
	JZ(LabelRef("known"))
	three(tables, Y0, 0)
	three(tables, Y1, 1)
	for _, none := range []GPPhysical{R9, R10, R14} {
		NOTQ(none)
	}
	ORQ(R9, RBX)
	MOVQ(R9, R15)
	SHLQ(Imm(3), R15)
	ORQ(R15, RBX)
	SHRQ(Imm(61), R9)
	MOVQ(R9, R13)
	spread(R10, 3, RAX, R11)
	spread(R14, 3, RDX, R12)

	Label("known")
	MOVQ(RAX, Mem{Base: R8})
	MOVQ(RBX, Mem{Base: R8, Disp: 8})
	ANDNQ(Mem{Base: R8, Disp: 16}, RDX, RDX)
	MOVQ(RDX, Mem{Base: R8, Disp: 16})
	JMP(LabelRef("store"))

	Label("two")
	two(Y0, 0)
	two(Y1, 1)
	spread(R10, 2, RAX, R11)
	spread(R14, 2, RDX, R12)
	JMP(LabelRef("three"))
}

// edgesHead loads the arguments of edgesBMI and edgesAVX512.
func edgesHead(name string) {
	TEXT(name, NOSPLIT, "func(starts, ends *uint32, masks *byte, blocks int) (n int)")
	Load(Param("starts"), RDI)
	Load(Param("ends"), RDX)
	Load(Param("masks"), R8)
	Load(Param("blocks"), RCX)
	XORL(R9.As32(), R9.As32())
	XORL(R10.As32(), R10.As32())
}

// edgeMasks leaves the starts of a block in AX and its ends in BX.
func edgeMasks() {
	MOVQ(Mem{Base: R8}, RAX)
	MOVQ(Mem{Base: R8, Disp: 8}, R11)
	LEAQ(Mem{Base: R10, Index: RAX, Scale: 2}, RBX) // in a word: the byte before
	MOVQ(RAX, R10)
	SHRQ(Imm(63), R10)
	MOVQ(RAX, R12)
	ORQ(RBX, R12)
	ANDQ(R11, R12) // a cut with a word on either side
	MOVQ(RAX, R13)
	XORQ(RBX, R13)
	ORQ(R12, R13) // all edges
	ANDQ(R13, RAX)
	ANDQ(R13, RBX)
}

// edgesTail returns the number of starts.
func edgesTail() {
	Load(Param("starts"), RAX)
	SUBQ(RAX, RDI)
	SHRQ(Imm(2), RDI)
	Store(RDI, ReturnIndex(0))
	RET()
}

func edgesBMI() {
	edgesHead("edgesBMI")
	// emit stores the places of the bits of bits at to.
	emit := func(name string, bits, to GPPhysical) {
		POPCNTQ(bits, R12)
		LEAQ(Mem{Base: to, Index: R12, Scale: 4}, R12)
		Label(name)
		for i := range 8 {
			TZCNTQ(bits, R13)
			ADDL(R9.As32(), R13.As32())
			MOVL(R13.As32(), Mem{Base: to, Disp: 4 * i})
			if i < 7 {
				BLSRQ(bits, bits)
			}
		}
		BLSRQ(bits, bits)
		LEAQ(Mem{Base: to, Disp: 32}, to)
		CMPQ(to, R12)
		JB(LabelRef(name))
		MOVQ(R12, to)
	}
	Label("edgesBlock")
	edgeMasks()
	emit("start", RAX, RDI)
	emit("end", RBX, RDX)
	ADDQ(Imm(24), R8)
	ADDL(Imm(64), R9.As32())
	DECQ(RCX)
	JNZ(LabelRef("edgesBlock"))
	edgesTail()
}

func edgesAVX512() {
	numbers := GLOBL("numbers", RODATA|NOPTR)
	for i := range 64 {
		DATA(i, U8(uint8(i)))
	}
	edgesHead("edgesAVX512")
	VMOVDQU64(numbers, Z0)
	VPXORQ(Z1, Z1, Z1)
	MOVL(U32(64), EAX)
	VPBROADCASTD(EAX, Z2)
	emit := func(name string, bits, to GPPhysical) {
		POPCNTQ(bits, R12)
		KMOVQ(bits, K1)
		VPCOMPRESSB_Z(Z0, K1, Z3)
		VPMOVZXBD(X3, Z4)
		VPADDD(Z1, Z4, Z4)
		VMOVDQU32(Z4, Mem{Base: to})
		CMPL(R12.As32(), Imm(16))
		JA(LabelRef(name + "More"))
		Label(name + "Stored")
		LEAQ(Mem{Base: to, Index: R12, Scale: 4}, to)
	}
	more := func(name string, to GPPhysical) {
		Label(name + "More")
		for i := 1; i < 4; i++ {
			VEXTRACTI32X4(Imm(uint64(i)), Z3, X4)
			VPMOVZXBD(X4, Z4)
			VPADDD(Z1, Z4, Z4)
			VMOVDQU32(Z4, Mem{Base: to, Disp: 64 * i})
			if i < 3 {
				CMPL(R12.As32(), Imm(uint64(16*i+16)))
				JBE(LabelRef(name + "Stored"))
			}
		}
		JMP(LabelRef(name + "Stored"))
	}
	Label("block512")
	edgeMasks()
	emit("start512", RAX, RDI)
	emit("end512", RBX, RDX)
	VPADDD(Z2, Z1, Z1)
	ADDQ(Imm(24), R8)
	DECQ(RCX)
	JNZ(LabelRef("block512"))
	VZEROUPPER()
	edgesTail()
	more("start512", RDI)
	more("end512", RDX)
}

func main() {
	fmt.Print(prose)
	ConstraintExpr("!purego")
	scanAVX2()
	edgesBMI()
	edgesAVX512()
	Generate()
}
