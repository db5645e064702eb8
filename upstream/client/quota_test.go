package client

import (
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

func TestExhausted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := func(d time.Duration) string { return strconv.FormatInt(time.Now().Add(d).Unix(), 10) }
		tests := []struct {
			name   string
			header []string
			want   time.Duration // 0: something is left, or nobody can say
		}{
			{"nothing said", nil, 0},
			{"seconds", []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "7"}, 7 * time.Second},
			{"fraction of a second", []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "2.5"}, 2500 * time.Millisecond},
			{"unix", []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", at(20 * time.Second)}, 20 * time.Second},
			{"unix in milliseconds", []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", at(20*time.Second) + "000"}, 20 * time.Second},
			{"unix, past", []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", at(-time.Hour)}, time.Second},
			{"tomorrow", []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", at(24 * time.Hour)}, time.Minute},
			{"for ever", []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "1e300"}, time.Minute},
			{"below nothing", []string{"X-RateLimit-Remaining", "-3", "X-RateLimit-Reset", "7"}, 7 * time.Second},
			{"something left", []string{"X-RateLimit-Remaining", "1", "X-RateLimit-Reset", "7"}, 0},
			{"no time", []string{"X-RateLimit-Remaining", "0"}, 0},
			{"no number left", []string{"X-RateLimit-Remaining", "none", "X-RateLimit-Reset", "7"}, 0},
			{"no such time", []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "-7"}, 0},
			{"NaN", []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "NaN"}, 0},
			{"HTML", []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "<b>7</b>"}, 0},
			{"without X", []string{"RateLimit-Remaining", "0", "RateLimit-Reset", "7"}, 7 * time.Second},
			{"halves of two", []string{"RateLimit-Remaining", "0", "X-RateLimit-Reset", "7"}, 0},
			{"policies", []string{"RateLimit", `"burst";r=0;t=7, "day";r=500;t=3600`}, 7 * time.Second},
			{"policies, other order", []string{"RateLimit", `"burst"; t=7; r=0`}, 7 * time.Second},
			{"policies, the longest", []string{"RateLimit", `"burst";r=0;t=7,"day";r=0;t=40`}, 40 * time.Second},
			{"policies with something left", []string{"RateLimit", `"burst";r=1;t=7`}, 0},
			{"a policy without a time", []string{"RateLimit", `"burst";r=0`}, 0},
			{"one policy's figures", []string{"RateLimit", `"burst";r=0, "day";r=9;t=30`}, 0},
			{"the form before", []string{"RateLimit", "limit=100, remaining=0, reset=7"}, 7 * time.Second},
			{"the form before, something left", []string{"RateLimit", "limit=100, remaining=3, reset=7"}, 0},
			{"two that disagree", []string{"RateLimit", `"a";r=0;t=5`, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "9"}, 9 * time.Second},
		}
		for _, tt := range tests {
			h := http.Header{}
			for i := 0; i < len(tt.header); i += 2 {
				h.Add(tt.header[i], tt.header[i+1])
			}
			if got, ok := exhausted(h); got.Round(time.Millisecond) != tt.want || ok != (tt.want > 0) {
				t.Errorf("%s: %v, %t; want %v", tt.name, got, ok, tt.want)
			}
		}
	})
}

// An answer that says that it was the last one is used, and closes the gate.
func TestLastAnswer(t *testing.T) {
	for _, status := range []int{200, 404, 500} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var calls atomic.Int64
				h := faked(t, func(r *http.Request) (*http.Response, error) {
					calls.Add(1)
					return answer(r, status, `{"error":"none"}`, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "7"), nil
				}, nil)
				busy, other := h.Client("busy"), h.Client("other")
				want := map[int]upstream.Kind{200: "", 404: upstream.NotFound, 500: upstream.UpstreamError}[status]
				wantKind(t, busy.Get(t.Context(), contact), want)
				if got := busy.Limited(); got != 7*time.Second {
					t.Errorf("limited for %v, want 7 s", got)
				}
				if other.Limited() != 0 || h.GatesClosed() != 1 {
					t.Errorf("another client is limited for %v, %d gates are closed; want 0 and 1", other.Limited(), h.GatesClosed())
				}
				e := wantKind(t, busy.Get(t.Context(), contact), upstream.RateLimited)
				if e.RetryAfter != 7*time.Second || calls.Load() != 1 {
					t.Errorf("retry after %v with %d calls, want 7 s and 1", e.RetryAfter, calls.Load())
				}
				time.Sleep(7 * time.Second)
				if busy.Limited() != 0 || h.GatesClosed() != 0 {
					t.Error("the gate is still closed")
				}
				wantKind(t, busy.Get(t.Context(), contact), want)
			})
		})
	}
}

// A 429's own word counts before what else it says.
func TestRefusedWith(t *testing.T) {
	tests := []struct {
		name   string
		header []string
		want   time.Duration
	}{
		{"both", []string{"Retry-After", "3", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "40"}, 3 * time.Second},
		{"a reset alone", []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "40"}, 40 * time.Second},
		{"nothing", nil, time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := faked(t, always(429, "{}", tt.header...), nil).Client(token)
				e := wantKind(t, c.Get(t.Context(), contact), upstream.RateLimited)
				if e.RetryAfter != tt.want || c.Limited() != tt.want {
					t.Errorf("retry after %v, limited for %v; want %v", e.RetryAfter, c.Limited(), tt.want)
				}
			})
		})
	}
}

func FuzzExhausted(f *testing.F) {
	for _, s := range []string{"0", "7", "-1", "1e300", "NaN", "Inf", `"a";r=0;t=5`, "limit=1, remaining=0, reset=1", ";=,", `"`, "1796000000"} {
		f.Add(s, "0", s)
		f.Add("0", s, s)
	}
	f.Fuzz(func(t *testing.T, left, reset, list string) {
		h := http.Header{"X-Ratelimit-Remaining": {left}, "X-Ratelimit-Reset": {reset}, "Ratelimit": {list}}
		if d, ok := exhausted(h); ok && (d < minShut || d > maxShut) || !ok && d != 0 {
			t.Errorf("exhausted(%q) = %v, %t", h, d, ok)
		}
	})
}
