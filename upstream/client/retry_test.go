package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/breaker"
)

// broken is a body that ends with an error.
func broken(r *http.Request, body string, err error) *http.Response {
	resp := answer(r, 200, "")
	resp.Body, resp.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader(body), failing{err})), 1000
	return resp
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func fails(err error) roundTripper {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// after is rt with a delay.
func after(d time.Duration, rt roundTripper) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		time.Sleep(d)
		return rt(r)
	}
}

// What is tried a second time, and what never is. The second try would succeed.
func TestRetry(t *testing.T) {
	decode := func(r Reply) error {
		if err := r.Err(); err != nil {
			return err
		}
		var v struct{ ID string }
		if err := Decode(r.Body, &v); err != nil {
			return errors.New("the answer is not JSON")
		}
		if v.ID == "other" {
			return upstream.WrongRecord
		}
		return nil
	}
	read := func(err error) error { return &net.OpError{Op: "read", Net: "tcp", Err: err} }
	tests := []struct {
		name  string
		first roundTripper
		want  upstream.Kind // "": a second try was made
	}{
		{"reset", fails(read(syscall.ECONNRESET)), ""},
		{"broken pipe", fails(&net.OpError{Op: "write", Err: syscall.EPIPE}), ""},
		{"closed without an answer", fails(io.EOF), ""},
		{"cut in the header", fails(io.ErrUnexpectedEOF), ""},
		{"HTTP/2 stream reset", fails(streamError{StreamID: 1}), ""},
		{"reset in the body", func(r *http.Request) (*http.Response, error) {
			return broken(r, `{"id":`, read(syscall.ECONNRESET)), nil
		}, ""},
		{"cut in the body", func(r *http.Request) (*http.Response, error) {
			return broken(r, `{"id":`, io.ErrUnexpectedEOF), nil
		}, ""},
		{"cut-off JSON", always(200, `{"id":"1","na`), ""},
		{"500", always(500, ""), ""},
		{"502", always(502, "<html>"), ""},
		{"503", always(503, ""), ""},
		{"504", always(504, ""), ""},
		{"within half of the time", after(450*time.Millisecond, always(500, "")), ""},

		{"beyond half of the time", after(510*time.Millisecond, always(500, "")), upstream.UpstreamError},
		{"503 that says when", always(503, "", "Retry-After", "1"), upstream.UpstreamError},
		{"500 that says when", always(500, "", "Retry-After", "1"), upstream.UpstreamError},
		{"500 that was the last of the quota", always(500, "", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "9"), upstream.UpstreamError},
		{"501", always(501, ""), upstream.UpstreamError},
		{"505", always(505, ""), upstream.UpstreamError},
		{"408", always(408, ""), upstream.UpstreamError},
		{"400", always(400, ""), upstream.UpstreamError},
		{"422", always(422, ""), upstream.UpstreamError},
		{"401", always(401, ""), upstream.Denied},
		{"403", always(403, ""), upstream.Denied},
		{"404", always(404, `{"error":"none"}`), upstream.NotFound},
		{"404 of something between", always(404, "<html>"), upstream.BadResponse},
		{"429", always(429, ""), upstream.RateLimited},
		{"redirect", always(302, ""), upstream.BadResponse},
		{"HTML", always(200, "<html>"), upstream.BadResponse},
		{"nothing", always(200, ""), upstream.BadResponse},
		{"another type", always(200, `{"id":7}`), upstream.BadResponse},
		{"wrong record", always(200, `{"id":"other"}`), upstream.WrongRecord},
		{"too large", always(200, strings.Repeat(" ", 2000)), upstream.BadResponse},
		{"damaged body", func(r *http.Request) (*http.Response, error) {
			return broken(r, `{"id":`, errors.New("gzip: invalid header")), nil
		}, upstream.BadResponse},
		{"timeout", hung, upstream.Timeout},
		{"read timeout", fails(read(context.DeadlineExceeded)), upstream.Timeout},
		{"refused", fails(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), upstream.Refused},
		{"no such host", fails(&net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}), upstream.Refused},
		{"not HTTP", fails(errors.New("malformed HTTP response")), upstream.BadResponse},
		{"a panic", func(*http.Request) (*http.Response, error) { panic("boom") }, upstream.UpstreamError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var calls int
				h := faked(t, func(r *http.Request) (*http.Response, error) {
					if calls++; calls == 1 {
						return tt.first(r)
					}
					return answer(r, 200, `{"id":"1"}`), nil
				}, func(c *HostConfig) { c.MaxBody = 1000 })
				call := contact
				call.Decode = decode
				wantKind(t, get(t.Context(), h, call), tt.want)
				synctest.Wait() // a call that was left behind
				want := 1
				if tt.want == "" {
					want = 2
				}
				if made, refused := h.Retries(); calls != want || made != uint64(want-1) || refused != 0 {
					t.Errorf("%d calls, %d retries, %d refused; want %d, %d, 0", calls, made, refused, want, want-1)
				}
			})
		})
	}
}

