package main

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/url"

	"github.com/weft-gateway/weft/upstream/chatwoot"
	"github.com/weft-gateway/weft/upstream/client"
	"github.com/weft-gateway/weft/upstream/oauth"
	"github.com/weft-gateway/weft/upstream/pipedrive"
)

// Auth is how the tokens of a source are got that end.
type Auth struct {
	Grant        string `yaml:"grant"`
	URL          string `yaml:"url"` // where tokens are given
	ClientID     string `yaml:"client_id"`
	ClientSecret string `yaml:"client_secret,omitempty"` // for all grants but jwt_bearer
	RefreshToken string `yaml:"refresh_token,omitempty"` // for refresh_token
	PrivateKey   string `yaml:"private_key,omitempty"`   // for jwt_bearer: an RSA key in PEM
	Subject      string `yaml:"subject,omitempty"`       // for jwt_bearer: who the client acts for
	Audience     string `yaml:"audience,omitempty"`      // for jwt_bearer: what the service calls itself
}

// loginInFlight is how many tokens are asked for at once from one service.
const loginInFlight = 16

func (a *Auth) shape() fields {
	return fields{
		"grant":         required{oneOf(&a.Grant, string(oauth.RefreshToken), string(oauth.ClientCredentials), string(oauth.JWTBearer))},
		"url":           baseURL(&a.URL),
		"client_id":     required{token(&a.ClientID)},
		"client_secret": token(&a.ClientSecret),
		"refresh_token": token(&a.RefreshToken),
		"private_key":   privateKey(&a.PrivateKey),
		"subject":       text(&a.Subject),
		"audience":      text(&a.Audience),
	}
}

func privateKey(dst *string) scalar {
	return matching(dst, "an RSA key of at least 2048 bits in PEM, not encrypted", func(s string) bool {
		key := rsaKey(s)
		return key != nil && key.N.BitLen() >= 2048
	})
}

// rsaKey reads a key in the form PKCS #8 or PKCS #1; nil for anything else.
func rsaKey(text string) *rsa.PrivateKey {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil
	}
	own, _ := key.(*rsa.PrivateKey)
	return own
}

// complete fills in the addresses of the source's kind.
func (a *Auth) complete(s *Source) {
	place, audience := "", ""
	switch s.Kind {
	case kindHubSpot:
		place = s.URL + "/oauth/v1/token"
	case kindSalesforce:
		place, audience = s.URL+"/services/oauth2/token", "https://login.salesforce.com"
	case kindPipedrive:
		place = "https://oauth.pipedrive.com/oauth/token"
	}
	if a.URL == "" {
		a.URL = place
	}
	if a.Audience == "" && a.Grant == string(oauth.JWTBearer) {
		a.Audience = audience
	}
}

// validate reports what the grant lacks, and what it has no use for.
func (a *Auth) validate(r *report, path string) {
	jwt := a.Grant == string(oauth.JWTBearer)
	check := func(key, value string, wanted bool) {
		switch {
		case wanted && value == "":
			r.fail(join(path, key), "is missing")
		case !wanted && value != "":
			r.fail(join(path, key), "is not for grant %s", a.Grant)
		}
	}
	if a.Grant == "" {
		return // reported
	}
	check("url", a.URL, true)
	if u, err := url.Parse(a.URL); err == nil && u.Scheme == "http" && !isLoopback(u.Hostname()) {
		r.fail(join(path, "url"), "must start with https://, since secrets are sent there; http:// is for loopback alone")
	}
	check("client_secret", a.ClientSecret, !jwt)
	check("refresh_token", a.RefreshToken, a.Grant == string(oauth.RefreshToken))
	check("private_key", a.PrivateKey, jwt)
	check("subject", a.Subject, jwt)
	check("audience", a.Audience, jwt)
}

// masked returns a copy that may be shown.
func (a *Auth) masked() *Auth {
	if a == nil {
		return nil
	}
	shown := *a
	for _, secret := range []*string{&shown.ClientSecret, &shown.RefreshToken, &shown.PrivateKey} {
		if *secret != "" {
			*secret = mask
		}
	}
	return &shown
}

// login is the service that gives the source's tokens, as a source.
func (s *Source) login() (Source, bool) {
	if s.Auth == nil {
		return Source{}, false
	}
	return Source{Kind: s.Kind + loginSuffix, URL: s.Auth.URL, InFlight: loginInFlight, Share: loginInFlight}, true
}

const loginSuffix = "-oauth"

// access is how the source lets the tenant in, and the client by which its
// tokens are asked for; nil where they do not end.
func (m *sourceMaker) access(src Source, h *host) (client.Access, *client.Client, error) {
	if h == nil {
		return staticAccess(src), nil, nil
	}
	cfg := oauth.Config{
		Grant: oauth.Grant(src.Auth.Grant), ClientID: src.Auth.ClientID, ClientSecret: src.Auth.ClientSecret,
		RefreshToken: src.Auth.RefreshToken, Key: rsaKey(src.Auth.PrivateKey), Subject: src.Auth.Subject, Audience: src.Auth.Audience,
		Basic: basicLogin(src.Kind), Instance: src.URL, Logger: m.s.log,
	}
	c := h.ClientWith(cfg.Access(), loginInFlight)
	tokens, err := oauth.New(c, cfg)
	if err != nil {
		c.Close()
		return client.Access{}, nil, err
	}
	return client.Access{Tokens: tokens}, c, nil
}

// staticAccess is how a source takes a token that does not end.
func staticAccess(src Source) client.Access {
	switch src.Kind {
	case kindPipedrive:
		return pipedrive.Access(src.Token)
	case kindChatwoot:
		return chatwoot.Access(src.Token)
	}
	return client.Access{Token: src.Token}
}

// basicLogin reports whether a kind wants the client's secret in a header.
func basicLogin(kind string) bool { return kind == kindPipedrive }
