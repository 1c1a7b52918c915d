package strscan

func scanGeneric(b []byte) (run int, high bool) {
	for i, c := range b {
		if c == '"' || c == '\\' || c < 0x20 {
			return i, high
		}
		high = high || c >= 0x80
	}
	return len(b), high
}
