package jsonl

import (
	"math"
	"time"

	"github.com/tallystick/tallystick/engine/doc"
)

// instant reads when a document was created: an RFC 3339 time, a date (its
// midnight in UTC) or Unix seconds. Absent, null and empty values are missing;
// any other that is not an instant is missing and unreadable.
func (v *value) instant() (t doc.Instant, unreadable bool) {
	ok := false
	switch {
	case v.kind == absent, v.kind == null, v.kind == str && len(v.data) == 0:
		return doc.Instant{}, false
	case v.kind == number:
		t, ok = unixSeconds(v.data)
	case v.kind == str && allDigits(v.data):
		t, ok = unixSeconds(v.data)
	case v.kind == str:
		t, ok = rfc3339(v.data)
	}
	if !ok {
		return doc.Instant{}, true
	}
	return t, false
}

func allDigits(s []byte) bool {
	for _, c := range s {
		if !isDigit(c) {
			return false
		}
	}
	return true
}

// rfc3339 reads a date, or a date and time by RFC 3339 section 5.6: with an
// offset, T or a space (or lower case) in between, and any number of digits of
// a second, of which those beyond the ninth are cut off. A leap second is the
// first of the next minute, as in Unix time.
func rfc3339(s []byte) (doc.Instant, bool) {
	if t, ok := wholeSecond(s); ok {
		return t, true
	}
	ok := true
	field := func(at, width, limit int) int {
		if len(s) < at+width || !allDigits(s[at:at+width]) {
			ok = false
			return 0
		}
		n := 0
		for _, c := range s[at : at+width] {
			n = n*10 + int(c-'0')
		}
		ok = ok && n <= limit
		return n
	}
	sign := func(at int, set string) byte {
		for k := range len(set) {
			if at < len(s) && s[at] == set[k] {
				return set[k]
			}
		}
		ok = false
		return 0
	}

	year, month, day := field(0, 4, 9999), field(5, 2, 12), field(8, 2, 31)
	sign(4, "-")
	sign(7, "-")
	date := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if !ok || month == 0 || date.Day() != day {
		return doc.Instant{}, false
	}
	midnight := date.Unix()
	if len(s) == 10 {
		return doc.Instant{Sec: midnight, Set: true}, true
	}

	sign(10, "Tt ")
	seconds := field(11, 2, 23)*3600 + field(14, 2, 59)*60 + field(17, 2, 60)
	sign(13, ":")
	sign(16, ":")
	i := 19
	nsec := 0
	if i < len(s) && s[i] == '.' {
		i++
		first := i
		for unit := 100_000_000; i < len(s) && isDigit(s[i]); i++ {
			nsec += int(s[i]-'0') * unit
			unit /= 10
		}
		ok = ok && i > first
	}
	switch c := sign(i, "Zz+-"); c {
	case '+', '-':
		offset := field(i+1, 2, 23)*3600 + field(i+4, 2, 59)*60
		sign(i+3, ":")
		if c == '+' {
			offset = -offset
		}
		seconds += offset
		i += 6
	default:
		i++
	}
	if !ok || i != len(s) {
		return doc.Instant{}, false
	}
	return doc.Instant{Sec: midnight + int64(seconds), Nsec: int32(nsec), Set: true}, true
}

// wholeSecond reads the form that most writers use, 2006-01-02T15:04:05Z, in a
// fifth of the time. What it refuses need not be wrong.
func wholeSecond(s []byte) (doc.Instant, bool) {
	if len(s) != 20 || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' || s[19] != 'Z' {
		return doc.Instant{}, false
	}
	two := func(at int) uint {
		tens, ones := uint(s[at]-'0'), uint(s[at+1]-'0')
		if tens > 9 || ones > 9 {
			return 100 // is above all limits but a year's
		}
		return tens*10 + ones
	}
	century, year, month, day := two(0), two(2), two(5), two(8)
	hour, minute, second := two(11), two(14), two(17)
	// Every month has 28 days; the last ones of each are for the calendar to say.
	if max(century, year) > 99 || month-1 > 11 || day-1 > 27 || hour > 23 || minute > 59 || second > 59 {
		return doc.Instant{}, false
	}
	// Days since 1970, in years that begin with March, whose leap day is the last
	// (Howard Hinnant: "chrono-Compatible Low-Level Date Algorithms", 2013).
	y, m := int64(century*100+year), int64(month)
	if m <= 2 {
		y, m = y-1, m+12
	}
	leaps := floorDiv(y, 4) - floorDiv(y, 100) + floorDiv(y, 400)
	days := 365*y + leaps + (153*(m-3)+2)/5 + int64(day) - 719469
	return doc.Instant{Sec: days*86400 + int64(hour*3600+minute*60+second), Set: true}, true
}

// floorDiv is a/b rounded down; a ≥ -b.
func floorDiv(a, b int64) int64 { return (a+b)/b - 1 }

// unixSeconds reads a JSON number, exactly: no float is involved. What lies
// beyond nanoseconds is cut off, towards zero. ok is false if the seconds do
// not fit into 64 bits.
func unixSeconds(s []byte) (t doc.Instant, ok bool) {
	negative := s[0] == '-'
	if negative {
		s = s[1:]
	}
	// The value is the digits of s with the point before digit number point.
	mantissa, exponent := s, 0
	for k, c := range s {
		if c|0x20 == 'e' {
			mantissa, exponent = s[:k], clampedInt(s[k+1:])
			break
		}
	}
	digits, point := len(mantissa), len(mantissa)
	for k, c := range mantissa {
		if c == '.' {
			digits, point = len(mantissa)-1, k
			break
		}
	}
	digit := func(k int) int64 {
		switch {
		case k < 0 || k >= digits:
			return 0
		case k >= point:
			k++ // the point itself
		}
		return int64(mantissa[k] - '0')
	}
	var nsec, sec int64
	end := point + exponent // number of digits before the point
	for k := end; k < end+9; k++ {
		nsec = nsec*10 + digit(k)
	}
	for k := 0; k < end && (k < digits || sec != 0); k++ {
		d := digit(k)
		if sec > (math.MaxInt64-d)/10 {
			return doc.Instant{}, false
		}
		sec = sec*10 + d
	}
	if negative {
		sec = -sec
		if nsec > 0 {
			sec--
			nsec = 1_000_000_000 - nsec
		}
	}
	return doc.Instant{Sec: sec, Nsec: int32(nsec), Set: true}, true
}

// clampedInt reads an exponent. Beyond 10^12 its size makes no difference: no
// line has that many digits.
func clampedInt(s []byte) int {
	sign, n := 1, 0
	for _, c := range s {
		switch {
		case c == '-':
			sign = -1
		case isDigit(c):
			n = min(n*10+int(c-'0'), 1_000_000_000_000)
		}
	}
	return sign * n
}
