package client

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/breaker"
)

// The cap follows, upwards at once and downwards as calls end.
func TestTuneInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(100 * time.Millisecond)
		h := faked(t, c.RoundTrip, func(cfg *HostConfig) { cfg.InFlight = 2 })
		client := h.ClientWithShare("a", 100)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { wantKind(t, client.Get(t.Context(), contact), "") })
		}
		synctest.Wait()
		for _, step := range []struct {
			size, out int
			after     time.Duration
		}{{6, 6, 0}, {3, 6, 0}, {3, 3, 150 * time.Millisecond}} {
			if err := h.Tune(Tuning{Deadline: time.Second, InFlight: step.size}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(step.after)
			synctest.Wait()
			if got := h.InFlight(); got != step.out {
				t.Errorf("%d in flight of %d, want %d", got, step.size, step.out)
			}
		}
		wg.Wait()
		if got := h.InFlight(); got != 0 {
			t.Errorf("%d in flight at the end", got)
		}
	})
}

// The deadline holds for the calls that begin from now on; the breaker goes on
// with what it has counted.
func TestTuneDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := faked(t, hung, nil)
		took := func() time.Duration {
			start := time.Now()
			wantKind(t, get(t.Context(), h, contact), upstream.Timeout)
			return time.Since(start)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if got := took(); got != time.Second {
				t.Errorf("a call that is under way takes %v, want 1 s", got)
			}
		})
		synctest.Wait()
		if err := h.Tune(Tuning{Deadline: 300 * time.Millisecond, InFlight: 64}); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if got := took(); got != 300*time.Millisecond {
				t.Errorf("a later call takes %v, want 300 ms", got)
			}
		}
		wg.Wait()
		wantTripped(t, h, false)
		took() // the fifth in a row
		wantTripped(t, h, true)
		if err := h.Tune(Tuning{Deadline: 2 * time.Second, InFlight: 8}); err != nil {
			t.Fatal(err)
		}
		wantTripped(t, h, true)
	})
}

func TestTuneRefuses(t *testing.T) {
	h := faked(t, hung, nil)
	for _, tt := range []Tuning{{}, {Deadline: time.Second}, {InFlight: 1}, {Deadline: 16 * time.Second, InFlight: 1}} {
		if h.Tune(tt) == nil {
			t.Errorf("%+v is accepted", tt)
		}
	}
}

// The connections of a transport that was replaced, and those of a host that
// was closed, go when their last call is done.
func TestTransportIsGivenUp(t *testing.T) {
	var open atomic.Int64
	release := make(chan struct{})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { <-release }))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
		default:
		}
	}
	srv.Start()
	defer srv.Close()
	h := newHost(t, srv.URL, func(c *HostConfig) { c.Deadline = 15 * time.Second })
	var wg sync.WaitGroup
	call := func() {
		before := open.Load()
		wg.Go(func() { wantKind(t, get(t.Context(), h, contact), "") })
		for open.Load() == before {
			time.Sleep(time.Millisecond)
		}
	}
	call()
	if err := h.Tune(Tuning{Deadline: 15 * time.Second, InFlight: 8, Transport: NewTransport(8, time.Second, nil)}); err != nil {
		t.Fatal(err)
	}
	call()
	if got := open.Load(); got != 2 {
		t.Errorf("%d connections, want one of each transport", got)
	}
	h.Close()
	close(release)
	wg.Wait()
	for open.Load() > 0 { // the server hears of it some time later
		time.Sleep(time.Millisecond)
	}
}

// Hosts of one name follow one another in a set.
func TestJoinAndLeave(t *testing.T) {
	set := breaker.NewSet()
	first, second := faked(t, hung, nil), faked(t, hung, nil)
	if err := first.Join(set); err != nil {
		t.Fatal(err)
	}
	if second.Join(set) == nil {
		t.Error("two hosts of one name are in a set")
	}
	first.Leave(set)
	if err := second.Join(set); err != nil {
		t.Error(err)
	}
	if got := len(set.Snapshots()); got != 2 {
		t.Errorf("%d breakers, want 2", got)
	}
}

func TestClosedClientIsForgotten(t *testing.T) {
	h := faked(t, always(429, "", "Retry-After", "30"), nil)
	c := h.Client("a")
	wantKind(t, c.Get(t.Context(), contact), upstream.RateLimited)
	if got := h.GatesClosed(); got != 1 {
		t.Errorf("%d gates are closed, want 1", got)
	}
	c.Close()
	if got := h.GatesClosed(); got != 0 || len(h.clients) != 0 {
		t.Errorf("%d gates are closed and %d clients known, want none", got, len(h.clients))
	}
}
