package auth

import "time"

// Credentials knows whoever has an API key or a token. It is safe for
// concurrent use.
type Credentials struct {
	keys   *Keys
	tokens *Tokens
}

// NewCredentials returns the Credentials of both.
func NewCredentials(keys *Keys, tokens *Tokens) *Credentials {
	return &Credentials{keys: keys, tokens: tokens}
}

// Authenticate returns whose credential an Authorization header carries. It may
// wait for the keys of an issuer, for at most [MaxLoad].
func (c *Credentials) Authenticate(header string, now time.Time) (Principal, bool) {
	token, ok := bearer(header)
	if !ok {
		return Principal{}, false
	}
	d := digestOf(token)
	if who, ok := c.keys.find(d, now); ok {
		return who, true
	}
	return c.tokens.find(token, d, now)
}
