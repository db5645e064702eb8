package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

// tokenSource gives numbered tokens, each after a wait.
type tokenSource struct {
	mu      sync.Mutex
	last    int
	wait    time.Duration
	err     error
	refused []string
}

func (s *tokenSource) Token(ctx context.Context, refused string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wait > 0 {
		select {
		case <-time.After(s.wait):
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	if s.err != nil {
		return "", s.err
	}
	if refused != "" {
		s.refused = append(s.refused, refused)
		s.last++
	}
	return fmt.Sprint("t", s.last), nil
}

func TestAccess(t *testing.T) {
	tests := []struct {
		name   string
		access Access
		want   map[string]string
	}{
		{"none", Access{}, map[string]string{}},
		{"bearer", Access{Token: token}, map[string]string{"Authorization": "Bearer " + token}},
		{"a field of its own", Access{Token: token, Header: "x-api-token"}, map[string]string{"X-Api-Token": token}},
		{"tokens that end", Access{Token: "unused", Tokens: &tokenSource{}}, map[string]string{"Authorization": "Bearer t0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got http.Header
			h := faked(t, func(r *http.Request) (*http.Response, error) { got = r.Header; return answer(r, 200, "{}"), nil }, nil)
			c := h.ClientWith(tt.access, 0)
			wantKind(t, c.Get(t.Context(), contact), "")
			for _, field := range []string{"Authorization", "X-Api-Token"} {
				if got.Get(field) != tt.want[field] {
					t.Errorf("%s: %q, want %q", field, got.Get(field), tt.want[field])
				}
			}
			if s := fmt.Sprintf("%v %+v", c.access, c); strings.Contains(s, token) {
				t.Errorf("printed: %s", s)
			}
		})
	}
}

// A call that is answered 401 is made once more, with another token.
func TestUnauthorized(t *testing.T) {
	tests := []struct {
		name   string
		good   string // token
		status int    // of all others
		calls  int
		kind   upstream.Kind
	}{
		{"good", "t0", 401, 1, ""},
		{"ended", "t1", 401, 2, ""},
		{"none is good", "", 401, 2, upstream.Denied},
		{"not allowed", "", 403, 1, upstream.Denied},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			calls := 0
			h := faked(t, func(r *http.Request) (*http.Response, error) {
				calls++
				if r.Header.Get("Authorization") == "Bearer "+tt.good {
					return answer(r, 200, "{}"), nil
				}
				return answer(r, tt.status, secretBody), nil
			}, nil)
			err := h.ClientWith(Access{Tokens: &tokenSource{}}, 0).Get(t.Context(), contact)
			wantKind(t, err, tt.kind)
			if calls != tt.calls {
				t.Errorf("%d calls, want %d", calls, tt.calls)
			}
			wantTripped(t, h, false)
		})
	}
	calls := 0
	h := faked(t, func(r *http.Request) (*http.Response, error) { calls++; return answer(r, 401, ""), nil }, nil)
	wantKind(t, get(t.Context(), h, contact), upstream.Denied)
	if calls != 1 {
		t.Errorf("a token that does not end: %d calls, want 1", calls)
	}
}

// Nobody waits for a token for longer than for a place, and its failure is
// nobody else's.
func TestNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		h := faked(t, func(r *http.Request) (*http.Response, error) { calls++; return answer(r, 200, "{}"), nil }, nil)
		shared := &upstream.Error{Kind: upstream.Denied, Source: "rest-oauth", Op: upstream.OpToken}
		src := &tokenSource{wait: time.Minute}
		c := h.ClientWith(Access{Tokens: src}, 0)
		begun := time.Now()
		wantKind(t, c.Get(t.Context(), contact), upstream.Timeout)
		if took := time.Since(begun); took != 500*time.Millisecond {
			t.Errorf("waited for %v, want half of the deadline", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		wantKind(t, c.Get(ctx, contact), upstream.Deadline)
		src.wait, src.err = 0, shared
		for range 10 {
			wantKind(t, c.Get(t.Context(), contact), upstream.Denied)
		}
		if shared.Source != "rest-oauth" || calls != 0 {
			t.Errorf("the error that callers share is %v; %d calls", shared, calls)
		}
		wantTripped(t, h, false)
		bad := h.ClientWith(Access{Tokens: badTokens{}}, 0)
		wantKind(t, bad.Get(t.Context(), contact), upstream.Denied)
	})
}

