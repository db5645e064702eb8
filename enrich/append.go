package enrich

import (
	"strconv"
	"unicode/utf8"

	"github.com/weft-gateway/weft/upstream"
)

const hexDigits = "0123456789abcdef"

// appendString writes s as a JSON string. Bytes that are not UTF-8 become
// U+FFFD; U+2028 and U+2029 are escaped, since some readers take them for line ends.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			b = appendEscaped(b, c)
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b = append(append(b, s[start:i]...), `\ufffd`...)
			start = i + n
		case r == '\u2028' || r == '\u2029':
			b = append(append(b, s[start:i]...), `\u202`...)
			b = append(b, hexDigits[r&0xF])
			start = i + n
		}
		i += n
	}
	return append(append(b, s[start:]...), '"')
}

func appendEscaped(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xF])
}

func appendOptional(b []byte, s *string) []byte {
	if s == nil {
		return append(b, "null"...)
	}
	return appendString(b, *s)
}

// appendID writes an id, null for none.
func appendID(b []byte, id string) []byte {
	if id == "" {
		return append(b, "null"...)
	}
	return appendString(b, id)
}

func appendInt(b []byte, n int) []byte { return strconv.AppendInt(b, int64(n), 10) }

func appendTime(b []byte, t *upstream.Time) []byte {
	if t == nil {
		return append(b, "null"...)
	}
	return t.Append(b)
}

func appendBool(b []byte, v *bool) []byte {
	if v == nil {
		return append(b, "null"...)
	}
	return strconv.AppendBool(b, *v)
}

// appendRaw splices JSON that was validated when it entered; nil is null.
func appendRaw(b []byte, raw []byte) []byte {
	if len(raw) == 0 {
		return append(b, "null"...)
	}
	return append(b, raw...)
}

// appendJSON writes what is small and rare enough for the encoder.
func appendJSON(b []byte, v any) []byte {
	raw, err := encodeJSON(v)
	if err != nil {
		return append(b, "null"...)
	}
	return append(b, raw...)
}

func appendParty(b []byte, p *upstream.Party) []byte {
	if p == nil {
		return append(b, "null"...)
	}
	b = appendOptional(append(b, `{"name":`...), p.Name)
	b = appendOptional(append(b, `,"phone":`...), p.Phone)
	return append(b, '}')
}

func appendAssistant(b []byte, a *upstream.Assistant) []byte {
	if a == nil {
		return append(b, "null"...)
	}
	b = appendString(append(b, `{"id":`...), a.ID)
	b = appendOptional(append(b, `,"name":`...), a.Name)
	return append(b, '}')
}
