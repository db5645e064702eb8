package client

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

// Access is how a tenant is let in. The zero value sends no credential.
type Access struct {
	Token  string      // sent as a bearer token; "": none
	Header string      // the field that carries Token alone; "": Authorization, as a bearer token
	Tokens TokenSource // gives bearer tokens that end, and Token is not used; nil: Token does not end
}

// TokenSource gives bearer tokens that end.
type TokenSource interface {
	// Token returns a token that can be sent now. It never returns refused,
	// which the service has answered with 401; "" is none. It may be called
	// concurrently, and must not wait for longer than ctx.
	Token(ctx context.Context, refused string) (string, error)
}

// access is an Access as it is sent. The credential is behind a pointer, so
// that no %v prints it.
type access struct {
	field  string // in the form of a header's map
	value  *string
	tokens TokenSource
}

func newAccess(a Access) access {
	switch {
	case a.Tokens != nil:
		return access{field: "Authorization", tokens: a.Tokens}
	case a.Token == "":
		return access{}
	case a.Header != "":
		return access{field: http.CanonicalHeaderKey(a.Header), value: &a.Token}
	}
	bearer := "Bearer " + a.Token
	return access{field: "Authorization", value: &bearer}
}

// pass is what one call is let in with.
type pass struct {
	field string
	value *string
	token string // of a token source
}

// pass returns what a call is let in with, and not with a token that was
// refused. It waits for half a deadline at most.
func (c *Client) pass(ctx context.Context, refused string) (pass, error) {
	p := pass{field: c.access.field, value: c.access.value}
	if c.access.tokens != nil {
		token, err := c.token(ctx, refused)
		if err != nil {
			return pass{}, err
		}
		bearer := "Bearer " + token
		p.value, p.token = &bearer, token
	}
	if p.value != nil && strings.ContainsFunc(*p.value, control) {
		return pass{}, failure(upstream.Denied, "the token holds a control character")
	}
	return p, nil
}

func (c *Client) token(ctx context.Context, refused string) (string, error) {
	patience, cancel := context.WithTimeout(ctx, c.host.way.Load().deadline/2)
	defer cancel()
	token, err := c.access.tokens.Token(patience, refused)
	e, known := errors.AsType[*upstream.Error](err)
	switch {
	case err == nil:
		return token, nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	case known:
		own := *e // callers who wait for the same token get the same error
		return "", &own
	case patience.Err() != nil:
		return "", failure(upstream.Timeout, "no token in time")
	}
	return "", err
}

// unauthorized reports whether a call was answered with 401.
func unauthorized(err error) bool {
	e, ok := errors.AsType[*upstream.Error](err)
	return ok && e.Kind == upstream.Denied && e.Status == http.StatusUnauthorized
}

func control(r rune) bool { return r < ' ' || r == 0x7f }

// Manners are a vendor's own ways to say what HTTP has common ways for. The
// zero value has none.
type Manners struct {
	// Header goes with every call, as the version of an API does. Its names are
	// in the form of the header's map.
	Header http.Header

	// Spent reads from any answer's header for how long nothing is left of the
	// tenant's quota; not ok: it does not say so. nil: see the common ways.
	Spent func(http.Header) (wait time.Duration, ok bool)

	// Refused judges an answer with 401, 403 or 429 by the first 16 KiB of its
	// body. RateLimited closes the tenant's gate, for wait where the answer has
	// no Retry-After; "" leaves the kind to the status. nil: the status says it.
	Refused func(Reply) (kind upstream.Kind, wait time.Duration)
}
