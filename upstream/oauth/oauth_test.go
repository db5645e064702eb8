package oauth

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// issuer is a service that gives tokens, numbered. It takes a second.
type issuer struct {
	key     *rsa.PublicKey
	life    any    // expires_in; nil: it does not say
	rotates bool   // a refresh token is good once
	answer  string // instead of a token, with status
	status  int

	mu      sync.Mutex
	given   int
	refresh string
	asked   []string // grants
}

const basic = "Basic aWQ6czMlMkJ0"

func (s *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	time.Sleep(time.Second) // of the bubble
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.FormValue("grant_type"))
	if s.status != 0 {
		w.WriteHeader(s.status)
		fmt.Fprint(w, s.answer)
		return
	}
	if r.Method != http.MethodPost || r.URL.RawQuery != "" || !s.admits(r) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant","error_description":"canary"}`)
		return
	}
	s.given++
	said := map[string]any{"access_token": fmt.Sprint("access-", s.given), "token_type": "Bearer", "instance_url": "https://eu.instance.test", "scope": nil}
	if s.life != nil {
		said["expires_in"] = s.life
	}
	if s.rotates {
		s.refresh = fmt.Sprint("refresh-", s.given)
		said["refresh_token"] = s.refresh
	}
	_ = json.NewEncoder(w).Encode(said)
}

func (s *issuer) admits(r *http.Request) bool {
	client := r.PostFormValue("client_id") == "id" && r.PostFormValue("client_secret") == "s3+t" || r.Header.Get("Authorization") == basic
	switch r.PostFormValue("grant_type") {
	case "refresh_token":
		return client && r.PostFormValue("refresh_token") == s.refresh
	case "client_credentials":
		return client
	case "urn:ietf:params:oauth:grant-type:jwt-bearer":
		return s.signed(r.PostFormValue("assertion"))
	}
	return false
}

// signed checks an assertion as Salesforce does: three minutes at most.
func (s *issuer) signed(text string) bool {
	jws, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return false
	}
	payload, err := jws.Verify(s.key)
	var claims struct {
		Iss, Sub, Aud string
		Exp           int64
	}
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return false
	}
	left := time.Until(time.Unix(claims.Exp, 0))
	return claims.Iss == "id" && claims.Sub == "weft@acme.test" && claims.Aud == "https://login.test" && left > 0 && left <= 3*time.Minute
}

func (s *issuer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

func open(t *testing.T, s *issuer, change func(*Config)) (*Source, *upstreamtest.Faults) {
	t.Helper()
	s.refresh = "refresh-0"
	cfg := Config{Grant: RefreshToken, ClientID: "id", ClientSecret: "s3+t", RefreshToken: "refresh-0"}
	if change != nil {
		change(&cfg)
	}
	faults := upstreamtest.NewFaults(t, upstreamtest.Handler(s))
	host, err := client.NewHost(client.HostConfig{
		Name: "vendor-oauth", URL: "http://login.invalid/oauth/token", Deadline: 5 * time.Second, Operations: Operations(), Transport: faults,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)
	src, err := New(host.ClientWith(cfg.Access(), 0), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return src, faults
}

func want(t *testing.T, src *Source, refused, token string) {
	t.Helper()
	got, err := src.Token(t.Context(), refused)
	if err != nil || got != token {
		t.Errorf("token %q, error %v, want %q", got, err, token)
	}
}

func TestGrants(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, minKey)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*Config)
		ok     bool
	}{
		{"refresh token", nil, true},
		{"basic", func(c *Config) { c.Basic = true }, true},
		{"client credentials", func(c *Config) { c.Grant, c.RefreshToken = ClientCredentials, "" }, true},
		{"assertion", func(c *Config) {
			*c = Config{Grant: JWTBearer, ClientID: "id", Key: key, Subject: "weft@acme.test", Audience: "https://login.test"}
		}, true},
		{"assertion for another service", func(c *Config) {
			*c = Config{Grant: JWTBearer, ClientID: "id", Key: key, Subject: "weft@acme.test", Audience: "https://test.test"}
		}, false},
		{"wrong secret", func(c *Config) { c.ClientSecret = "canary" }, false},
		{"wrong refresh token", func(c *Config) { c.RefreshToken = "canary" }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src, _ := open(t, &issuer{key: &key.PublicKey}, tt.change)
				got, err := src.Token(t.Context(), "")
				if (err == nil) != tt.ok || tt.ok && got != "access-1" {
					t.Errorf("token %q, error %v", got, err)
				}
				if !tt.ok && (!errors.Is(err, upstream.Denied) || !strings.Contains(err.Error(), "invalid_grant") || strings.Contains(err.Error(), "canary")) {
					t.Errorf("error %v, want denied, without a secret or the answer's text", err)
				}
			})
		})
	}
}

