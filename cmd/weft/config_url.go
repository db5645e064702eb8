package main

import (
	"errors"
	"net/url"
	"path"
	"strings"
)

// baseURL is the root of a service, kept in one form so that two ways to write
// the same root are one host with one set of breakers.
func baseURL(dst *string) scalar {
	return func(s string) error {
		u, err := url.Parse(s)
		switch {
		case err != nil:
			return errors.New("is not a URL")
		case u.Scheme != "http" && u.Scheme != "https":
			return errors.New("want a URL that starts with http:// or https://")
		case u.Hostname() == "" || !validPort(u):
			return errors.New("want a URL with a host and, if any, a port from 1 to 65535")
		case u.User != nil:
			return errors.New("must not hold a user or password; the credential is the token")
		case u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#"):
			return errors.New("must not hold a query or fragment")
		case u.Path != "" && strings.TrimSuffix(u.Path, "/") != strings.TrimSuffix(path.Clean(u.Path), "/"):
			return errors.New("must not hold an empty, . or .. path segment")
		}
		*dst = canonical(u)
		return nil
	}
}

// canonical writes a base URL in lower case where case does not count, without
// its scheme's own port and without a slash at the end.
func canonical(u *url.URL) string {
	u.Host = strings.ToLower(u.Host)
	if u.Scheme == "http" && u.Port() == "80" || u.Scheme == "https" && u.Port() == "443" {
		u.Host = strings.TrimSuffix(u.Host, ":"+u.Port())
	}
	u.Host = strings.TrimSuffix(u.Host, ":") // an empty port is allowed
	return strings.TrimSuffix(u.String(), "/")
}

// relativePath is a path below a base URL, of one or more segments.
func relativePath(dst *string) scalar {
	return matching(dst, "a path such as contacts or crm/v2/people, without a slash at either end", func(s string) bool {
		return s[0] != '/' && path.Clean(s) == s && s != "." && !strings.HasPrefix(s, "..") &&
			!strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(`?#%\`, c) })
	})
}

func validPort(u *url.URL) bool {
	return u.Port() == "" || isPort(u.Port()) && strings.Trim(u.Port(), "0") != ""
}
