package upstream

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Scanner reads one JSON value from a foreign body, in one pass and without
// reflection. What it accepts is what [Decode] accepts; of two members of one
// name the later counts. The first error ends it: everything after that reads
// as null.
//
// Its methods read the value that comes next.
type Scanner struct {
	body  []byte
	at    int
	depth int
	field string // the member that was entered last, for the error
	err   error

	again bool            // it had another body before
	words []string        // texts that were read, some at a time
	chars strings.Builder // what short ones are made of
}

// NewScanner returns a scanner of body. Bytes that are not UTF-8 become U+FFFD.
func NewScanner(body []byte) *Scanner {
	s := new(Scanner)
	s.Reset(body)
	return s
}

// Reset makes it a scanner of another body.
func (s *Scanner) Reset(body []byte) {
	if !utf8.Valid(body) {
		body = bytes.ToValidUTF8(body, []byte("\uFFFD"))
	}
	s.again = s.body != nil
	s.body, s.at, s.depth, s.field, s.err = body, 0, 0, "", nil
}

// End returns what was wrong with the body. The value must be all that there is.
func (s *Scanner) End() error {
	if s.space(); s.err == nil && s.at < len(s.body) {
		s.broken()
	}
	return s.err
}

// Object reads an object: member is called for each name of known, and has to
// read its value; other values are skipped. As in encoding/json a name that no
// other fits better is known in any case. Null calls nothing.
func (s *Scanner) Object(known []string, member func(name string)) {
	if s.Null() {
		return
	}
	next := 0 // where the name is likely to be: most services keep to an order
	s.Each(func(raw []byte) {
		i := lookUp(known, next, raw)
		if i < 0 {
			s.Skip()
			return
		}
		next, s.field = i+1, known[i]
		member(known[i])
	})
}

func lookUp(known []string, next int, name []byte) int {
	if next < len(known) && known[next] == string(name) {
		return next
	}
	for i, k := range known {
		if k == string(name) {
			return i
		}
	}
	for i, k := range known {
		if len(k) <= len(name) && bytes.EqualFold([]byte(k), name) { // folds that change the length make it longer
			return i
		}
	}
	return -1
}

// Each reads an object: member is called for each name, and has to read its
// value. The name is good until then.
func (s *Scanner) Each(member func(name []byte)) {
	if !s.enter('{') {
		return
	}
	for first := true; !s.leave('}', first); first = false {
		name, ok := s.text()
		if ok && s.accept(':') {
			member(name)
		}
	}
}

// Array reads an array: element is called for each, and has to read it. It is
// false for null.
func (s *Scanner) Array(element func()) bool {
	if s.Null() || !s.enter('[') {
		return false
	}
	for first := true; !s.leave(']', first); first = false {
		element()
	}
	return s.err == nil
}

// Null reads null, if that is what comes next.
func (s *Scanner) Null() bool {
	if s.space(); s.err != nil || s.peek() == 'n' {
		s.literal("null")
		return true
	}
	return false
}

// enter reads the bracket that opens an object or an array.
func (s *Scanner) enter(bracket byte) bool {
	s.space()
	if s.err != nil || s.peek() != bracket {
		s.wrong()
		return false
	}
	s.at++
	if s.depth++; s.depth > maxDepth {
		s.fail(errDepth)
	}
	return s.err == nil
}

// leave reads what is between two members or elements, and reports whether the
// bracket that closes them all was reached.
func (s *Scanner) leave(bracket byte, first bool) bool {
	s.space()
	switch c := s.peek(); {
	case s.err != nil:
		return true
	case c == bracket:
		s.at++
		s.depth--
		return true
	case first:
	case c == ',':
		s.at++
		if s.space(); s.peek() == bracket { // one comma too many
			s.broken()
		}
	default:
		s.broken()
	}
	return s.err != nil
}

func (s *Scanner) accept(c byte) bool {
	if s.space(); s.peek() != c {
		s.broken()
		return false
	}
	s.at++
	return true
}

func (s *Scanner) space() {
	for s.at < len(s.body) {
		switch s.body[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// peek returns 0 at the end, which no value begins with.
func (s *Scanner) peek() byte {
	if s.at < len(s.body) {
		return s.body[s.at]
	}
	return 0
}

// ErrSyntax is in the error of a body that is not JSON.
var ErrSyntax = errors.New("not JSON")

func (s *Scanner) broken() { s.fail(fmt.Errorf("%w from byte %d on", ErrSyntax, s.at)) }

// wrong is a value of another type than is read, or no value at all.
func (s *Scanner) wrong() {
	if s.at = min(s.at, len(s.body)); s.err == nil && s.valid() {
		s.fail(fmt.Errorf("field %s has a type that is not documented", s.field))
	}
}

// valid skips a value, and reports whether it is one.
func (s *Scanner) valid() bool {
	s.Skip()
	return s.err == nil
}

func (s *Scanner) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}
