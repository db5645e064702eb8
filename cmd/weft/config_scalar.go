package main

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zone names mean the same on machines without a zone database

	"github.com/nyaruka/phonenumbers"

	"github.com/weft-gateway/weft/gateway/auth"
)

// text is any value but an empty one.
func text(dst *string) scalar {
	return func(s string) error {
		*dst = s
		return nonEmpty(s)
	}
}

func nonEmpty(s string) error {
	if s == "" {
		return errors.New("must not be empty")
	}
	return nil
}

// matching is a value that ok accepts, never an empty one. want completes
// "want ...".
func matching(dst *string, want string, ok func(string) bool) scalar {
	return func(s string) error {
		if s != "" && !ok(s) {
			return errors.New("want " + want)
		}
		*dst = s
		return nonEmpty(s)
	}
}

func identifier(dst *string) scalar {
	return matching(dst, "1 to 64 letters, digits, _ or -", isIdentifier)
}

func oneOf(dst *string, words ...string) scalar {
	return matching(dst, "one of "+strings.Join(words, ", "), func(s string) bool { return slices.Contains(words, s) })
}

// scope is a right of a tenant's key. Those of the ops listener are none.
func scope(dst *string) scalar {
	known := oneOf(dst, auth.Scopes()...)
	return func(s string) error {
		if strings.HasPrefix(s, "ops:") {
			return errors.New("a tenant's key cannot have an ops scope; such a key belongs under ops.keys")
		}
		return known(s)
	}
}

// token is a secret that can be sent in a header.
func token(dst *string) scalar {
	return matching(dst, "a token: visible ASCII characters without spaces", func(s string) bool {
		return !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' })
	})
}

func digest(dst *string) scalar {
	return matching(dst, "a SHA-256 of 64 lower-case hex digits", func(s string) bool {
		return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
	})
}

// region is a country whose national phone numbers can be read.
func region(dst *string) scalar {
	return matching(dst, "a country code such as US", func(s string) bool {
		return phonenumbers.GetSupportedRegions()[s]
	})
}

// timezone is a zone of the IANA database. Local is none: it depends on the machine.
func timezone(dst *string) scalar {
	return matching(dst, "a time zone such as UTC or Europe/Berlin", func(s string) bool {
		_, err := time.LoadLocation(s)
		return err == nil && s != "Local"
	})
}

// duration is a time span of at least a millisecond and at most the given one.
func duration(dst *time.Duration, most time.Duration) scalar {
	return func(s string) error {
		d, err := time.ParseDuration(s)
		switch {
		case err != nil:
			return errors.New("want a duration such as 50ms, 5m or 168h")
		case d < time.Millisecond || d > most:
			return fmt.Errorf("want a duration from 1ms to %s", brief(most))
		}
		*dst = d
		return nil
	}
}

// durationOrNone is a duration, or 0.
func durationOrNone(dst *time.Duration, most time.Duration) scalar {
	some := duration(dst, most)
	return func(s string) error {
		if d, err := time.ParseDuration(s); err == nil && d == 0 {
			*dst = 0
			return nil
		}
		return some(s)
	}
}

// instant is a point in time. A date is where that day begins, in UTC.
func instant(dst *time.Time) scalar {
	return func(s string) error {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t, err = time.Parse(time.DateOnly, s)
		}
		if err != nil {
			return errors.New("want a date or a time such as 2027-01-31 or 2027-01-31T18:00:00+01:00")
		}
		*dst = t.UTC()
		return nil
	}
}

// between is a whole number in a range.
func between(dst *int, least, most int) scalar {
	return func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most {
			return fmt.Errorf("want a whole number from %d to %d", least, most)
		}
		*dst = n
		return nil
	}
}

// boolean is true or false, in the words of YAML 1.2.
func boolean(dst *bool) scalar {
	return func(s string) error {
		if s != "true" && s != "false" {
			return errors.New("want true or false")
		}
		*dst = s == "true"
		return nil
	}
}

// address is what a listener binds: an optional host, and a port.
func address(dst *string) scalar {
	return matching(dst, "a host and port such as 127.0.0.1:8080", func(s string) bool {
		host, port, err := net.SplitHostPort(s)
		return err == nil && isPort(port) && !strings.ContainsAny(host, " /@")
	})
}

// dotted is the way to a field of foreign JSON.
func dotted(dst *string) scalar {
	return matching(dst, "a field, with dots between where it is nested", func(s string) bool {
		return !slices.Contains(strings.Split(s, "."), "")
	})
}

// number is a whole number above zero that names something.
func number(dst *string) scalar {
	return matching(dst, "a whole number", func(s string) bool {
		return len(s) <= 18 && s[0] != '0' && strings.Trim(s, "0123456789") == ""
	})
}

// fieldName is the name of a field in a CRM.
func fieldName(dst *string) scalar {
	return matching(dst, "the name of a field: letters, digits and _", isFieldName)
}

func isFieldName(s string) bool {
	return len(s) <= 80 && strings.Trim(s, "_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

func isIdentifier(s string) bool {
	return len(s) >= 1 && len(s) <= 64 && !strings.ContainsFunc(s, func(c rune) bool {
		return !isLetter(c) && !isDigit(c) && c != '_' && c != '-'
	})
}

func isLetter(c rune) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func isDigit(c rune) bool { return '0' <= c && c <= '9' }

// brief writes a duration without the zero units at its end.
func brief(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
