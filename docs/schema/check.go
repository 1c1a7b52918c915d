package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Checker holds JSON values against one schema, and notes which properties of the
// schema they have. It is for tests: no command reads a schema.
type Checker struct {
	name string
	v    validator
}

// NewChecker returns a checker for NAME.schema.json.
func NewChecker(name string) (*Checker, error) {
	data, err := Files.ReadFile(name + ".schema.json")
	if err != nil {
		return nil, err
	}
	root, err := decodeExactly(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &Checker{name, validator{root: root.(map[string]any), seen: map[uintptr]bool{}}}, nil
}

// Check returns what is wrong with a JSON text.
func (c *Checker) Check(data []byte) error {
	value, err := decodeExactly(data)
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	return c.v.check(c.v.root, value, c.name)
}

// Unseen returns the properties of the schema that no value had, sorted.
func (c *Checker) Unseen() []string {
	var unseen []string
	var walk func(schema any, at string)
	walk = func(schema any, at string) {
		switch schema := schema.(type) {
		case map[string]any:
			for key, sub := range schema {
				properties, ok := sub.(map[string]any)
				if key != "properties" || !ok {
					walk(sub, at)
					continue
				}
				for name, property := range properties {
					if !c.v.seen[identity(property.(map[string]any))] {
						unseen = append(unseen, at+"."+name)
					}
					walk(property, at+"."+name)
				}
			}
		case []any:
			for _, sub := range schema {
				walk(sub, at)
			}
		}
	}
	for key, sub := range c.v.root {
		if key != "$defs" {
			walk(map[string]any{key: sub}, c.name)
		}
	}
	defs, _ := c.v.root["$defs"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(defs)) {
		walk(defs[name], c.name+"#"+name)
	}
	slices.Sort(unseen)
	return slices.Compact(unseen)
}

func decodeExactly(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, fmt.Errorf("more than one value in %.80q", data)
	}
	return v, nil
}

// identity tells the parts of a schema apart.
func identity(schema map[string]any) uintptr { return reflect.ValueOf(schema).Pointer() }

// validator knows the keywords that the schemas use and refuses all others, so
// that a schema cannot lean on one that is not checked.
type validator struct {
	root map[string]any
	seen map[uintptr]bool // properties that valid values had; nil: not asked for
}

func (v validator) check(schema map[string]any, value any, at string) error {
	for keyword, arg := range schema {
		if err := v.keyword(schema, keyword, arg, value, at); err != nil {
			return err
		}
	}
	return nil
}

func (v validator) keyword(schema map[string]any, keyword string, arg, value any, at string) error {
	object, isObject := value.(map[string]any)
	array, isArray := value.([]any)
	text, isText := value.(string)
	number, isNumber := value.(json.Number)
	switch keyword {
	case "$schema", "$id", "$defs", "title", "description":
	case "$ref":
		name, _ := strings.CutPrefix(arg.(string), "#/$defs/")
		return v.check(v.root["$defs"].(map[string]any)[name].(map[string]any), value, at)
	case "type":
		_, isBool := value.(bool)
		is := map[string]bool{
			"object": isObject, "array": isArray, "string": isText, "boolean": isBool, "null": value == nil,
			"number": isNumber, "integer": isNumber && rational(number).IsInt(),
		}
		if !is[arg.(string)] {
			return fmt.Errorf("%s: %v is not of type %v", at, value, arg)
		}
	case "oneOf":
		matching := 0
		for _, sub := range arg.([]any) {
			alternative := validator{v.root, map[uintptr]bool{}}
			if alternative.check(sub.(map[string]any), value, at) == nil {
				matching++
				if v.seen != nil {
					maps.Copy(v.seen, alternative.seen)
				}
			}
		}
		if matching != 1 {
			return fmt.Errorf("%s: matches %d of %d alternatives", at, matching, len(arg.([]any)))
		}
	case "const":
		if !equal(arg, value) {
			return fmt.Errorf("%s: %v is not %v", at, value, arg)
		}
	case "enum":
		if !slices.ContainsFunc(arg.([]any), func(a any) bool { return equal(a, value) }) {
			return fmt.Errorf("%s: %v is none of %v", at, value, arg)
		}
	case "minimum":
		if isNumber && rational(number).Cmp(rational(arg.(json.Number))) < 0 {
			return fmt.Errorf("%s: %v is below %v", at, value, arg)
		}
	case "maximum":
		if isNumber && rational(number).Cmp(rational(arg.(json.Number))) > 0 {
			return fmt.Errorf("%s: %v is above %v", at, value, arg)
		}
	case "minLength":
		if isText && rational(arg.(json.Number)).Cmp(big.NewRat(int64(utf8.RuneCountInString(text)), 1)) > 0 {
			return fmt.Errorf("%s: %q is too short", at, text)
		}
	case "pattern":
		if isText && !regexp.MustCompile(arg.(string)).MatchString(text) {
			return fmt.Errorf("%s: %q does not match %v", at, text, arg)
		}
	case "properties":
		for name, sub := range arg.(map[string]any) {
			if field, present := object[name]; present {
				if v.seen != nil {
					v.seen[identity(sub.(map[string]any))] = true
				}
				if err := v.check(sub.(map[string]any), field, at+"."+name); err != nil {
					return err
				}
			}
		}
	case "required":
		for _, name := range arg.([]any) {
			if _, present := object[name.(string)]; isObject && !present {
				return fmt.Errorf("%s: no %v", at, name)
			}
		}
	case "additionalProperties":
		known, _ := schema["properties"].(map[string]any)
		for name, field := range object {
			if known[name] != nil {
				continue
			}
			sub, allowed := arg.(map[string]any)
			if !allowed {
				return fmt.Errorf("%s: unknown key %q", at, name)
			}
			if err := v.check(sub, field, at+"."+name); err != nil {
				return err
			}
		}
	case "minItems":
		if isArray && rational(arg.(json.Number)).Cmp(big.NewRat(int64(len(array)), 1)) > 0 {
			return fmt.Errorf("%s: %d items are too few", at, len(array))
		}
	case "items":
		for i, item := range array {
			if err := v.check(arg.(map[string]any), item, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("%s: keyword %q is not known to this test", at, keyword)
	}
	return nil
}

func rational(n json.Number) *big.Rat {
	r, ok := new(big.Rat).SetString(n.String())
	if !ok {
		return new(big.Rat)
	}
	return r
}

func equal(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
