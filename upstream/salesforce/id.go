package salesforce

import "strings"

// An id has 15 characters whose case counts, of which the first three name the
// kind of record; a suffix of three says which are capitals, so that with it the
// case does not count.
const (
	shortID = 15
	longID  = 18
	suffix  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
	block   = 5 // characters for each of the suffix
)

// canonical returns the long form of an id of either length, with the case that
// its suffix says. It is not ok for what can be no id with the prefix.
func canonical(id, prefix string) (string, bool) {
	if len(id) == longID {
		restored, ok := restore(id[:shortID], strings.ToUpper(id[shortID:]))
		if !ok {
			return "", false
		}
		id = restored
	}
	if len(id) != shortID || !strings.HasPrefix(id, prefix) {
		return "", false
	}
	long := []byte(id)
	for at := 0; at < shortID; at += block {
		bits := 0
		for i := range block {
			switch c := id[at+i]; {
			case isCapital(c):
				bits |= 1 << i
			case !isSmall(c) && (c < '0' || c > '9'):
				return "", false
			}
		}
		long = append(long, suffix[bits])
	}
	return string(long), true
}

// restore gives an id the case that its suffix says.
func restore(id, tail string) (string, bool) {
	out := []byte(strings.ToLower(id))
	if len(out) != shortID {
		return "", false // some letters have another length in lower case
	}
	for n := range tail {
		bits := strings.IndexByte(suffix, tail[n])
		if bits < 0 {
			return "", false
		}
		for i := range block {
			if bits&(1<<i) == 0 {
				continue
			}
			at := n*block + i
			if !isSmall(out[at]) {
				return "", false
			}
			out[at] -= 'a' - 'A'
		}
	}
	return string(out), true
}

func isCapital(c byte) bool { return c >= 'A' && c <= 'Z' }

func isSmall(c byte) bool { return c >= 'a' && c <= 'z' }
