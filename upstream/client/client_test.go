package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/breaker"
)

func TestGet(t *testing.T) {
	var seen *http.Request
	root := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r
		w.Header().Set("X-Total", "1")
		_, _ = io.WriteString(w, `{"id":"c1"}`)
	})
	type observed struct{ Op, Outcome string }
	var calls []observed
	h := newHost(t, root+"/crm/v1/", func(c *HostConfig) {
		c.Observe = func(op upstream.Op, outcome string, _ time.Duration) {
			calls = append(calls, observed{string(op), outcome})
		}
	})
	var got Reply
	err := get(t.Context(), h, Call{
		Op:     upstream.OpFind,
		Path:   []string{"contacts", "a b"},
		Query:  url.Values{"phone": {"+4930,+4931"}, "q": {secretQuery}},
		Decode: func(r Reply) error { got = r; return nil },
	})
	wantKind(t, err, "")
	if got.Status != 200 || string(got.Body) != `{"id":"c1"}` || got.Header.Get("X-Total") != "1" {
		t.Errorf("reply = %+v", got)
	}
	if want := "/crm/v1/contacts/a%20b?phone=%2B4930%2C%2B4931&q=" + secretQuery; seen.RequestURI != want {
		t.Errorf("asked %s, want %s", seen.RequestURI, want)
	}
	want := http.Header{
		"Accept": {"application/json"}, "Accept-Encoding": {"gzip"},
		"Authorization": {"Bearer " + token}, "User-Agent": {"weft"},
	}
	if diff := cmp.Diff(want, seen.Header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	wantKind(t, h.Client("").Get(t.Context(), contact), "")
	if got := seen.Header.Values("Authorization"); got != nil {
		t.Errorf("without a token Authorization = %q", got)
	}
	if diff := cmp.Diff([]observed{{"find", "ok"}, {"contacts", "ok"}}, calls); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
}

// Which statuses are failures of what kind, and which of them trip.
func TestStatus(t *testing.T) {
	const object, html = `{"error":"` + secretBody + `"}`, `<html>` + secretBody
	tests := []struct {
		status int
		body   string
		want   upstream.Kind
		trips  bool
	}{
		{200, object, "", false},
		{204, "", "", false},
		{101, "", upstream.BadResponse, true},
		{301, html, upstream.BadResponse, true},
		{304, "", upstream.BadResponse, true},
		{400, object, upstream.UpstreamError, false},
		{401, html, upstream.Denied, false},
		{403, object, upstream.Denied, false},
		{404, object, upstream.NotFound, false},
		{404, " \n" + object, upstream.NotFound, false},
		{404, html, upstream.BadResponse, true},
		{404, `{"message":"no Route matched with those values"}`, upstream.BadResponse, true},
		{404, "", upstream.BadResponse, true},
		{404, "null", upstream.BadResponse, true},
		{404, "{not json", upstream.BadResponse, true},
		{404, "[]", upstream.BadResponse, true},
		{408, object, upstream.UpstreamError, true},
		{410, object, upstream.NotFound, false},
		{410, html, upstream.BadResponse, true},
		{422, html, upstream.UpstreamError, false},
		{429, object, upstream.RateLimited, false},
		{500, object, upstream.UpstreamError, true},
		{503, html, upstream.UpstreamError, true},
		{599, "", upstream.UpstreamError, true},
		{600, "", upstream.BadResponse, true},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%d %.5s", tt.status, tt.body), func(t *testing.T) {
			var outcome string
			h := faked(t, always(tt.status, tt.body), func(c *HostConfig) {
				c.Observe = func(_ upstream.Op, o string, _ time.Duration) { outcome = o }
			})
			for range 5 {
				e := wantKind(t, get(t.Context(), h, contact), tt.want)
				if e != nil && e.Status != tt.status {
					t.Errorf("status = %d, want %d", e.Status, tt.status)
				}
			}
			wantTripped(t, h, tt.trips)
			want := string(tt.want)
			if want == "" {
				want = "ok"
			}
			if outcome != want {
				t.Errorf("observed %q, want %q", outcome, want)
			}
			if err := (Reply{Status: tt.status, Body: []byte(tt.body)}).Err(); upstream.KindOf(err) != tt.want {
				t.Errorf("Reply.Err() = %v, want %v", err, tt.want)
			}
		})
	}
}

