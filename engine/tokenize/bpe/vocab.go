package bpe

import "github.com/tallystick/tallystick/engine/tokenize/vocab"

// spellingsOf returns the bytes that the tokens spell; none for one, like most
// added tokens, that spells no bytes.
func spellingsOf(v *vocab.Vocabulary) *vocab.Arena {
	s := &vocab.Arena{Text: make([]byte, 0, len(v.Tokens.Text)), Ends: make([]uint32, 0, v.Tokens.Len())}
	for i := range v.Tokens.Len() {
		begin := len(s.Text)
		for _, r := range string(v.Tokens.At(uint32(i))) {
			b := -1
			if int(r) < len(charBytes) {
				b = int(charBytes[r])
			}
			if b < 0 {
				s.Text = s.Text[:begin]
				break
			}
			s.Text = append(s.Text, byte(b))
		}
		s.Ends = append(s.Ends, uint32(len(s.Text)))
	}
	return s
}

// byteChars are the characters that byte-level vocabularies spell bytes with:
// printable ones stand for themselves, the others are moved up by 256
// (bytes_to_unicode of GPT-2's encoder.py).
var byteChars = func() (chars [256]rune) {
	moved := rune(256)
	for b := range chars {
		if b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE {
			chars[b] = rune(b)
			continue
		}
		chars[b] = moved
		moved++
	}
	return chars
}()

// charBytes is byteChars the other way, -1 for a character that spells no byte.
var charBytes = func() (bytes [256 + 68]int16) {
	for i := range bytes {
		bytes[i] = -1
	}
	for b, r := range byteChars {
		bytes[r] = int16(b)
	}
	return bytes
}()

// inUTF8 reports whether b occurs in valid UTF-8.
func inUTF8(b byte) bool { return b != 0xC0 && b != 0xC1 && b < 0xF5 }
