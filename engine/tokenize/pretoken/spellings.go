package pretoken

import "strings"

// The parts of the known expressions as tokenizer files spell them. Oniguruma
// reads {1,3}+ as a repeated {1,3}, not as a possessive one: in that spelling a
// run of numbers is one pretoken.
const (
	anyCase      = `(?i:'s|'t|'re|'ve|'m|'ll|'d)`
	anyCaseShort = `'(?i:[sdmt]|ll|ve|re)`
	casedStart   = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+`
	casedMiddle  = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*`
	kimiStart    = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+`
	kimiMiddle   = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*`
	deepSeek     = `\p{N}{1,3}` + "\n" + `[一-龥぀-ゟ゠-ヿ]+` + "\n" +
		"[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+" +
		`|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// A part is a step of an expression: its alternatives are spellings and what
// they ask for.
type part []spelling

type spelling struct {
	text string
	set  func(*Rules) // may be nil
}

func plain(texts ...string) (p part) {
	for _, text := range texts {
		p = append(p, spelling{text, nil})
	}
	return p
}

// optional is a part that may be left out.
func optional(p part) part { return append(p, spelling{}) }

var (
	contractionPart = part{
		{anyCase + `|`, func(r *Rules) { r.contractions, r.fold = true, true }},
		{anyCaseShort + `|`, func(r *Rules) { r.contractions, r.fold = true, true }},
	}
	digitPart = part{
		{`\p{N}{1,3}|`, func(r *Rules) { r.digits = 3 }},
		{`\p{N}|`, func(r *Rules) { r.digits = 1 }},
		{`\p{N}+|`, func(r *Rules) { r.digits = unlimited }},
		{`\p{N}{1,3}+|`, func(r *Rules) { r.digits = unlimited }},
	}
	newlinePart = part{
		{`\s*[\r\n]+|`, nil},
		{`\s*[\r\n]|`, nil},
		{`\s++$|\s*[\r\n]+|`, func(r *Rules) { r.trailing = true }},
		{`\s++$|\s*[\r\n]|`, func(r *Rules) { r.trailing = true }},
	}
	spacePart = plain(`\s+(?!\S)|\s+`, `\s+(?!\S)|\s`)
)

// families are the known expressions by their parts.
var families = []struct {
	rules Rules
	parts []part
}{
	{Rules{grammar: spaced, contractions: true, digits: unlimited}, []part{
		plain(`'s|'t|'re|'ve|'m|'ll|'d|`, `'(?:[sdmt]|ll|ve|re)|`),
		plain(` ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|`, ` ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|`),
		optional(plain(`\s++$|`)),
		spacePart,
	}},
	{Rules{grammar: prefixed}, []part{
		optional(contractionPart),
		plain(`[^\r\n\p{L}\p{N}]?\p{L}+|`, `[^\r\n\p{L}\p{N}]?\p{L}++|`, `[^\r\n\p{L}\p{N}]?+\p{L}+|`, `[^\r\n\p{L}\p{N}]?+\p{L}++|`),
		digitPart,
		plain(` ?[^\s\p{L}\p{N}]+[\r\n]*|`, ` ?[^\s\p{L}\p{N}]++[\r\n]*|`, ` ?[^\s\p{L}\p{N}]++[\r\n]*+|`),
		newlinePart,
		spacePart,
	}},
	{Rules{grammar: prefixed, marks: true}, []part{
		optional(contractionPart),
		plain(`[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|`),
		digitPart,
		plain(` ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|`),
		newlinePart,
		spacePart,
	}},
	{Rules{grammar: cased}, []part{
		{
			{casedStart + `|` + casedMiddle + `|`, nil},
			{casedStart + anyCase + `?|` + casedMiddle + anyCase + `?|`, func(r *Rules) { r.contractions, r.fold = true, true }},
			{`[\p{Han}]+|` + kimiStart + anyCase + `?|` + kimiMiddle + anyCase + `?|`, func(r *Rules) { r.han, r.contractions, r.fold = true, true, true }},
		},
		digitPart,
		{
			{` ?[^\s\p{L}\p{N}]+[\r\n]*|`, nil},
			{` ?[^\s\p{L}\p{N}]+[\r\n/]*|`, func(r *Rules) { r.slashes = true }},
		},
		plain(`\s*[\r\n]+|`, `\s*[\r\n]|`),
		spacePart,
	}},
	{Rules{grammar: pieced, digits: 3}, []part{plain(deepSeek)}},
}

// Find returns the rules of the expressions of Splits that are applied one
// after the other, each to the pieces that the one before left. Those of a
// single expression leave nothing unmatched.
func Find(expressions ...string) (*Rules, bool) {
	joined := strings.Join(expressions, "\x00")
	// The characters themselves mean what their escapes do.
	joined = strings.NewReplacer("\r", `\r`, "\n", `\n`, "\x00", "\n").Replace(joined)
	for _, f := range families {
		r := f.rules
		rest, ok := joined, true
		for _, p := range f.parts {
			if rest, ok = p.cut(rest, &r); !ok {
				break
			}
		}
		if ok && rest == "" {
			return &r, true
		}
	}
	return nil, false
}

// cut takes one of the spellings off the front of an expression. Of two where
// one begins the other, the longer is first.
func (p part) cut(expression string, r *Rules) (rest string, ok bool) {
	for _, s := range p {
		if rest, ok := strings.CutPrefix(expression, s.text); ok {
			if s.set != nil {
				s.set(r)
			}
			return rest, true
		}
	}
	return expression, false
}