// A call and its second try are one call to the breaker, in one place, and have
// one deadline.
func TestRetryIsPartOfTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := breaker.NewSet()
		second := hung
		var calls, most int
		var h *Host
		h = faked(t, func(r *http.Request) (*http.Response, error) {
			calls++
			most = max(most, h.InFlight())
			if calls%2 == 1 {
				time.Sleep(100 * time.Millisecond)
				return answer(r, 500, ""), nil
			}
			return second(r)
		}, func(c *HostConfig) { c.Breakers = set })
		h.budget.fifths.Store(maxBudget)
		start := time.Now()
		wantKind(t, get(t.Context(), h, contact), upstream.Timeout)
		if took := time.Since(start); took != time.Second {
			t.Errorf("took %v, want the deadline", took)
		}
		synctest.Wait() // the call that was left behind
		second = always(200, "{}")
		wantKind(t, get(t.Context(), h, contact), "")
		second = always(400, "{}")
		wantKind(t, get(t.Context(), h, contact), upstream.UpstreamError)
		got := set.Snapshots()[0].Totals
		if want := (breaker.Totals{Successes: 2, Failures: 1}); got != want || calls != 6 || most != 1 {
			t.Errorf("%+v after %d calls, at most %d at once; want %+v, 6, 1", got, calls, most, want)
		}
	})
}

func TestNoRetry(t *testing.T) {
	var calls int
	h := faked(t, func(r *http.Request) (*http.Response, error) {
		calls++
		return answer(r, 500, ""), nil
	}, func(c *HostConfig) { c.NoRetry = true })
	wantKind(t, get(t.Context(), h, contact), upstream.UpstreamError)
	if err := h.Tune(Tuning{Deadline: time.Second, InFlight: 64}); err != nil {
		t.Fatal(err)
	}
	wantKind(t, get(t.Context(), h, contact), upstream.UpstreamError)
	if calls != 3 {
		t.Errorf("%d calls, want one without and two with a retry", calls)
	}
}

// A probe is one call: the breaker that lets it through wants to know.
func TestProbesAreNotRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls int
		h := faked(t, func(r *http.Request) (*http.Response, error) {
			calls++
			return answer(r, 500, ""), nil
		}, nil)
		for {
			tripped, wait := h.Tripped(upstream.OpContacts)
			if tripped {
				time.Sleep(wait + time.Millisecond)
				break
			}
			_ = get(t.Context(), h, contact)
		}
		calls = 0
		h.budget.fifths.Store(maxBudget)
		wantKind(t, get(t.Context(), h, contact), upstream.UpstreamError)
		if calls != 1 {
			t.Errorf("%d calls for a probe", calls)
		}
	})
}

// A caller who leaves during the pause gets no second try.
func TestRetryHeedsTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var calls int
		h := faked(t, func(r *http.Request) (*http.Response, error) {
			calls++
			time.AfterFunc(time.Millisecond, cancel)
			return answer(r, 500, ""), nil
		}, nil)
		if err := get(ctx, h, contact); err == nil || calls != 1 {
			t.Errorf("%v after %d calls, want an error after 1", err, calls)
		}
		wantTripped(t, h, false)
	})
}

// The budget is the host's, for all tenants together: a fifth of the calls and
// what there is at the start.
func TestRetryBudget(t *testing.T) {
	for _, rate := range []float64{0.05, 0.15, 0.3, 0.6, 1} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			b := &budget{}
			b.fifths.Store(firstBudget)
			random := rand.New(rand.NewPCG(7, uint64(rate*100)))
			const calls = 10_000
			asked := 0
			for range calls {
				b.deposit()
				if random.Float64() < rate {
					asked++
					b.withdraw(0)
				}
			}
			made, refused := b.made.Load(), b.refused.Load()
			if made > calls/5+firstBudget/tryPrice || made+refused != uint64(asked) {
				t.Errorf("%d retries of %d asked for, %d refused", made, asked, refused)
			}
			if rate < 0.1 && refused > 0 || rate > 0.2 && made < calls/5-maxBudget {
				t.Errorf("%d retries, %d refused at a rate of %v", made, refused, rate)
			}
		})
	}
}

