package jsonl

import (
	"sync"

	"github.com/tallystick/tallystick/engine/doc"
)

// native is our own parser: one pass over the line that validates all of it and
// picks up the wanted values on the way.
type native struct {
	walker
	requireContributor bool
}

func newNative(o Options) (*native, error) {
	root, err := newTree(o)
	if err != nil {
		return nil, err
	}
	return &native{walker: walker{root: root}, requireContributor: o.RequireContributor}, nil
}

func (p *native) Parse(line []byte, rec *Record) doc.Reason {
	if !p.walk(line) {
		*rec = Record{ErrorOffset: p.at}
		return p.reason
	}
	return p.found.record(rec, p.requireContributor)
}

// released are buffers for decoded strings, touched already, that parsers left.
var released sync.Pool // of *[]byte

// Release implements Parser.
func (p *native) Release() {
	if b := p.scratch; b != nil {
		p.scratch = nil
		released.Put(&b)
	}
}

// kind is the JSON type of a wanted value.
type kind uint8

const (
	absent kind = iota
	null
	str
	number
	other
)

// value is a wanted value: a decoded string, the raw text of a number, or
// nothing but its kind; at is its offset in the line.
type value struct {
	kind kind
	data []byte
	at   int
}

// found is what a parser picks up from a line that is valid JSON.
type found struct {
	values    [numRoles]value
	start     int  // offset of the line's value
	object    bool // that value is an object
	duplicate int  // offset of the first duplicate of a wanted key, or -1
	ambiguous roles
}

// record applies precedences 2 to 5 of the rule.
func (f *found) record(rec *Record, requireContributor bool) doc.Reason {
	*rec = Record{}
	who := &f.values[contributor]
	if who.kind == str && !f.ambiguous.has(contributor) && len(who.data) > 0 && string(who.data) != doc.Unattributed {
		rec.Contributor = who.data
	}
	reject := func(reason doc.Reason, at int) doc.Reason {
		rec.ErrorOffset = at
		return reason
	}
	body := &f.values[text]
	switch {
	case !f.object:
		return reject(doc.NotObject, f.start)
	case f.duplicate >= 0:
		return reject(doc.DuplicateKey, f.duplicate)
	case body.kind == absent:
		return reject(doc.TextMissing, f.start)
	case body.kind != str:
		return reject(doc.TextNotString, body.at)
	case who.kind == number || who.kind == other:
		return reject(doc.ContributorNotString, who.at)
	case requireContributor && rec.Contributor == nil && who.kind == absent:
		return reject(doc.ContributorMissing, f.start)
	case requireContributor && rec.Contributor == nil:
		return reject(doc.ContributorMissing, who.at)
	}
	rec.Text = body.data
	if v := &f.values[id]; v.kind == str || v.kind == number {
		rec.ID = v.data
	}
	if v := &f.values[source]; v.kind == str {
		rec.Source = v.data
	}
	rec.Created, rec.CreatedUnreadable = f.values[created].instant()
	return doc.OK
}
