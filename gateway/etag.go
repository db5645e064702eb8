package gateway

import "strings"

// appendTag makes an entity tag of an opaque value. It is weak: the same for
// every encoding of the body.
func appendTag(b []byte, opaque string) []byte {
	return append(append(append(b, `W/"`...), opaque...), '"')
}

func weakTag(opaque string) string { return string(appendTag(nil, opaque)) }

// anyMatches reports whether an If-None-Match header names the tag or is "*".
// Tags are compared weakly. What comes after a malformed one is not read: the
// caller is then sent the whole answer.
func anyMatches(header []string, tag string) bool {
	want := strings.TrimPrefix(tag, "W/")
	for _, list := range header {
		if strings.Trim(list, " \t") == "*" {
			return true
		}
		for {
			got, rest, ok := nextTag(list)
			if !ok {
				break
			}
			if got == want {
				return true
			}
			list = rest
		}
	}
	return false
}

// nextTag cuts the first entity tag, with its quotes and without its W/, off a list.
func nextTag(list string) (tag, rest string, ok bool) {
	list = strings.TrimLeft(list, " \t,")
	list = strings.TrimPrefix(list, "W/")
	if list == "" || list[0] != '"' {
		return "", "", false
	}
	end := strings.IndexByte(list[1:], '"')
	if end < 0 {
		return "", "", false
	}
	tag, rest = list[:end+2], strings.TrimLeft(list[end+2:], " \t")
	if rest != "" && rest[0] != ',' {
		return "", "", false
	}
	return tag, rest, true
}
