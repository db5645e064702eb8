package oauth

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

// answer is what the service that gives tokens says, of RFC 6749, section 5.1,
// and where Salesforce says that the token is good.
type answer struct {
	access   string
	seconds  float64 // that it is good for; 0: not said
	refresh  string  // in the place of the one that was sent; "": that one stays
	instance string  // URL of the service that it is for; "": not said
}

// token is the answer as it is kept, for a request that was begun then.
func (a answer) token(begun time.Time) token {
	t := token{value: a.access, given: time.Now()}
	if a.seconds <= 0 {
		return t // it says itself when it has ended, by a 401
	}
	const most = 365 * 24 * time.Hour
	life := time.Duration(min(max(a.seconds, minLife.Seconds()), most.Seconds()) * float64(time.Second))
	t.early = begun.Add(life - min(life/5, maxLead))
	t.end = begun.Add(life - min(life/20, 10*time.Second))
	return t
}

// ask asks for a token. An answer that is lost may have used the refresh token
// up, so no request is made twice by itself.
func (s *Source) ask(ctx context.Context, refresh string) (answer, error) {
	form, err := s.form(refresh)
	if err != nil {
		return answer{}, &upstream.Error{Kind: upstream.Denied, Err: err}
	}
	call := client.Call{
		Op: upstream.OpToken, Once: true,
		Post: []byte(form.Encode()), PostType: "application/x-www-form-urlencoded",
	}
	return client.Fetch(ctx, s.client, call, read)
}

func (s *Source) form(refresh string) (url.Values, error) {
	form := url.Values{"grant_type": {string(s.cfg.Grant)}}
	switch s.cfg.Grant {
	case RefreshToken:
		form.Set("refresh_token", refresh)
	case JWTBearer:
		signed, err := assertion(s.cfg, time.Now())
		form.Set("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
		form.Set("assertion", signed)
		return form, err // it says who the client is
	}
	if !s.cfg.Basic {
		form.Set("client_id", s.cfg.ClientID)
		form.Set("client_secret", s.cfg.ClientSecret)
	}
	return form, nil
}

// read reads an answer. A 400 means the credentials, whatever form it has.
func read(r client.Reply) (answer, error) {
	if r.Status == http.StatusBadRequest {
		return answer{}, &upstream.Error{Kind: upstream.Denied, Err: errors.New("no token: " + refusal(r.Body))}
	}
	if err := r.Err(); errors.Is(err, upstream.NotFound) {
		return answer{}, upstream.BadResponse // not where tokens are given
	} else if err != nil {
		return answer{}, err
	}
	var raw json.RawMessage
	if upstream.Decode(r.Body, &raw) != nil {
		return answer{}, errors.New("the answer is not JSON")
	}
	return newAnswer(upstream.ReadFields(raw))
}

func newAnswer(f upstream.Fields) (answer, error) {
	access, kind := f.Text("access_token"), f.Text("token_type")
	switch {
	case access == nil || strings.ContainsFunc(*access, func(c rune) bool { return c <= ' ' || c > '~' }):
		return answer{}, errors.New("the answer has no token that can be sent")
	case kind != nil && !strings.EqualFold(*kind, "bearer"):
		return answer{}, errors.New("the token is not a bearer token")
	}
	a := answer{access: *access}
	if n := f.Number("expires_in"); n != nil {
		a.seconds = *n
	}
	if t := f.Text("refresh_token"); t != nil {
		a.refresh = *t
	}
	if u := f.Text("instance_url"); u != nil {
		a.instance = *u
	}
	return a, nil
}

// refusal is the reason for a 400, where it is one of RFC 6749, section 5.2.
// Nothing else that the body holds is repeated.
func refusal(body []byte) string {
	var said struct {
		Error string `json:"error"`
	}
	known := []string{"invalid_request", "invalid_client", "invalid_client_id", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope"}
	if upstream.Decode(body, &said) == nil && slices.Contains(known, said.Error) {
		return said.Error
	}
	return "refused"
}

// assertionLife is how long an assertion can be used. Salesforce takes three
// minutes at most, of which the clocks may differ by one.
const assertionLife = 2 * time.Minute

// assertion is a JSON web token by which the client says for whom it acts.
func assertion(cfg Config, now time.Time) (string, error) {
	claims, err := json.Marshal(map[string]any{
		"iss": cfg.ClientID, "sub": cfg.Subject, "aud": cfg.Audience, "exp": now.Add(assertionLife).Unix(),
	})
	if err != nil {
		return "", errors.New("the assertion cannot be written")
	}
	part := base64.RawURLEncoding.EncodeToString
	text := part([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + part(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, cfg.Key, crypto.SHA256, sum[:])
	if err != nil {
		return "", errors.New("the assertion cannot be signed")
	}
	return text + "." + part(signature), nil
}

// tell tells the log, once, that tokens are for another service than the one
// that is called, which refuses them. The caller holds mu.
func (s *Source) tell(instance string) {
	if s.cfg.Instance == "" || instance == "" || instance == s.told {
		return
	}
	u, err := url.Parse(instance)
	own, ownErr := url.Parse(s.cfg.Instance)
	if err != nil || ownErr != nil || u.Host == "" || strings.EqualFold(u.Host, own.Host) {
		return
	}
	s.told = instance
	s.cfg.Logger.Warn("tokens are for another instance than the one that is called", "instance", u.Host, "called", own.Host)
}

// elsewhere is why tokens are refused that are for another service. The caller
// holds mu.
func (s *Source) elsewhere() string {
	if s.told == "" {
		return ""
	}
	return ": it is for another instance than the one that is called"
}
