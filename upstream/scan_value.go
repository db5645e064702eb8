package upstream

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Text reads a string; nil for null.
func (s *Scanner) Text() *string {
	if s.Null() {
		return nil
	}
	if s.peek() != '"' {
		s.wrong()
		return nil
	}
	b, ok := s.text()
	if !ok {
		return nil
	}
	return s.keep(b)
}

// Texts that are read one after the other share memory, which lasts as long as
// any of them: up to this much.
const (
	wordsAtOnce = 16
	charsAtOnce = 512 // bytes
	shortText   = 128 // bytes: a longer one has memory of its own
)

// keep returns b as a string.
func (s *Scanner) keep(b []byte) *string {
	if len(s.words) == cap(s.words) {
		s.words = make([]string, 0, min(wordsAtOnce, 1+s.expected()/shortText))
	}
	s.words = append(s.words, s.word(b))
	return &s.words[len(s.words)-1]
}

// Expect says that so many texts are read of the body, which may all be kept
// together.
func (s *Scanner) Expect(texts int) {
	s.words = make([]string, 0, texts)
	s.chars.Reset()
	s.chars.Grow((len(s.body) - s.at) / 2) // the rest is names and what is no text
}

// expected is how much there may be to read yet, in bytes.
func (s *Scanner) expected() int {
	if s.again { // and there will be more bodies
		return wordsAtOnce * shortText
	}
	return len(s.body) - s.at
}

func (s *Scanner) word(b []byte) string {
	if len(b) > shortText {
		return string(b)
	}
	if s.chars.Cap()-s.chars.Len() < len(b) {
		s.chars.Reset()
		s.chars.Grow(len(b) + min(charsAtOnce-shortText, s.expected()/2))
	}
	at := s.chars.Len()
	s.chars.Write(b)
	return s.chars.String()[at:]
}

// Int reads an integer; nil for null.
func (s *Scanner) Int() *int {
	return number(s, strconv.Atoi)
}

// Float reads a number; nil for null.
func (s *Scanner) Float() *float64 {
	return number(s, func(text string) (float64, error) { return strconv.ParseFloat(text, 64) })
}

func number[T any](s *Scanner, parse func(string) (T, error)) *T {
	if s.Null() {
		return nil
	}
	if c := s.peek(); c != '-' && (c < '0' || c > '9') {
		s.wrong()
		return nil
	}
	start := s.at
	s.number()
	if s.err != nil {
		return nil
	}
	v, err := parse(string(s.body[start:s.at]))
	if err != nil {
		s.at = start
		s.wrong()
		return nil
	}
	return &v
}

// Bool reads a truth value; nil for null.
func (s *Scanner) Bool() *bool {
	if s.Null() {
		return nil
	}
	v := s.peek() == 't'
	switch {
	case v:
		s.literal("true")
	case s.peek() == 'f':
		s.literal("false")
	default:
		s.wrong()
	}
	if s.err != nil {
		return nil
	}
	return &v
}

// Time reads an RFC 3339 time; nil for null.
func (s *Scanner) Time() *Time {
	if s.Null() {
		return nil
	}
	var t Time
	if s.TimeInto(&t); s.err != nil {
		return nil
	}
	return &t
}

// TimeInto reads an RFC 3339 time into t, and leaves that as it is for null.
func (s *Scanner) TimeInto(t *Time) {
	raw := s.Raw()
	if s.err != nil {
		return
	}
	if err := t.UnmarshalJSON(raw); err != nil {
		s.fail(err)
	}
}

// Raw reads any value, as it stands in the body: nil after an error.
func (s *Scanner) Raw() json.RawMessage {
	s.space()
	start := s.at
	if s.Skip(); s.err != nil {
		return nil
	}
	return s.body[start:s.at:s.at]
}

// Compact reads any value, and returns a copy without insignificant white
// space: null after an error.
func (s *Scanner) Compact() json.RawMessage {
	raw := s.Raw()
	if raw == nil {
		return json.RawMessage("null")
	}
	out := make([]byte, 0, len(raw))
	for len(raw) > 0 {
		if raw[0] == '"' {
			n := 1 + closing(raw[1:])
			out = append(out, raw[:n]...)
			raw = raw[n:]
			continue
		}
		if c := raw[0]; c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			out = append(out, c)
		}
		raw = raw[1:]
	}
	return out
}

