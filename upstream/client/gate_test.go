package client

import (
	"bytes"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

func discardLog() *log.Logger { return slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) }

// After a 429 this tenant's calls are kept back, and nobody else's.
func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		var limited atomic.Bool
		limited.Store(true)
		h := faked(t, func(r *http.Request) (*http.Response, error) {
			calls.Add(1)
			if r.Header.Get("Authorization") == "Bearer busy" && limited.Load() {
				return answer(r, 429, "slow down", "Retry-After", "7"), nil
			}
			return answer(r, 200, "{}"), nil
		}, nil)
		busy, other := h.Client("busy"), h.Client("other")

		e := wantKind(t, busy.Get(t.Context(), contact), upstream.RateLimited)
		if e.Status != 429 || e.RetryAfter != 7*time.Second {
			t.Errorf("the 429: %+v, want 7 s", e)
		}
		time.Sleep(4 * time.Second)
		for range 100 {
			e = wantKind(t, busy.Get(t.Context(), contact), upstream.RateLimited)
			if e.Status != 0 || e.RetryAfter != 3*time.Second {
				t.Fatalf("at the gate: %+v, want 3 s", e)
			}
		}
		if got := calls.Load(); got != 1 {
			t.Errorf("%d calls, want 1", got)
		}
		wantKind(t, other.Get(t.Context(), contact), "")
		wantTripped(t, h, false)

		time.Sleep(3 * time.Second)
		wantKind(t, busy.Get(t.Context(), contact), upstream.RateLimited) // a real one: it closes again
		if got := calls.Load(); got != 3 {
			t.Errorf("%d calls, want 3", got)
		}
		limited.Store(false)
		time.Sleep(7 * time.Second)
		wantKind(t, busy.Get(t.Context(), contact), "")
	})
}

func TestGateIsNeverShortened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		g.shut(30 * time.Second)
		g.shut(2 * time.Second)
		if got := g.wait(); got != 30*time.Second {
			t.Errorf("wait = %v, want 30 s", got)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		date := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
		tests := []struct {
			header string
			want   time.Duration
		}{
			{"7", 7 * time.Second},
			{"0", time.Second},
			{"1", time.Second},
			{"60", time.Minute},
			{"61", time.Minute},
			{"", time.Second},
			{"-1", time.Second},
			{"1.5", time.Second},
			{"1e9", time.Second},
			{"<html>", time.Second},
			{"4294967295", time.Minute},
			{"99999999999999999999999", time.Minute},
			{date(20 * time.Second), 20 * time.Second},
			{date(-time.Hour), time.Second},
			{date(24 * time.Hour), time.Minute},
		}
		for _, tt := range tests {
			if got := retryAfter(tt.header); got != tt.want {
				t.Errorf("retryAfter(%q) = %v, want %v", tt.header, got, tt.want)
			}
		}
	})
}

func TestRetryAfterOfOutage(t *testing.T) {
	h := faked(t, always(503, "", "Retry-After", "12"), nil)
	if e := wantKind(t, get(t.Context(), h, contact), upstream.UpstreamError); e.RetryAfter != 12*time.Second {
		t.Errorf("retry after %v, want 12 s", e.RetryAfter)
	}
	h = faked(t, always(503, ""), nil)
	if e := wantKind(t, get(t.Context(), h, contact), upstream.UpstreamError); e.RetryAfter != 0 {
		t.Errorf("retry after %v, want 0: it did not say", e.RetryAfter)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "7", "-1", "1e9", "Wed, 21 Oct 2026 07:28:00 GMT", "99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if d := retryAfter(header); d < minShut || d > maxShut {
			t.Errorf("retryAfter(%q) = %v", header, d)
		}
	})
}

func TestClientDoesNotPrintItsToken(t *testing.T) {
	var out bytes.Buffer
	c := newHost(t, "http://crm.test", nil).Client(token)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		fmt.Fprintf(&out, verb, c)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "client", c)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "client", c)
	for _, secret := range []string{token, fmt.Sprintf("%x", token)} {
		if bytes.Contains(out.Bytes(), []byte(secret)) {
			t.Errorf("printed: %s", out.String())
		}
	}
}
