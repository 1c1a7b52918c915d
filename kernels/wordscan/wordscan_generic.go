package wordscan

// lowerCase is each byte in ASCII lower case, isWord 1 for an ASCII letter or
// digit: tables, because branches on the bytes of a text cannot be predicted.
var lowerCase, isWord = func() (lower, word [256]uint8) {
	for i := range 256 {
		c := uint8(i)
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
			word[i] = 1
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			word[i] = 1
		}
		lower[i] = c
	}
	return lower, word
}()

// scanGeneric is Scan of whole blocks, where lower may be text itself.
func scanGeneric(lower []byte, word, high []uint64, text []byte, blocks int) {
	for i := range blocks {
		var w, h uint64
		in := (*[Block]byte)(text[i*Block:])
		out := (*[Block]byte)(lower[i*Block:])
		for j, c := range in {
			w |= uint64(isWord[c]) << (j % 64)
			h |= uint64(c>>7) << (j % 64)
			out[j] = lowerCase[c]
		}
		word[i], high[i] = w, h
	}
}