// closing returns the length of the rest of a string that is known to end.
func closing(b []byte) int {
	for i := 0; ; i++ {
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
}

// Skip passes over any value.
func (s *Scanner) Skip() {
	if s.err != nil {
		return
	}
	s.space()
	switch c := s.peek(); {
	case c == '"':
		s.quoted()
	case c == '{':
		s.Each(func([]byte) { s.Skip() })
	case c == '[':
		s.Array(s.Skip)
	case c == 't':
		s.literal("true")
	case c == 'f':
		s.literal("false")
	case c == 'n':
		s.literal("null")
	case c == '-' || c >= '0' && c <= '9':
		s.number()
	default:
		s.broken()
	}
}

func (s *Scanner) literal(text string) {
	if s.err != nil {
		return
	}
	if !bytes.HasPrefix(s.body[s.at:], []byte(text)) {
		s.broken()
		return
	}
	s.at += len(text)
}

// number passes over a number. What may not follow one, as a second zero, is
// noticed by who reads on.
func (s *Scanner) number() {
	if s.peek() == '-' {
		s.at++
	}
	if s.peek() == '0' {
		s.at++
	} else {
		s.digits()
	}
	if s.peek() == '.' {
		s.at++
		s.digits()
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.at++
		if c := s.peek(); c == '+' || c == '-' {
			s.at++
		}
		s.digits()
	}
}

func (s *Scanner) digits() {
	start := s.at
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.at++
	}
	if s.at == start {
		s.broken()
	}
}

// quoted passes over a string, and reports whether it has escapes.
func (s *Scanner) quoted() (escaped bool) {
	for i := s.at + 1; i < len(s.body); i++ {
		if i = plainTo(s.body, i); i == len(s.body) {
			break
		}
		switch c := s.body[i]; {
		case c == '"':
			s.at = i + 1
			return escaped
		case c == '\\':
			n := escape(s.body[i:])
			if n == 0 {
				s.at = i
				s.broken()
				return true
			}
			escaped = true
			i += n - 1
		case c < ' ':
			s.at = i
			s.broken()
			return escaped
		}
	}
	s.at = len(s.body)
	s.broken()
	return escaped
}

// plainTo returns where, from i on, there may be a byte that ends a string, begins an
// escape or is a control character. It looks at eight at a time: nearly all of most bodies is
// text.
func plainTo(b []byte, i int) int {
	const each, top = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		quote, slash := w^each*'"', w^each*'\\'
		// A borrow spoils only what is above the first byte that is meant.
		if found := ((w-each*' ')&^w | (quote-each)&^quote | (slash-each)&^slash) & top; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	return i
}

// escape returns the length of the escape that b begins with; 0: it is none.
func escape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	if b[1] != 'u' {
		if bytes.IndexByte([]byte(`"\/bfnrt`), b[1]) < 0 {
			return 0
		}
		return 2
	}
	if _, ok := unit(b); !ok {
		return 0
	}
	return 6
}

// unit reads \uXXXX.
func unit(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// text reads a string; the bytes are the body's where it has no escapes.
func (s *Scanner) text() ([]byte, bool) {
	s.space()
	if s.err != nil || s.peek() != '"' {
		s.broken()
		return nil, false
	}
	start := s.at + 1
	escaped := s.quoted()
	if s.err != nil {
		return nil, false
	}
	b := s.body[start : s.at-1]
	if escaped {
		b = unescape(b)
	}
	return b, true
}

// unescape resolves escapes that are known to be good. Half of a surrogate pair
// becomes U+FFFD.
func unescape(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\\')
		if i < 0 {
			return append(out, b...)
		}
		out, b = append(out, b[:i]...), b[i:]
		if b[1] != 'u' {
			out, b = append(out, plain(b[1])), b[2:]
			continue
		}
		r, _ := unit(b)
		b = b[6:]
		if utf16.IsSurrogate(r) {
			low, _ := unit(b)
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				b = b[6:]
			}
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

func plain(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}
