// Package nfcscan steps over text that NFC leaves as it is, most text, 32 bytes
// at a time.
package nfcscan

import "github.com/tallystick/tallystick/kernels"

// Step is the number of bytes that are looked at together.
const Step = 32

// Plain steps through text, which must be UTF-8, from a place at least two bytes
// behind its beginning, while no character that NFC might change, or join to
// the one before, has its second byte (its third, if it has one) there. It
// returns how far it came, from and a multiple of Step. What may be changed is
// seen by two or three bytes, so some characters that are not stop it too.
//
// Plain are ASCII, Latin letters in one piece, Cyrillic but for the few signs
// and letters from U+0480 to U+04BF, kana, Hangul syllables, Han but for
// compatibility ideographs, and most signs.
func Plain(text []byte, from int) int {
	if from < 2 || len(text)-from < Step {
		return from
	}
	return from + Step*plain(text, from, (len(text)-from)/Step)
}

func init() {
	kernels.Register("nfcscan", implementation())
}