type badTokens struct{}

func (badTokens) Token(context.Context, string) (string, error) { return "a\r\nX-Evil: 1", nil }

// A post that reads is made again like a get; one that changes something is not.
func TestPost(t *testing.T) {
	for _, once := range []bool{false, true} {
		t.Run(fmt.Sprint("once ", once), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var bodies []string
				count := func() int {
					mu.Lock()
					defer mu.Unlock()
					return len(bodies)
				}
				h := faked(t, func(r *http.Request) (*http.Response, error) {
					b, err := io.ReadAll(r.Body)
					if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "text/x" || r.ContentLength != int64(len(b)) {
						t.Errorf("%s, type %q, length %d, error %v", r.Method, r.Header.Get("Content-Type"), r.ContentLength, err)
					}
					if again, err := r.GetBody(); err != nil {
						t.Error(err)
					} else if b2, _ := io.ReadAll(again); string(b2) != string(b) {
						t.Errorf("sent again: %q", b2)
					}
					mu.Lock()
					defer mu.Unlock()
					bodies = append(bodies, string(b))
					return answer(r, 503, ""), nil
				}, nil)
				call := Call{Op: upstream.OpContacts, Post: []byte(secretBody), PostType: "text/x", Once: once}
				want := map[bool]int{false: 2, true: 1}[once]
				wantKind(t, get(t.Context(), h, call), upstream.UpstreamError)
				if n := count(); n != want || bodies[n-1] != secretBody {
					t.Errorf("%d requests, want %d: %q", n, want, bodies)
				}
				for range 10 {
					_ = get(t.Context(), h, call)
				}
				wantTripped(t, h, true)
				before := count()
				time.Sleep(time.Hour)
				if probed := count() > before; probed == once {
					t.Errorf("probed: %v", probed)
				}
			})
		})
	}
}

// On a network, a post that reads survives a connection that was closed while idle.
func TestPostIsSent(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || len(r.Header["X-Idempotency-Key"]) != 0 {
			t.Errorf("%s, %v, error %v", r.Method, r.Header, err)
		}
		_, _ = w.Write(b)
	})
	h := newHost(t, url, nil)
	got, err := Fetch(t.Context(), h.Client(token), Call{Op: upstream.OpContacts, Post: []byte(`{"a":1}`)}, func(r Reply) (string, error) { return string(r.Body), nil })
	if err != nil || got != `{"a":1}` {
		t.Errorf("%q, error %v", got, err)
	}
}

