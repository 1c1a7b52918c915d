package unigram

import (
	"errors"
	"math"
	"strconv"
)

// parseFloat reads a JSON number as serde_json does without its feature
// float_roundtrip: the digits that fit into 64 bits, rounded, times or by a
// power of ten, rounded again. That is not always the nearest number, and a
// difference in the last bit can decide between two ways to spell a text.
func parseFloat(number []byte) (float64, error) {
	s := number
	negative := len(s) > 0 && s[0] == '-'
	if negative {
		s = s[1:]
	}
	var significand uint64
	exponent := 0
	full, point := false, false
	i := 0
	for ; i < len(s); i++ {
		c := s[i]
		if c == '.' {
			// Only digits of the same side of the point are all ignored.
			full, point = false, true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		digit := uint64(c - '0')
		full = full || significand > math.MaxUint64/10 || significand == math.MaxUint64/10 && digit > math.MaxUint64%10
		switch {
		case full && !point:
			exponent++
		case full:
		default:
			significand = significand*10 + digit
			if point {
				exponent--
			}
		}
	}
	if i < len(s) {
		if s[i] != 'e' && s[i] != 'E' {
			return 0, errors.New("not a number")
		}
		e, err := strconv.Atoi(string(s[i+1:]))
		if err != nil {
			return 0, err
		}
		exponent += e
	}
	f := float64(significand)
	for f != 0 && exponent < -308 {
		f /= 1e308
		exponent += 308
	}
	switch {
	case f == 0:
	case exponent >= 0:
		f *= power(exponent)
	default:
		f /= power(-exponent)
	}
	if math.IsInf(f, 0) {
		return 0, errors.New("number out of range")
	}
	if negative {
		f = -f
	}
	return f, nil
}

// power returns the float64 nearest to 10 to the n.
func power(n int) float64 {
	f, _ := strconv.ParseFloat("1e"+strconv.Itoa(n), 64)
	return f
}