// What is left at the bottom of the budget is for calls that would be the third
// failure in a row, or a later one.
func TestReserve(t *testing.T) {
	b := &budget{}
	b.fifths.Store(reserve + tryPrice)
	for i, step := range []struct {
		failures int
		want     bool
	}{{0, true}, {0, false}, {1, false}, {2, true}, {4, true}, {2, true}, {4, false}} {
		if got := b.withdraw(step.failures); got != step.want {
			t.Errorf("step %d: withdraw(%d) = %t", i, step.failures, got)
		}
	}
}

// lot is a source with which a part of the calls goes wrong.
type lot struct {
	mu    chan struct{}
	rng   *rand.Rand
	share float64
	wrong roundTripper
	calls atomic.Int64
}

func newLot(share float64, wrong roundTripper) *lot {
	return &lot{mu: make(chan struct{}, 1), rng: rand.New(rand.NewPCG(1, 2)), share: share, wrong: wrong}
}

func (l *lot) RoundTrip(r *http.Request) (*http.Response, error) {
	l.calls.Add(1)
	time.Sleep(20 * time.Millisecond)
	l.mu <- struct{}{}
	hit := l.rng.Float64() < l.share
	<-l.mu
	if hit {
		return l.wrong(r)
	}
	return answer(r, 200, "{}"), nil
}

// tally makes calls one after the other, 20 a second, and counts.
type tally struct {
	good, calls float64 // share of the calls; calls of the source for each
	openings    uint64
}

func count(t *testing.T, l *lot, calls int, change func(*HostConfig)) (got tally) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		set := breaker.NewSet()
		h := faked(t, l.RoundTrip, func(c *HostConfig) {
			c.Breakers = set
			if change != nil {
				change(c)
			}
		})
		c, good, out := h.Client(token), 0, 0
		for range calls {
			time.Sleep(50 * time.Millisecond)
			switch err := c.Get(t.Context(), contact); {
			case err == nil:
				good++
			case errors.Is(err, upstream.BreakerOpen):
				out++
			}
		}
		got = tally{float64(good) / float64(calls), float64(l.calls.Load()) / float64(calls-out), set.Snapshots()[0].Openings}
	})
	return got
}

// Three calls in ten fail: the source has a fifth more to do at most, and a breaker that
// would open every few hundred calls stays closed for thousands.
func TestErrorsNowAndThen(t *testing.T) {
	const calls = 10_000
	with := count(t, newLot(0.3, always(500, "")), calls, nil)
	without := count(t, newLot(0.3, always(500, "")), calls, func(c *HostConfig) { c.NoRetry = true })
	t.Logf("with retries: %.1f %% good, load x%.3f, %d openings; without: %.1f %%, x%.3f, %d",
		100*with.good, with.calls, with.openings, 100*without.good, without.calls, without.openings)
	if with.good < 0.83 || with.calls > 1.201 || with.openings > 1 {
		t.Errorf("with retries: %+v, want 83 %% good, load x1.2, at most one opening", with)
	}
	if without.good > 0.70 || without.openings < 5 {
		t.Errorf("without retries: %+v; the case shows nothing", without)
	}
}

// One call in twenty is reset, before the answer or in it. Of the calls that one
// more try cannot save are those of which both are: one in four hundred.
func TestResetsNowAndThen(t *testing.T) {
	reset := &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	for name, wrong := range map[string]roundTripper{
		"before": fails(reset),
		"in":     func(r *http.Request) (*http.Response, error) { return broken(r, `{"id":`, reset), nil },
	} {
		t.Run(name, func(t *testing.T) {
			got := count(t, newLot(0.05, wrong), 10_000, nil)
			t.Logf("%.2f %% good, load x%.3f, %d openings", 100*got.good, got.calls, got.openings)
			if got.good < 0.997 || got.calls > 1.06 || got.openings > 0 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// A server that resets connections as they are used again, as one does that
// restarts: each call gets its answer, on a connection that is new.
func TestResetsOfUsedConnections(t *testing.T) {
	var used atomic.Int64
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := r.Context().Value(served{}).(*atomic.Int64).Add(1); n == 1 {
			_, _ = io.WriteString(w, "{}")
			return
		}
		used.Add(1)
		if used.Load()%2 == 0 { // in the answer, which net/http leaves to us
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"id":`)
			_ = http.NewResponseController(w).Flush()
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}))
	srv.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, served{}, new(atomic.Int64))
	}
	srv.Start()
	t.Cleanup(srv.Close)
	h := newHost(t, srv.URL, func(c *HostConfig) { c.Deadline = 10 * time.Second })
	for range 40 {
		h.budget.fifths.Store(maxBudget)
		wantKind(t, get(t.Context(), h, contact), "")
	}
	if made, _ := h.Retries(); made == 0 || used.Load() < 20 {
		t.Errorf("%d connections were reset, %d retries; the case shows nothing", used.Load(), made)
	}
}

// served is the key of how many requests a connection has had.
type served struct{}
