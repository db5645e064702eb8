package upstream

import "strings"

// E164 returns a number that says its country, as "+45 31 23 45 67", without
// its spacing. Any other stays as it is: guessing a country is not for here,
// nor is an inner prefix, as in "+44 (0)20".
func E164(s string) string {
	digits := digitsOf(s)
	spacing := strings.Trim(s, "+0123456789 -./()\u00a0") == ""
	if !strings.HasPrefix(s, "+") || strings.Contains(s, "(0)") || !spacing ||
		strings.Count(s, "+") > 1 || len(digits) < 7 || len(digits) > 15 {
		return s
	}
	return "+" + digits
}

// digitsOf returns the digits of s.
func digitsOf(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// phoneKey returns the digits of a number, after a plus if it starts with one.
func phoneKey(s string) string {
	digits := digitsOf(s)
	if digits != "" && strings.HasPrefix(strings.TrimSpace(s), "+") {
		return "+" + digits
	}
	return digits
}

// minNear is the fewest digits that a number without its country may have to
// be taken for one with it.
const minNear = 7

// nearPhone reports whether one of two numbers may be the other as it is
// dialled at home: without its country, after a leading zero.
func nearPhone(a, b string) bool {
	if strings.HasPrefix(a, "+") == strings.HasPrefix(b, "+") {
		return false // both say their country, or neither does
	}
	a, b = strings.TrimLeft(a, "+0"), strings.TrimLeft(b, "+0")
	if len(a) > len(b) {
		a, b = b, a
	}
	return len(a) >= minNear && strings.HasSuffix(b, a)
}
