package upstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// maxDepth bounds the nesting of foreign JSON. Deeper bodies cost the decoder
// and every reader behind it, and no documented record comes near it.
const maxDepth = 64

var errDepth = errors.New("upstream: JSON nested too deeply")

// Decode reads one JSON value from a foreign body into v: nothing may follow
// it, nesting is bounded, and bytes that are not UTF-8 become U+FFFD, so that
// what is spliced later is always valid.
func Decode(body []byte, v any) error {
	if !utf8.Valid(body) {
		body = bytes.ToValidUTF8(body, []byte("\uFFFD"))
	}
	if tooDeep(body) {
		return errDepth
	}
	return json.Unmarshal(body, v)
}

// tooDeep counts brackets outside strings; it does not validate.
func tooDeep(body []byte) bool {
	depth, inString := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString:
			switch c {
			case '\\':
				i++
			case '"':
				inString = false
			}
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// Compact returns one JSON value without insignificant white space, as it is
// kept and spliced. A value that is not valid JSON is an error.
func Compact(raw []byte) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(len(raw))
	if err := json.Compact(&b, raw); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Object returns raw as a compact JSON object, or null for null, nothing, or
// the empty array that PHP makes of an empty map. Anything else is an error.
func Object(raw json.RawMessage) (json.RawMessage, error) {
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return json.RawMessage("null"), nil
	case raw[0] == '{':
		return Compact(raw)
	case raw[0] == '[' && len(raw) >= 2 && len(bytes.TrimSpace(raw[1:len(raw)-1])) == 0:
		return json.RawMessage("{}"), nil
	}
	return nil, errors.New("upstream: not a JSON object")
}