// However many ask, one request is made, and who leaves takes nothing along.
func TestOneRequestForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &issuer{}
		src, _ := open(t, s, nil)
		ctx, leave := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() { _, err := src.Token(ctx, ""); gone <- err }()
		synctest.Wait()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { want(t, src, "", "access-1") })
		}
		synctest.Wait()
		leave()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("who left got %v", err)
		}
		wg.Wait()
		if n := s.count(); n != 1 {
			t.Errorf("%d requests", n)
		}
		time.Sleep(2 * young)
		for range 100 { // all were refused at once
			wg.Go(func() { want(t, src, "access-1", "access-2") })
		}
		wg.Wait()
		want(t, src, "access-1", "access-2") // who comes late asks for nothing
		if n := s.count(); n != 2 {
			t.Errorf("%d requests after a refusal", n)
		}
	})
}

// A token that says when it ends is replaced before, and nobody waits for it.
func TestEarly(t *testing.T) {
	for _, life := range []any{1800, "1800"} {
		synctest.Test(t, func(t *testing.T) {
			s := &issuer{life: life}
			src, _ := open(t, s, nil)
			want(t, src, "", "access-1")
			time.Sleep(1800*time.Second - maxLead - 2*time.Second)
			want(t, src, "", "access-1")
			if n := s.count(); n != 1 {
				t.Errorf("%d requests before it is time", n)
			}
			time.Sleep(2 * time.Second)
			begun := time.Now()
			for range 3 {
				want(t, src, "", "access-1")
			}
			if took := time.Since(begun); took != 0 {
				t.Errorf("waited for %v", took)
			}
			time.Sleep(2 * time.Second)
			want(t, src, "", "access-2")
			if n := s.count(); n != 2 {
				t.Errorf("%d requests", n)
			}
			time.Sleep(time.Hour) // both have ended: this one waits
			want(t, src, "", "access-3")
		})
	}
}

// One that does not say so is used until it is refused, and a new one that is
// refused is not replaced by the minute's next.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &issuer{}
		src, _ := open(t, s, nil)
		want(t, src, "", "access-1")
		if _, err := src.Token(t.Context(), "access-1"); !errors.Is(err, upstream.Denied) {
			t.Errorf("a new token that is refused: %v", err)
		}
		time.Sleep(100 * time.Hour)
		want(t, src, "", "access-1")
		want(t, src, "access-1", "access-2")
		if n := s.count(); n != 2 {
			t.Errorf("%d requests", n)
		}
	})
}

// A refresh token that is good once is replaced by the answer's, and its
// request is never repeated, not by a breaker either.
func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &issuer{life: 600, rotates: true}
		src, faults := open(t, s, nil)
		for i := 1; i < 4; i++ {
			want(t, src, "", fmt.Sprint("access-", i))
			time.Sleep(time.Hour)
		}
		faults.Set(upstreamtest.HangUp)
		faults.Calls()
		for range 10 {
			if _, err := src.Token(t.Context(), ""); err == nil {
				t.Error("a token out of nothing")
			}
			if n := len(faults.Calls()); n > 1 {
				t.Errorf("%d requests for one", n)
			}
			time.Sleep(failedPause)
		}
		time.Sleep(time.Hour)
		if n := len(faults.Calls()); n != 0 {
			t.Errorf("%d requests that nobody made", n)
		}
		faults.Set(nil)
		want(t, src, "", "access-4")
	})
}

// Refused credentials are not sent again and again, and a token at hand serves
// on while there is trouble with the next.
func TestTrouble(t *testing.T) {
	tests := []struct {
		name   string
		status int
		answer string
		kind   upstream.Kind
		pause  time.Duration
	}{
		{"grant", 400, `{"error":"invalid_grant"}`, upstream.Denied, deniedPause},
		{"another form", 400, `{"status":"BAD_REFRESH_TOKEN","message":"canary"}`, upstream.Denied, deniedPause},
		{"client", 401, `{"error":"invalid_client"}`, upstream.Denied, deniedPause},
		{"down", 503, ``, upstream.UpstreamError, failedPause},
		{"nowhere", 404, `{"error":"canary"}`, upstream.BadResponse, failedPause},
		{"no token", 200, `{"access_token":null}`, upstream.BadResponse, failedPause},
		{"a token that cannot be sent", 200, `{"access_token":"a\nb"}`, upstream.BadResponse, failedPause},
		{"another kind", 200, `{"access_token":"canary","token_type":"mac"}`, upstream.BadResponse, failedPause},
		{"no JSON", 200, `canary`, upstream.BadResponse, failedPause},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &issuer{life: 1000, status: tt.status, answer: tt.answer}
				src, _ := open(t, s, nil)
				for range 5 {
					if _, err := src.Token(t.Context(), ""); upstream.KindOf(err) != tt.kind || strings.Contains(err.Error(), "canary") {
						t.Errorf("error %v, want %s", err, tt.kind)
					}
				}
				if n := s.count(); n != 1 {
					t.Errorf("%d requests at once", n)
				}
				time.Sleep(tt.pause)
				s.status = 0
				want(t, src, "", "access-1")
				s.status = tt.status
				time.Sleep(900 * time.Second)
				want(t, src, "", "access-1")
				time.Sleep(2 * time.Second)
				want(t, src, "", "access-1")
				time.Sleep(2 * time.Second) // what is under way ends
			})
		})
	}
}

