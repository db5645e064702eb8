package gateway

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// badParam is the name of a parameter that is unknown, repeated, empty or out
// of its range. It is an error.
type badParam string

// Error implements error. The name is the caller's: it is for the answer, not the log.
func (badParam) Error() string { return "gateway: bad parameter" }

// maxName is how much of an unknown name is repeated to the caller, in bytes.
const maxName = 64

// field is the name as it is repeated to the caller. One without a name is
// the query's fault as a whole.
func (p badParam) field() string {
	if p == "" {
		return "query"
	}
	name := strings.ToValidUTF8(string(p), "\uFFFD")
	for len(name) > maxName {
		_, n := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-n]
	}
	return name
}

// parseQuery calls set with each parameter; set tells whether it is known and
// its value good. The first that is not, or that comes twice, is the error.
// It does not use [url.ParseQuery], which drops what it cannot read.
func parseQuery(raw string, set func(name, value string) bool) error {
	var seen []string // at most as many as there are parameters
	for raw != "" {
		var pair string
		if pair, raw, _ = strings.Cut(raw, "&"); pair == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil {
			return badParam(rawName)
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil || value == "" || slices.Contains(seen, name) || !set(name, value) {
			return badParam(name)
		}
		seen = append(seen, name)
	}
	return nil
}

// text reports whether s is at most limit characters that can be shown.
func text(s string, limit int) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= limit && !strings.ContainsFunc(s, unicode.IsControl)
}

// words reads a comma list of the allowed words, each at most once.
func words[T ~string](s string, allowed ...T) ([]T, bool) {
	list := make([]T, 0, len(allowed))
	for w := range strings.SplitSeq(s, ",") {
		if !slices.Contains(allowed, T(w)) || slices.Contains(list, T(w)) {
			return nil, false
		}
		list = append(list, T(w))
	}
	return list, true
}
