package pipeline

import "math"

// validJSON is json.Valid, several times as fast: most of a tokenizer.json is
// short strings in flat lists. Text must be valid UTF-8.
func validJSON(data []byte) bool {
	_, ok := validMembers(data)
	return ok
}

// validMembers is validJSON, and returns the members of the object that the text
// is, nil for an empty one or what is none.
func validMembers(data []byte) (members []member, ok bool) {
	if len(data) > math.MaxInt32 {
		return nil, false
	}
	v := validator{data: data}
	ok = v.value(v.space(0), 0) && v.space(v.at) == len(data)
	return v.members, ok
}

// member is one of an object, as it is written.
type member struct{ key, value []byte }

// maxDepth is how deep encoding/json lets values lie in each other.
const maxDepth = 10000

type validator struct {
	data []byte
	at   int // where the last valid value ended

	members []member // of the outermost object
}

// byteAt returns a byte, 0 past the end.
func (v *validator) byteAt(i int) byte {
	if i < len(v.data) {
		return v.data[i]
	}
	return 0
}

func (v *validator) space(i int) int {
	for i < len(v.data) && (v.data[i] == ' ' || v.data[i] == '\n' || v.data[i] == '\t' || v.data[i] == '\r') {
		i++
	}
	return i
}

func (v *validator) value(i, depth int) bool {
	switch c := v.byteAt(i); {
	case c == '"':
		return v.text(i)
	case c == '{' || c == '[':
		return depth < maxDepth && v.list(i, depth+1, c == '{')
	case c == '-' || c >= '0' && c <= '9':
		return v.number(i)
	case c == 't':
		return v.word(i, "true")
	case c == 'f':
		return v.word(i, "false")
	case c == 'n':
		return v.word(i, "null")
	}
	return false
}

// list checks an object or an array.
func (v *validator) list(i, depth int, object bool) bool {
	end := byte(']')
	if object {
		end = '}'
	}
	if i = v.space(i + 1); v.byteAt(i) == end {
		v.at = i + 1
		return true
	}
	for {
		var key []byte
		if object {
			begin := i
			if v.byteAt(i) != '"' || !v.text(i) {
				return false
			}
			key = v.data[begin:v.at]
			if i = v.space(v.at); v.byteAt(i) != ':' {
				return false
			}
			i = v.space(i + 1)
		}
		if !v.value(i, depth) {
			return false
		}
		if object && depth == 1 {
			v.members = append(v.members, member{key, v.data[i:v.at]})
		}
		i = v.space(v.at)
		switch v.byteAt(i) {
		case ',':
			i = v.space(i + 1)
		case end:
			v.at = i + 1
			return true
		default:
			return false
		}
	}
}

// plain is the bytes that stand for themselves in a string.
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= 0x20 && c != '"' && c != '\\'
	}
	return t
}()

func (v *validator) text(i int) bool {
	data := v.data
	for i++; ; i++ {
		for i < len(data) && plain[data[i]] {
			i++
		}
		switch v.byteAt(i) {
		case '"':
			v.at = i + 1
			return true
		case '\\':
			i++
			switch v.byteAt(i) {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for range 4 {
					i++
					if c := v.byteAt(i) | 0x20; (c < '0' || c > '9') && (c < 'a' || c > 'f') || v.byteAt(i) < '0' {
						return false
					}
				}
			default:
				return false
			}
		default:
			return false
		}
	}
}

func (v *validator) number(i int) bool {
	if v.byteAt(i) == '-' {
		i++
	}
	if v.byteAt(i) == '0' {
		i++
	} else if i = v.digits(i); i < 0 {
		return false
	}
	if v.byteAt(i) == '.' {
		if i = v.digits(i + 1); i < 0 {
			return false
		}
	}
	if v.byteAt(i)|0x20 == 'e' {
		if i++; v.byteAt(i) == '+' || v.byteAt(i) == '-' {
			i++
		}
		if i = v.digits(i); i < 0 {
			return false
		}
	}
	v.at = i
	return true
}

// digits returns where the digits that begin at i end, -1 if there is none.
func (v *validator) digits(i int) int {
	begin := i
	for c := v.byteAt(i); c >= '0' && c <= '9'; c = v.byteAt(i) {
		i++
	}
	if i == begin {
		return -1
	}
	return i
}

func (v *validator) word(i int, word string) bool {
	v.at = i + len(word)
	return v.at <= len(v.data) && string(v.data[i:v.at]) == word
}
