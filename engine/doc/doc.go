// Package doc holds the words every other package shares: what a document is,
// which class a line ends in, why a line was rejected, where it stands. It
// imports nothing of ours.
package doc

import "errors"

// Unattributed is the reserved contributor that a document without a
// contributor is credited to.
const Unattributed = "(unattributed)"

// Class is what became of an input line. Every line is in exactly one class.
type Class uint8

const (
	Kept Class = iota
	ExactDup
	NearDup
	Excluded
	Rejected
	NumClasses
)

var classNames = [NumClasses]string{"kept", "exact_dup", "near_dup", "excluded", "rejected"}

// String returns the class as it is spelt in every file and column.
func (c Class) String() string {
	if c < NumClasses {
		return classNames[c]
	}
	return "unknown"
}

// ParseClass is the inverse of String.
func ParseClass(s string) (Class, bool) {
	for i, n := range classNames {
		if n == s {
			return Class(i), true
		}
	}
	return 0, false
}

// Reason says why a line could not be used. The empty Reason means it could.
type Reason string

const (
	OK                      Reason = ""
	InvalidJSON             Reason = "invalid_json"
	NotObject               Reason = "not_object"
	TextMissing             Reason = "text_missing"
	TextNotString           Reason = "text_not_string"
	ContributorMissing      Reason = "contributor_missing" // only with --require-contributor
	ContributorNotString    Reason = "contributor_not_string"
	InvalidUTF8             Reason = "invalid_utf8"
	ControlCharacter        Reason = "control_character"
	LoneSurrogate           Reason = "lone_surrogate"
	DuplicateKey            Reason = "duplicate_key"
	LineTooLong             Reason = "line_too_long"
	CorruptCompressedStream Reason = "corrupt_stream" // a gzip or zstd stream that is truncated or fails its checksum
)

// Instant is a point in time. The zero Instant is "missing", which sorts last.
type Instant struct {
	Sec  int64 // seconds since 1970-01-01T00:00:00Z
	Nsec int32 // 0 … 999,999,999
	Set  bool
}

// Compare orders instants: earlier first, missing last.
func (a Instant) Compare(b Instant) int {
	switch {
	case a.Set != b.Set:
		if a.Set {
			return -1
		}
		return 1
	case a.Sec != b.Sec:
		if a.Sec < b.Sec {
			return -1
		}
		return 1
	case a.Nsec != b.Nsec:
		if a.Nsec < b.Nsec {
			return -1
		}
		return 1
	}
	return 0
}

// Place names a line: its shard (index into the plan's shards) and its
// zero-based ordinal among the physical lines of that shard.
type Place struct {
	Shard   uint32
	Ordinal uint32
}

// Compare orders places by shard, then ordinal.
func (p Place) Compare(q Place) int {
	switch {
	case p.Shard < q.Shard:
		return -1
	case p.Shard > q.Shard:
		return 1
	case p.Ordinal < q.Ordinal:
		return -1
	case p.Ordinal > q.Ordinal:
		return 1
	}
	return 0
}

// Sentinels that callers test with errors.Is. Every error that wraps one adds
// where it happened (file, line, byte offset).
var (
	// ErrCorrupt: bytes of one of our own files are not what was written.
	ErrCorrupt = errors.New("corrupt file")
	// ErrInput: an input cannot be read.
	ErrInput = errors.New("unreadable input")
	// ErrInputChanged: an input is not the one the plan was made from.
	ErrInputChanged = errors.New("input changed since the plan was made")
	// ErrUsage: the request itself makes no sense; exit code 2.
	ErrUsage = errors.New("usage")
	// ErrUnsupported: a tokenizer configuration that the engine does not
	// know exactly and therefore refuses to count.
	ErrUnsupported = errors.New("unsupported")
	// ErrInUse: another command or task works in the output folder.
	ErrInUse = errors.New("in use")
)

// Counts are the three things that are added up. Bytes are of decoded text.
type Counts struct {
	Documents uint64 `json:"documents"`
	Bytes     uint64 `json:"bytes"`
	Tokens    uint64 `json:"tokens"`
}

// ClassTokens are the tokens of one further tokenizer, by class.
type ClassTokens [NumClasses]uint64

// In returns what came in: the sum over all classes.
func (c *ClassTokens) In() (in uint64) {
	for _, n := range c {
		in += n
	}
	return in
}

// ClassTokensJSON is how JSON files spell ClassTokens.
type ClassTokensJSON struct {
	In       uint64 `json:"in"`
	Kept     uint64 `json:"kept"`
	ExactDup uint64 `json:"exact_dup"`
	NearDup  uint64 `json:"near_dup"`
	Excluded uint64 `json:"excluded"`
	Rejected uint64 `json:"rejected"`
}

// JSON returns c as files spell it.
func (c *ClassTokens) JSON() ClassTokensJSON {
	return ClassTokensJSON{
		In: c.In(), Kept: c[Kept], ExactDup: c[ExactDup], NearDup: c[NearDup], Excluded: c[Excluded], Rejected: c[Rejected],
	}
}

// ClassTokens is the inverse of JSON; whether In is the sum is not looked at.
func (j ClassTokensJSON) ClassTokens() ClassTokens {
	return ClassTokens{Kept: j.Kept, ExactDup: j.ExactDup, NearDup: j.NearDup, Excluded: j.Excluded, Rejected: j.Rejected}
}

// Add adds o to c. The design size (5 TB) is far below overflow.
func (c *Counts) Add(o Counts) {
	c.Documents += o.Documents
	c.Bytes += o.Bytes
	c.Tokens += o.Tokens
}