func TestNew(t *testing.T) {
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]Config{
		"nothing":     {},
		"no secret":   {Grant: ClientCredentials, ClientID: "id"},
		"no token":    {Grant: RefreshToken, ClientID: "id", ClientSecret: "s"},
		"no key":      {Grant: JWTBearer, ClientID: "id", Subject: "s", Audience: "a"},
		"a short key": {Grant: JWTBearer, ClientID: "id", Subject: "s", Audience: "a", Key: short},
		"no grant":    {Grant: "password", ClientID: "id", ClientSecret: "s"},
	}
	for name, cfg := range tests {
		if _, err := New(&client.Client{}, cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := New(nil, Config{Grant: ClientCredentials, ClientID: "id", ClientSecret: "s"}); err == nil {
		t.Error("no client: no error")
	}
}

// A service that gives tokens which end at once is not asked for one with each
// call, whatever it says of their time.
func TestShortLives(t *testing.T) {
	for life, most := range map[any]int{1e-9: 8, 1: 8, "1": 8, 0: 1, -5: 1, 1e300: 1, "soon": 1} {
		synctest.Test(t, func(t *testing.T) {
			s := &issuer{life: life}
			src, _ := open(t, s, nil)
			for range 120 { // in a minute
				if _, err := src.Token(t.Context(), ""); err != nil {
					t.Error(err)
				}
				time.Sleep(500 * time.Millisecond)
			}
			time.Sleep(2 * time.Second) // what is under way ends
			if n := s.count(); n > most {
				t.Errorf("life %v: %d requests in a minute, want at most %d", life, n, most)
			}
		})
	}
}

// A service that gives the refused token again, as one does whose sessions live
// on, is believed no more than its token.
func TestGivenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &issuer{status: http.StatusOK, answer: `{"access_token":"the-same"}`}
		src, _ := open(t, s, nil)
		want(t, src, "", "the-same")
		time.Sleep(2 * young)
		for range 3 {
			if got, err := src.Token(t.Context(), "the-same"); !errors.Is(err, upstream.Denied) {
				t.Errorf("token %q, error %v, want denied", got, err)
			}
		}
		if n := s.count(); n != 2 {
			t.Errorf("%d requests, want 2", n)
		}
	})
}

// The log is told once that tokens are for another instance, and no secret.
func TestInstance(t *testing.T) {
	for instance, told := range map[string]int{"": 0, "https://EU.instance.test/": 0, "https://us.instance.test": 1} {
		synctest.Test(t, func(t *testing.T) {
			var log strings.Builder
			src, _ := open(t, &issuer{life: 300}, func(c *Config) {
				c.Instance, c.Logger = instance, slog.New(slog.NewTextHandler(&log, nil))
			})
			for range 3 {
				token, err := src.Token(t.Context(), "")
				if err != nil {
					t.Error(err)
				}
				if _, err = src.Token(t.Context(), token); err == nil || strings.Contains(err.Error(), "another instance") != (told > 0) {
					t.Errorf("%q: a token that is refused: %v", instance, err)
				}
				time.Sleep(time.Hour)
			}
			if n := strings.Count(log.String(), "another instance"); n != told || strings.Contains(log.String(), "access-") {
				t.Errorf("%q: told %d times, want %d: %s", instance, n, told, &log)
			}
		})
	}
}

func FuzzAnswer(f *testing.F) {
	for _, s := range []string{`{"access_token":"a","expires_in":"1800"}`, `{"access_token":1}`, `{"access_token":"a","expires_in":1e400}`, `[]`, `null`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := read(client.Reply{Status: 200, Body: body})
		if err != nil {
			return
		}
		tok := a.token(time.Now())
		if tok.value == "" || strings.ContainsAny(tok.value, "\r\n ") || !tok.end.IsZero() && tok.end.Before(tok.early) {
			t.Errorf("%+v", tok)
		}
	})
}
