package auth

import "strings"

const (
	scheme   = "Bearer"
	maxToken = 8 << 10 // bytes; net/http bounds all headers together at twice that
)

// bearer returns the token of `Bearer TOKEN`: the scheme in any case, one
// space, and up to [maxToken] visible ASCII characters. Nothing is trimmed:
// what a proxy before us might read otherwise is refused.
func bearer(header string) (token string, ok bool) {
	name, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(name, scheme) {
		return "", false
	}
	if token == "" || len(token) > maxToken {
		return "", false
	}
	for i := range len(token) {
		if token[i] <= ' ' || token[i] > '~' {
			return "", false
		}
	}
	return token, true
}