func TestDecodeDecides(t *testing.T) {
	var v struct{ ID int }
	tests := []struct {
		name   string
		decode func(Reply) error
		want   upstream.Kind
		text   string
		trips  bool
	}{
		{"not what it should be", func(r Reply) error { return json.Unmarshal([]byte("x"), &v) },
			upstream.BadResponse, "rest contacts: bad_response (HTTP 200): invalid character 'x' looking for beginning of value", true},
		{"a kind", func(Reply) error { return upstream.NotFound }, upstream.NotFound, "rest contacts: not_found (HTTP 200)", false},
		{"a kind with a reason", func(Reply) error { return fmt.Errorf("status is false: %w", upstream.Denied) },
			upstream.Denied, "rest contacts: denied (HTTP 200): status is false: denied", false},
		{"an error of the vocabulary", func(Reply) error { return &upstream.Error{Kind: upstream.WrongRecord} },
			upstream.WrongRecord, "rest contacts: wrong_record (HTTP 200)", false},
		{"a body that is not documented", func(Reply) error { return &upstream.Error{Kind: upstream.BadResponse} },
			upstream.BadResponse, "rest contacts: bad_response (HTTP 200)", true},
		{"a panic", func(Reply) error { panic(secretBody) },
			upstream.UpstreamError, "rest contacts: upstream_error: the call panicked with a string", true},
		{"none", nil, "", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := faked(t, always(200, `{}`), nil)
			call := contact
			call.Decode = tt.decode
			for range 5 {
				err := get(t.Context(), h, call)
				wantKind(t, err, tt.want)
				if err != nil && err.Error() != tt.text {
					t.Errorf("text = %q, want %q", err, tt.text)
				}
			}
			wantTripped(t, h, tt.trips)
		})
	}
}

// An error that a decoder keeps for itself must not be written to.
func TestDecodeErrorIsCopied(t *testing.T) {
	shared := &upstream.Error{Kind: upstream.NotFound}
	call := contact
	call.Decode = func(Reply) error { return shared }
	wantKind(t, get(t.Context(), faked(t, always(404, "{}"), nil), call), upstream.NotFound)
	if diff := cmp.Diff(upstream.Error{Kind: upstream.NotFound}, *shared); diff != "" {
		t.Errorf("the decoder's error changed (-want +got):\n%s", diff)
	}
}

func TestRefusedWithoutACall(t *testing.T) {
	var calls atomic.Int64
	h := faked(t, func(r *http.Request) (*http.Response, error) {
		calls.Add(1)
		return answer(r, 200, "{}"), nil
	}, nil)
	gone, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("hung up"))
	late, cancelLate := context.WithTimeout(t.Context(), -1)
	defer cancelLate()
	at := func(path ...string) Call { return Call{Op: upstream.OpContacts, Path: path} }
	tests := []struct {
		name  string
		ctx   context.Context
		token string
		call  Call
		want  upstream.Kind
	}{
		{"an empty segment", t.Context(), token, at("contacts", ""), upstream.NotFound},
		{"a dot", t.Context(), token, at("contacts", "."), upstream.NotFound},
		{"two dots", t.Context(), token, at("contacts", "..", "accounts"), upstream.NotFound},
		{"an operation it does not have", t.Context(), token, Call{Op: upstream.OpList}, upstream.UpstreamError},
		{"a caller that is gone", gone, token, contact, upstream.Canceled},
		{"a caller without time", late, token, contact, upstream.Deadline},
		{"a token that splits the header", t.Context(), token + "\r\nX-Admin: 1", contact, upstream.Denied},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantKind(t, h.Client(tt.token).Get(tt.ctx, tt.call), tt.want)
			if calls.Load() != 0 {
				t.Error("a call was made")
			}
		})
	}
}

func TestBreakerOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := breaker.NewSet()
		var down atomic.Bool
		var calls atomic.Int64
		down.Store(true)
		h := faked(t, func(r *http.Request) (*http.Response, error) {
			calls.Add(1)
			if down.Load() {
				return answer(r, 500, ""), nil
			}
			return answer(r, 200, "{}"), nil
		}, func(c *HostConfig) { c.Breakers, c.NoRetry = set, true })

		one, other := h.Client("one"), h.Client("other")
		for range 5 {
			wantKind(t, one.Get(t.Context(), contact), upstream.UpstreamError)
		}
		e := wantKind(t, other.Get(t.Context(), contact), upstream.BreakerOpen)
		if e.RetryAfter < 4*time.Second || e.RetryAfter > 6*time.Second || calls.Load() != 5 {
			t.Errorf("%d calls, retry after %v; want 5 and about 5 s", calls.Load(), e.RetryAfter)
		}
		tripped, wait := other.Tripped(upstream.OpContacts)
		if !tripped || wait != e.RetryAfter {
			t.Errorf("Tripped = %t, %v, want true, %v", tripped, wait, e.RetryAfter)
		}
		if tripped, _ := one.Tripped(upstream.OpFind); tripped {
			t.Error("another operation's breaker opened too")
		}
		var names []string
		for _, s := range set.Snapshots() {
			names = append(names, s.Name+" "+s.Upstream+" "+s.Operation+" "+string(s.State))
		}
		want := []string{"rest-contacts http://crm.test contacts open", "rest-find http://crm.test find closed"}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("breakers (-want +got):\n%s", diff)
		}
		if got := set.Snapshots()[0].LastError.Kind; got != "upstream_error" {
			t.Errorf("last error = %q", got)
		}

		down.Store(false)
		time.Sleep(wait + time.Millisecond)
		for range 3 {
			wantKind(t, one.Get(t.Context(), contact), "")
		}
		wantTripped(t, h, false)
	})
}

func TestSlowAnswersOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := faked(t, func(r *http.Request) (*http.Response, error) {
			time.Sleep(800 * time.Millisecond)
			return answer(r, 200, "{}"), nil
		}, nil)
		for range 5 {
			wantTripped(t, h, false)
			wantKind(t, get(t.Context(), h, contact), "")
		}
		wantTripped(t, h, true)
	})
}

func TestCallersThatHangUp(t *testing.T) {
	tests := []struct {
		name  string
		end   func(context.Context) (context.Context, context.CancelFunc)
		want  upstream.Kind
		trips bool
	}{
		{"cancelled", func(p context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(p)
			time.AfterFunc(100*time.Millisecond, cancel)
			return ctx, cancel
		}, upstream.Canceled, false},
		{"came with little time", func(p context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(p, 100*time.Millisecond)
		}, upstream.Deadline, false},
		{"came with all the time", func(p context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(p, 2*time.Second)
		}, upstream.Timeout, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := faked(t, hung, nil)
				for range 5 {
					ctx, cancel := tt.end(t.Context())
					wantKind(t, get(ctx, h, contact), tt.want)
					cancel()
				}
				wantTripped(t, h, tt.trips)
			})
		})
	}
}

func TestNewHostRefuses(t *testing.T) {
	const password = "s3cret"
	tests := []struct {
		name   string
		change func(*HostConfig)
		ok     bool
	}{
		{"http", func(c *HostConfig) { c.URL = "http://127.0.0.1:9102" }, true},
		{"a long deadline", func(c *HostConfig) { c.Deadline = time.Minute }, true},
		{"one call at once", func(c *HostConfig) { c.InFlight = 1 }, true},
		{"no name", func(c *HostConfig) { c.Name = "" }, false},
		{"no deadline", func(c *HostConfig) { c.Deadline = 0 }, false},
		{"a cap below zero", func(c *HostConfig) { c.InFlight = -1 }, false},
		{"a limit below zero", func(c *HostConfig) { c.MaxBody = -1 }, false},
		{"a limit beyond reason", func(c *HostConfig) { c.MaxBody = 1<<63 - 1 }, false},
		{"no operations", func(c *HostConfig) { c.Operations = nil }, false},
		{"an operation twice", func(c *HostConfig) {
			c.Breakers = breaker.NewSet()
			c.Operations = []upstream.Op{upstream.OpFind, upstream.OpFind}
		}, false},
		{"no URL", func(c *HostConfig) { c.URL = "" }, false},
		{"no scheme", func(c *HostConfig) { c.URL = "crm.test/v1" }, false},
		{"another scheme", func(c *HostConfig) { c.URL = "ftp://crm.test" }, false},
		{"no host", func(c *HostConfig) { c.URL = "http:///v1" }, false},
		{"a port alone", func(c *HostConfig) { c.URL = "http://:80" }, false},
		{"an opaque URL", func(c *HostConfig) { c.URL = "http:crm.test" }, false},
		{"credentials", func(c *HostConfig) { c.URL = "http://me:" + password + "@crm.test" }, false},
		{"credentials that do not parse", func(c *HostConfig) { c.URL = "http://me:" + password + "/@crm.test" }, false},
		{"a query", func(c *HostConfig) { c.URL = "http://crm.test?key=" + password }, false},
		{"an empty query", func(c *HostConfig) { c.URL = "http://crm.test?" }, false},
		{"a fragment", func(c *HostConfig) { c.URL = "http://crm.test#" + password }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := HostConfig{
				Name: "rest", URL: "https://crm.test/v1", Deadline: time.Second,
				Operations: []upstream.Op{upstream.OpContacts},
			}
			tt.change(&cfg)
			h, err := NewHost(cfg)
			if err == nil {
				h.Close()
			}
			if (err == nil) != tt.ok {
				t.Fatalf("err = %v, want ok %t", err, tt.ok)
			}
			if err != nil && contains(err, password) {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}
