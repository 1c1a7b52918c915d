package pipeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/kernels/utf8valid"
)

// Object is a JSON object with its keys as they are spelt: encoding/json would
// match the fields of a struct whatever their case, which serde does not.
// Files of tens of megabytes are why it is cut up by hand, after one check
// (validJSON) that it is JSON at all.
type Object map[string]json.RawMessage

func (o *Object) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*o = nil
		return nil
	}
	*o = Object{}
	return EachMember(data, func(key string, value []byte) error {
		(*o)[key] = value
		return nil
	})
}

// Parse returns the object that a whole file is.
func Parse(data []byte) (o Object, err error) {
	if !utf8valid.Valid(data) {
		return nil, errors.New("not valid UTF-8")
	}
	members, ok := validMembers(data)
	if !ok {
		err := json.Unmarshal(data, new(any))
		if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
			return nil, fmt.Errorf("not JSON at byte %d: %w", syntax.Offset, err)
		}
		if err != nil {
			return nil, err
		}
	}
	if members == nil { // null, or no object
		return o, o.UnmarshalJSON(bytes.TrimSpace(data))
	}
	o = Object{}
	for _, m := range members {
		key, err := Unquote(m.key)
		if err != nil {
			return nil, err
		}
		o[key] = m.value
	}
	return o, nil
}

// ModelType returns model.type of a tokenizer.json. Files older than the type
// have none; the keys of the model tell.
func (o Object) ModelType() (string, error) {
	var model Object
	if err := o.Decode("model", &model); err != nil {
		return "", fmt.Errorf("not a tokenizer.json: %w", err)
	}
	if model == nil {
		return "", errors.New("not a tokenizer.json: it has no model")
	}
	var name string
	if err := model.Decode("type", &name); err != nil {
		return "", fmt.Errorf("not a tokenizer.json: model.%w", err)
	}
	switch {
	case name != "":
		return name, nil
	case model["merges"] != nil:
		return "BPE", nil
	case model["continuing_subword_prefix"] != nil:
		return "WordPiece", nil
	case bytes.HasPrefix(model["vocab"], []byte("[")):
		return "Unigram", nil
	}
	return "", nil
}

// Unsupported is an error that wraps doc.ErrUnsupported and names a thing.
func Unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: %s", doc.ErrUnsupported, fmt.Sprintf(format, args...))
}

// Decode reads the value of a key; absent and null leave v as it is.
func (o Object) Decode(key string, v any) error {
	raw, ok := o[key]
	if !ok {
		return nil
	}
	var err error
	if inner, ok := v.(*Object); ok {
		err = inner.UnmarshalJSON(raw)
	} else {
		err = json.Unmarshal(raw, v)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// Require is Decode for a key that serde does not let be absent or null.
func (o Object) Require(key string, v any) error {
	if raw, ok := o[key]; !ok || string(raw) == "null" {
		return Unsupported("no %s", key)
	}
	return o.Decode(key, v)
}

// EachMember calls fn for every member of an object in text that is valid JSON.
func EachMember(data []byte, fn func(key string, value []byte) error) error {
	return EachMemberRaw(data, func(raw, value []byte) error {
		key, err := Unquote(raw)
		if err != nil {
			return err
		}
		return fn(key, value)
	})
}

// EachMemberRaw is EachMember without a string made of every key: it is given
// as it is written, for UnquoteBytes.
func EachMemberRaw(data []byte, fn func(key, value []byte) error) error {
	_, err := eachMemberAt(data, 0, fn)
	return err
}

// eachMemberAt is EachMemberRaw of the object that begins at begin. It returns
// where that ends.
func eachMemberAt(data []byte, begin int, fn func(key, value []byte) error) (end int, err error) {
	if begin >= len(data) || data[begin] != '{' {
		return 0, errors.New("not an object")
	}
	i := skipSpace(data, begin+1)
	for data[i] != '}' {
		end := SkipString(data, i)
		key := data[i:end]
		i = skipSpace(data, skipSpace(data, end)+1) // past the colon
		end = skipValue(data, i)
		if err := fn(key, data[i:end]); err != nil {
			return 0, err
		}
		i = nextItem(data, end)
	}
	return i + 1, nil
}

// EachElement calls fn for every element of an array in text that is valid JSON.
func EachElement(data []byte, fn func(value []byte) error) error {
	return EachElementAt(data, func(begin int) (end int, err error) {
		end = skipValue(data, begin)
		return end, fn(data[begin:end])
	})
}

// EachElementAt is EachElement for an fn that is told where in data an element
// begins and finds where it ends.
func EachElementAt(data []byte, fn func(begin int) (end int, err error)) error {
	if len(data) == 0 || data[0] != '[' {
		return errors.New("not an array")
	}
	for i := skipSpace(data, 1); data[i] != ']'; {
		end, err := fn(i)
		if err != nil {
			return err
		}
		i = nextItem(data, end)
	}
	return nil
}

// ElementsAt stores the first elements of the array that begins at begin. It
// returns how many there are, stored or not, and where the array ends.
func ElementsAt(data []byte, begin int, values [][]byte) (n, end int) {
	i := skipSpace(data, begin+1)
	for ; data[i] != ']'; n++ {
		end := skipValue(data, i)
		if n < len(values) {
			values[n] = data[i:end]
		}
		i = nextItem(data, end)
	}
	return n, i + 1
}

// nextItem returns where the item after the one that ends at i begins, or the
// closing bracket.
func nextItem(data []byte, i int) int {
	if i = skipSpace(data, i); data[i] == ',' {
		i = skipSpace(data, i+1)
	}
	return i
}

// Unquote returns the string that a JSON value is.
func Unquote(data []byte) (string, error) {
	s, err := UnquoteBytes(data)
	return string(s), err
}

// UnquoteBytes is Unquote; the result may be a part of data.
func UnquoteBytes(data []byte) ([]byte, error) {
	if n := len(data); data[0] == '"' && bytes.IndexByte(data, '\\') < 0 {
		return data[1 : n-1], nil
	}
	var s string
	err := json.Unmarshal(data, &s)
	return []byte(s), err
}
