package jsonl

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/doc"
)

// reference is the rule of the package comment, slow and obvious, on top of
// encoding/json.
func reference(line []byte, o Options, rec *Record) doc.Reason {
	*rec = Record{}
	if reason, at := referenceSyntax(line); reason != doc.OK {
		rec.ErrorOffset = at
		return reason
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	root := readTree(dec, line)

	var duplicates []int
	who, whoOnce := root.lookup(o.Contributor, &duplicates)
	body, _ := root.lookup(o.Text, &duplicates)
	name, _ := root.lookup(o.ID, &duplicates)
	when, _ := root.lookup(o.Created, &duplicates)
	from, _ := root.lookup(o.Source, &duplicates)
	if who != nil && whoOnce && who.kind == str && who.s != "" && who.s != doc.Unattributed {
		rec.Contributor = []byte(who.s)
	}
	reject := func(reason doc.Reason, at int) doc.Reason {
		rec.ErrorOffset = at
		return reason
	}
	switch {
	case root.members == nil:
		return reject(doc.NotObject, root.at)
	case len(duplicates) > 0:
		first := duplicates[0]
		for _, d := range duplicates {
			first = min(first, d)
		}
		return reject(doc.DuplicateKey, first)
	case body == nil:
		return reject(doc.TextMissing, root.at)
	case body.kind != str:
		return reject(doc.TextNotString, body.at)
	case who != nil && who.kind != str && who.kind != null:
		return reject(doc.ContributorNotString, who.at)
	case o.RequireContributor && who == nil:
		return reject(doc.ContributorMissing, root.at)
	case o.RequireContributor && rec.Contributor == nil:
		return reject(doc.ContributorMissing, who.at)
	}
	rec.Text = []byte(body.s)
	if name != nil && (name.kind == str || name.kind == number) {
		rec.ID = []byte(name.s)
	}
	if from != nil && from.kind == str {
		rec.Source = []byte(from.s)
	}
	rec.Created, rec.CreatedUnreadable = referenceCreated(when)
	return doc.OK
}

var surrogate = regexp.MustCompile(`^\\u([dD][89a-fA-F][0-9a-fA-F]{2})`)

// referenceSyntax finds the first violation of precedence 1.
func referenceSyntax(line []byte) (reason doc.Reason, at int) {
	at = len(line) + 1
	var raw json.RawMessage
	var syntax *json.SyntaxError
	if err := json.Unmarshal(line, &raw); errors.As(err, &syntax) {
		reason, at = doc.InvalidJSON, int(syntax.Offset)-1
		switch {
		case err.Error() == "unexpected end of JSON input",
			strings.HasPrefix(err.Error(), "invalid character ' '") && line[at] != ' ': // made up at the end
			at = len(line)
		case strings.HasSuffix(err.Error(), "in string literal"):
			reason = doc.ControlCharacter
		}
	} else if err != nil {
		panic(err)
	}
	for i := 0; i < len(line) && i <= at; {
		r, size := utf8.DecodeRune(line[i:])
		if r == utf8.RuneError && size == 1 {
			reason, at = doc.InvalidUTF8, i
		}
		i += size
	}
	inString := false
	for i := 0; i < len(line) && i < at; i++ {
		switch {
		case line[i] == '"':
			inString = !inString
		case line[i] == '\\' && inString:
			if high := surrogate.FindSubmatch(line[i:]); high == nil {
				i++
			} else if low := surrogate.FindSubmatch(line[i+6:]); high[1][1]|0x20 < 'c' && low != nil && low[1][1]|0x20 >= 'c' {
				i += 11
			} else {
				return doc.LoneSurrogate, i
			}
		}
	}
	return reason, at
}

// tree is a JSON value with the offset at which it starts.
type tree struct {
	kind    kind
	s       string
	at      int
	members []member // not nil in an object
}

type member struct {
	key   string
	at    int
	value *tree
}

func readTree(dec *json.Decoder, line []byte) *tree {
	at := int(dec.InputOffset())
	for strings.IndexByte(" \t\r\n,:", line[at]) >= 0 {
		at++
	}
	token, err := dec.Token()
	if err != nil {
		panic(err)
	}
	t := &tree{at: at, kind: other}
	switch v := token.(type) {
	case nil:
		t.kind = null
	case string:
		t.kind, t.s = str, v
	case json.Number:
		t.kind, t.s = number, v.String()
	case json.Delim:
		if v == '{' {
			t.members = []member{}
		}
		for dec.More() {
			e := readTree(dec, line)
			if v == '{' {
				t.members = append(t.members, member{e.s, e.at, readTree(dec, line)})
			}
		}
		if _, err := dec.Token(); err != nil && err != io.EOF {
			panic(err)
		}
	}
	return t
}

// lookup follows a path through the first of equal keys; once is false if one
// on the way has an equal.
func (t *tree) lookup(path string, duplicates *[]int) (v *tree, once bool) {
	if path == "" {
		return nil, true
	}
	once = true
	for _, key := range referencePath(path) {
		var found *tree
		for _, m := range t.members {
			switch {
			case m.key != key:
			case found == nil:
				found = m.value
			default:
				*duplicates = append(*duplicates, m.at)
				once = false
			}
		}
		if found == nil {
			return nil, once
		}
		t = found
	}
	return t, once
}

func referencePath(path string) []string {
	path = strings.NewReplacer(`\\`, "\x01", `\.`, "\x02").Replace(path)
	keys := strings.Split(path, ".")
	for i := range keys {
		keys[i] = strings.NewReplacer("\x01", `\`, "\x02", ".").Replace(keys[i])
	}
	return keys
}

var (
	dateForm = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)
	timeForm = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:)(\d\d)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$`)
	unixForm = regexp.MustCompile(`^\d+$`)
	expForm  = regexp.MustCompile(`^(.*)[eE](.*)$`)
)

func referenceCreated(v *tree) (t doc.Instant, unreadable bool) {
	switch {
	case v == nil, v.kind == null, v.kind == str && v.s == "":
		return doc.Instant{}, false
	case v.kind == number, v.kind == str && unixForm.MatchString(v.s):
		return referenceUnix(v.s)
	case v.kind == str && dateForm.MatchString(v.s):
		at, err := time.Parse(time.DateOnly, v.s)
		if err != nil {
			return doc.Instant{}, true
		}
		return doc.Instant{Sec: at.Unix(), Set: true}, false
	}
	m := timeForm.FindStringSubmatch(v.s)
	if v.kind != str || m == nil {
		return doc.Instant{}, true
	}
	seconds, extra := m[3], int64(0)
	if seconds == "60" {
		seconds, extra = "59", 1
	}
	nanos, err := strconv.Atoi((strings.TrimPrefix(m[4], ".") + "000000000")[:9])
	if err != nil {
		panic(err)
	}
	at, err := time.Parse(time.RFC3339, m[1]+"T"+m[2]+seconds+strings.ToUpper(m[5]))
	if err != nil {
		return doc.Instant{}, true
	}
	return doc.Instant{Sec: at.Unix() + extra, Nsec: int32(nanos), Set: true}, false
}

func referenceUnix(s string) (t doc.Instant, unreadable bool) {
	// Exponents that big.Rat would drown in: the value is zero, far too small
	// or far too large.
	if m := expForm.FindStringSubmatch(s); m != nil {
		exp, err := strconv.Atoi(m[2])
		mantissa, ok := new(big.Rat).SetString(m[1])
		if !ok {
			panic(s)
		}
		switch limit := 100 + len(s); {
		case mantissa.Sign() == 0:
			s = "0"
		case err != nil && !strings.HasPrefix(m[2], "-") || exp > limit:
			return doc.Instant{}, true
		case err != nil || exp < -limit:
			s = "0"
		}
	}
	seconds, ok := new(big.Rat).SetString(s)
	if !ok {
		panic(s)
	}
	nanos := new(big.Rat).Mul(seconds, big.NewRat(1_000_000_000, 1))
	n := new(big.Int).Quo(nanos.Num(), nanos.Denom())
	sec, nsec := new(big.Int).DivMod(n, big.NewInt(1_000_000_000), new(big.Int))
	if whole := new(big.Int).Quo(n, big.NewInt(1_000_000_000)); new(big.Int).Abs(whole).IsInt64() {
		return doc.Instant{Sec: sec.Int64(), Nsec: int32(nsec.Int64()), Set: true}, false
	}
	return doc.Instant{}, true
}
