package nfcscan

// The characters that stop Plain, as bits. By three bytes (the third of any
// value unless said): E3 82 99-9A, E3 80 AA-AF, E2 80 80-81; E2 with 83, 84, 8C;
// E2 with A or B and 3, 5, 7, B; EF with A4-AD; EF B8; EA with 80-AF.
const (
	voicing = 1 << iota
	cjkMarks
	quads
	arrows
	forms
	compatibility
	halfMarks
	vai
)

// The bits that a byte may have part in, by the halves of the first, the second
// and the third byte of a character.
var (
	firstHigh  = [16]uint8{0xE: 0xFF}
	firstLow   = [16]uint8{0x2: quads | arrows | forms, 0x3: voicing | cjkMarks, 0xA: vai, 0xF: compatibility | halfMarks}
	secondHigh = [16]uint8{0x8: cjkMarks | voicing | quads | arrows | vai, 0x9: vai, 0xA: forms | compatibility | vai, 0xB: forms | halfMarks}
	secondLow  = [16]uint8{
		cjkMarks | quads | vai, vai, voicing | vai, arrows | forms | vai,
		arrows | compatibility | vai, forms | compatibility | vai, compatibility | vai, forms | compatibility | vai,
		compatibility | halfMarks | vai, compatibility | vai, compatibility | vai, forms | compatibility | vai,
		arrows | compatibility | vai, compatibility | vai, vai, vai,
	}
	thirdHigh = [16]uint8{0x8: quads | anyThird, 0x9: voicing | anyThird, 0xA: cjkMarks | anyThird, 0xB: anyThird}
	thirdLow  = [16]uint8{
		0x0: quads | anyThird, 0x1: quads | anyThird, 0x2: anyThird, 0x3: anyThird, 0x4: anyThird, 0x5: anyThird, 0x6: anyThird, 0x7: anyThird, 0x8: anyThird,
		0x9: voicing | anyThird, 0xA: voicing | cjkMarks | anyThird, 0xB: cjkMarks | anyThird, 0xC: cjkMarks | anyThird, 0xD: cjkMarks | anyThird, 0xE: cjkMarks | anyThird, 0xF: cjkMarks | anyThird,
	}
)

const anyThird = arrows | forms | compatibility | halfMarks | vai

// Lead bytes that stop Plain by themselves: CC-CE, D2, D6-D9, DB-DD, DF, E0,
// E1 and F0.
var (
	leadHigh = [16]uint8{0xC: 1, 0xD: 2, 0xE: 4, 0xF: 8}
	leadLow  = [16]uint8{0x0: 4 | 8, 0x1: 4, 0x2: 2, 0x6: 2, 0x7: 2, 0x8: 2, 0x9: 2, 0xB: 2, 0xC: 1 | 2, 0xD: 1 | 2, 0xE: 1, 0xF: 2}
)

// plainGeneric is how many of the given steps from from on, which is at least 2,
// Plain takes.
func plainGeneric(text []byte, from, steps int) int {
	for n := range steps {
		for i := from + n*Step; i < from+(n+1)*Step; i++ {
			a, b, c := text[i-2], text[i-1], text[i]
			if c < 0x80 {
				continue
			}
			if firstHigh[a>>4]&firstLow[a&15]&secondHigh[b>>4]&secondLow[b&15]&thirdHigh[c>>4]&thirdLow[c&15] != 0 ||
				leadHigh[c>>4]&leadLow[c&15] != 0 {
				return n
			}
		}
	}
	return steps
}
