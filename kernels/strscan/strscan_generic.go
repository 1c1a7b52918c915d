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

func unescapeGeneric(dst, src []byte) (read, written int, high bool) {
	for {
		run, h := scanGeneric(src[read:])
		high = high || h
		written += copy(dst[written:], src[read:read+run])
		read += run
		if read+1 >= len(src) || src[read] != '\\' || escapes[src[read+1]] == 0 {
			return read, written, high
		}
		dst[written] = escapes[src[read+1]]
		written++
		read += 2
	}
}
