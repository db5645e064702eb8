// Package oauth gives connectors the tokens of services whose tokens end: by a
// refresh token, by a client's own credentials, or by a signed assertion.
//
// However many callers need a token, one request for it is under way at a time.
// It is made before the token at hand ends, while that is still in use, and when
// the service no longer takes it. Nobody who stops waiting ends it for others.
package oauth

import (
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

// Grant is what a token is given for.
type Grant string

// The grants.
const (
	RefreshToken      Grant = "refresh_token"
	ClientCredentials Grant = "client_credentials"
	JWTBearer         Grant = "jwt_bearer" // an assertion that the client's key has signed, RS256
)

// Config says who asks for tokens, and for what they are given.
type Config struct {
	Grant        Grant           // required
	ClientID     string          // required
	ClientSecret string          // for all but JWTBearer, which has none
	RefreshToken string          // for RefreshToken
	Key          *rsa.PrivateKey // for JWTBearer
	Subject      string          // for JWTBearer: the user that the client acts for
	Audience     string          // for JWTBearer: the service that gives tokens, by the name it has for itself

	// Basic sends the client's id and secret as a basic credential and not in
	// the body.
	Basic bool

	// Instance is the URL of the service that the tokens are for. Where an
	// answer names another, the log says so. "": it is not looked at.
	Instance string

	Logger *slog.Logger // nil: silent
}

// Operations returns the operations that the package needs of the host of the
// service that gives tokens, whose URL is the address of its tokens.
func Operations() []upstream.Op { return []upstream.Op{upstream.OpToken} }

// Access is how the client of that host is let in.
func (c Config) Access() client.Access {
	if !c.Basic {
		return client.Access{}
	}
	pair := url.QueryEscape(c.ClientID) + ":" + url.QueryEscape(c.ClientSecret)
	return client.Access{Header: "Authorization", Token: "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))}
}

// minKey is the shortest key that signs, in bits.
const minKey = 2048

func (c Config) validate() error {
	secret := c.ClientSecret != ""
	switch {
	case c.ClientID == "":
		return errors.New("oauth: no client id")
	case c.Grant == RefreshToken && (!secret || c.RefreshToken == ""):
		return errors.New("oauth: no client secret or no refresh token")
	case c.Grant == ClientCredentials && !secret:
		return errors.New("oauth: no client secret")
	case c.Grant == JWTBearer && (c.Key == nil || c.Key.N.BitLen() < minKey || c.Subject == "" || c.Audience == ""):
		return errors.New("oauth: no key of 2048 bits, no subject or no audience")
	case c.Grant != RefreshToken && c.Grant != ClientCredentials && c.Grant != JWTBearer:
		return fmt.Errorf("oauth: no grant %q", string(c.Grant))
	}
	return nil
}

// Source gives tokens. It is a [client.TokenSource].
type Source struct {
	client *client.Client // of the service that gives tokens
	cfg    Config

	mu      sync.Mutex
	token   token   // the one in use; guarded by mu
	rotated string  // instead of cfg.RefreshToken, once an answer has replaced it; guarded by mu
	flight  *flight // the request that is under way; guarded by mu
	paused  pause   // after one that failed; guarded by mu
	told    string  // the other instance that the log was told of; guarded by mu
}

// token is an answer of the service that gives tokens.
type token struct {
	value string
	given time.Time
	early time.Time // from when on another is asked for; zero: when it is refused
	end   time.Time // zero: nobody said
}

// flight is a request for a token, whose outcome is there when done is closed.
type flight struct {
	done  chan struct{}
	value string
	err   error
}

// pause is how long no token is asked for, and why.
type pause struct {
	until time.Time
	err   error
}

var _ client.TokenSource = (*Source)(nil)

// New returns a source that asks by c, whose access is that of cfg. No call is
// made.
func New(c *client.Client, cfg Config) (*Source, error) {
	if c == nil {
		return nil, errors.New("oauth: no client")
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Source{client: c, cfg: cfg}, nil
}
