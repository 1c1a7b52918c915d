package pairscan

func indexGeneric(s *Set, text []byte) int {
	for i := 0; i+1 < len(text); i++ {
		if s.first[text[i]]&s.second[text[i+1]] != 0 {
			return i
		}
	}
	return -1
}