// A connector's manners tell a quota from a right, and for how long it is spent.
func TestManners(t *testing.T) {
	manners := Manners{
		Spent: func(h http.Header) (time.Duration, bool) {
			d, err := time.ParseDuration(h.Get("X-Spent"))
			return d, err == nil
		},
		Refused: func(r Reply) (upstream.Kind, time.Duration) {
			if kind, wait, ok := strings.Cut(string(r.Body), " "); ok {
				d, _ := time.ParseDuration(wait)
				return upstream.Kind(kind), d
			}
			return "", 0
		},
	}
	tests := []struct {
		name   string
		status int
		body   string
		header []string
		kind   upstream.Kind
		shut   time.Duration
	}{
		{"spent", 200, "{}", []string{"X-Spent", "10m"}, "", 10 * time.Minute},
		{"spent for too long", 200, "{}", []string{"X-Spent", "100h"}, "", maxSpent},
		{"spent for too short", 200, "{}", []string{"X-Spent", "-1s"}, "", minShut},
		{"not spent", 200, "{}", nil, "", 0},
		{"a 403 that is a quota", 403, "rate_limited 5m", nil, upstream.RateLimited, 5 * time.Minute},
		{"a 403 that says when", 403, "rate_limited 5m", []string{"Retry-After", "7"}, upstream.RateLimited, 7 * time.Second},
		{"a 403 that is none", 403, secretBody, nil, upstream.Denied, 0},
		{"a 429", 429, " 30m", nil, upstream.RateLimited, 30 * time.Minute},
		{"a 429 for ever", 429, " 300h", nil, upstream.RateLimited, maxSpent},
		{"a 429 of the common form", 429, "x", []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "20"}, upstream.RateLimited, 20 * time.Second},
		{"a 500 is not asked about", 500, "rate_limited 5m", nil, upstream.UpstreamError, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := faked(t, always(tt.status, tt.body, tt.header...), func(c *HostConfig) { c.Manners, c.NoRetry = manners, true })
				c := h.Client(token)
				err := c.Get(t.Context(), contact)
				wantKind(t, err, tt.kind)
				if got := c.Limited(); got != tt.shut {
					t.Errorf("shut for %v, want %v", got, tt.shut)
				}
				if e, ok := errors.AsType[*upstream.Error](err); ok && tt.kind == upstream.RateLimited && e.RetryAfter != tt.shut {
					t.Errorf("retry after %v, want %v", e.RetryAfter, tt.shut)
				}
				if other := h.Client(token); other.Limited() != 0 {
					t.Error("the gate of another tenant is shut")
				}
			})
		})
	}
}

// A refusal whose body never ends is judged by its beginning.
func TestLongRefusal(t *testing.T) {
	seen := 0
	h := faked(t, always(403, strings.Repeat("x", 1<<20)), func(c *HostConfig) {
		c.Manners.Refused = func(r Reply) (upstream.Kind, time.Duration) { seen = len(r.Body); return "", 0 }
	})
	wantKind(t, get(t.Context(), h, contact), upstream.Denied)
	if seen != maxDrain {
		t.Errorf("%d bytes were read, want %d", seen, maxDrain)
	}
}

// stalled is a body that says something, and then nothing until it is closed.
type stalled struct {
	io.Reader
	closed chan struct{}
	once   sync.Once
}

func (s *stalled) Read(p []byte) (int, error) {
	if n, err := s.Reader.Read(p); err == nil {
		return n, nil
	}
	<-s.closed
	return 0, errors.New("read on a closed body")
}

func (s *stalled) Close() error { s.once.Do(func() { close(s.closed) }); return nil }

// A refusal whose body stalls is the tenant's own trouble all the same, and not
// the source's.
func TestStalledRefusal(t *testing.T) {
	for _, status := range []int{401, 403, 429} {
		for _, judged := range []bool{false, true} {
			t.Run(fmt.Sprint(status, judged), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					transport := roundTripper(func(r *http.Request) (*http.Response, error) {
						body := &stalled{Reader: strings.NewReader(`{"er`), closed: make(chan struct{})}
						return &http.Response{StatusCode: status, Header: http.Header{}, Body: body, ContentLength: 100, Request: r}, nil
					})
					h := faked(t, transport, func(c *HostConfig) {
						if judged {
							c.Manners.Refused = func(r Reply) (upstream.Kind, time.Duration) { return "", 0 }
						}
					})
					want := upstream.Denied
					if status == 429 {
						want = upstream.RateLimited
					}
					for range 10 {
						c := h.Client("token")
						wantKind(t, c.Get(t.Context(), contact), want)
						if (c.Limited() > 0) != (want == upstream.RateLimited) {
							t.Errorf("the gate is shut for %v", c.Limited())
						}
					}
					wantTripped(t, h, false)
				})
			})
		}
	}
}
