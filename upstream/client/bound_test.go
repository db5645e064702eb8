package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/breaker"
)

// margin is what a call may take beyond its deadline.
const margin = 20 * time.Millisecond

const deadline = 800 * time.Millisecond

// deaf makes connections that are never made, as a dialer does to an address
// that drops all packets.
func deaf(ctx context.Context, _, _ string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	<-ctx.Done()
	return nil, ctx.Err()
}

// piped connects to a server in the process that does with each connection what
// serve does.
func piped(serve func(net.Conn)) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go serve(theirs)
		return ours, nil
	}
}

// silent reads what is asked and says nothing.
func silent(c net.Conn) {
	b := make([]byte, 4096)
	for {
		if _, err := c.Read(b); err != nil {
			return
		}
	}
}

// drips answers with a header, and then a byte a second.
func drips(c net.Conn) {
	_, err := c.Read(make([]byte, 4096))
	if err != nil {
		return
	}
	go silent(c)
	_, err = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"))
	for err == nil {
		_, err = c.Write([]byte(" "))
		time.Sleep(time.Second)
	}
}

// dripsCompressed is drips with a body that is to be decompressed.
func dripsCompressed(c net.Conn) {
	_, err := c.Read(make([]byte, 4096))
	if err != nil {
		return
	}
	go silent(c)
	_, err = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 100000\r\n\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"))
	for err == nil {
		_, err = c.Write([]byte("\x00\x00\x00\xff\xff")) // an empty block
		time.Sleep(time.Second)
	}
}

// stops answers with half a header.
func stops(c net.Conn) {
	if _, err := c.Read(make([]byte, 4096)); err != nil {
		return
	}
	_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Le"))
	silent(c)
}

// Whatever keeps an answer back, no call takes longer than its deadline, the
// waiting for a place included; the breaker opens, and then nothing waits.
func TestNothingOutlastsTheDeadline(t *testing.T) {
	// net makes a channel of its own at the first look-up, which no bubble may own.
	nobody := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("none") }}
	_, _ = nobody.LookupHost(t.Context(), "crm.test")
	lost := NewTransport(64, deadline, nil)
	names := &net.Resolver{PreferGo: true, Dial: deaf}
	lost.DialContext = (&net.Dialer{Timeout: deadline, Resolver: names}).DialContext
	tests := []struct {
		name string
		dial func(context.Context, string, string) (net.Conn, error)
	}{
		{"connections are not made", deaf},
		{"names are not resolved", lost.DialContext},
		{"answers do not come", piped(silent)},
		{"answers drip", piped(drips)},
		{"answers drip, compressed", piped(dripsCompressed)},
		{"answers stop", piped(stops)},
	}
	for _, tt := range tests {
		for _, heeds := range []bool{false, true} { // whether the client knows what the transport is
			t.Run(fmt.Sprint(tt.name, ", heeds=", heeds), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { outlast(t, tt.dial, heeds) })
			})
		}
	}
}

func outlast(t *testing.T, dial func(context.Context, string, string) (net.Conn, error), heeds bool) {
	own := NewTransport(8, deadline, nil)
	own.DialContext = dial
	set := breaker.NewSet()
	host := func(change func(*HostConfig)) *Host {
		return newHost(t, "http://crm.test", func(c *HostConfig) {
			if c.Transport, c.Deadline = own, deadline; !heeds {
				c.Transport = roundTripper(own.RoundTrip)
			}
			change(c)
		})
	}
	h := host(func(c *HostConfig) { c.InFlight, c.Breakers = 8, set })
	if got := h.way.Load().heeds(); got != heeds {
		t.Errorf("heeds() = %t", got)
	}
	c := h.ClientWithShare(token, 8)
	var wg sync.WaitGroup
	for range 40 { // more than there are places
		wg.Go(func() {
			start := time.Now()
			err := c.Get(context.Background(), contact)
			if took := time.Since(start); took > deadline+deadline/2+margin {
				t.Errorf("took %v: %v", took, err)
			}
		})
	}
	wg.Wait()
	wantTripped(t, h, true)
	start := time.Now()
	wantKind(t, c.Get(t.Context(), contact), upstream.BreakerOpen)
	if took := time.Since(start); took != 0 {
		t.Errorf("a refusal took %v", took)
	}
	one := host(func(*HostConfig) {}).Client(token)
	start = time.Now()
	if err := one.Get(t.Context(), contact); upstream.KindOf(err) != upstream.Timeout && upstream.KindOf(err) != upstream.Refused {
		t.Errorf("failed with %v", err)
	}
	if took := time.Since(start); took > deadline+margin {
		t.Errorf("one call took %v", took)
	}
	own.CloseIdleConnections()
	h.Close()
	time.Sleep(time.Minute)
}

// A source that takes just less than its deadline opens the breaker within half
// a minute, at one call in two seconds too, and callers keep what they waited for.
func TestSlowSourceOpensInTime(t *testing.T) {
	for _, every := range []time.Duration{0, 200 * time.Millisecond, 2 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			h := faked(t, after(950*time.Millisecond, always(200, "{}")), nil)
			start := time.Now()
			for {
				if tripped, _ := h.Tripped(upstream.OpContacts); tripped {
					break
				}
				if time.Since(start) > 30*time.Second {
					t.Fatalf("closed after 30 s of slow answers, one in %v", every)
				}
				wantKind(t, get(t.Context(), h, contact), "")
				time.Sleep(every)
			}
		})
	}
}

// pool is a source that does so many calls at once, each in the same time. More
// of them queue in it.
type pool struct {
	workers chan struct{}
	each    time.Duration
	most    atomic.Int64
	now     atomic.Int64
}

func (p *pool) RoundTrip(r *http.Request) (*http.Response, error) {
	p.most.Store(max(p.most.Load(), p.now.Add(1)))
	defer p.now.Add(-1)
	p.workers <- struct{}{}
	defer func() { <-p.workers }()
	time.Sleep(p.each)
	return answer(r, 200, "{}"), nil
}

// rush offers calls at a rate for a while, whatever becomes of those before, and
// counts what came of them. Calls that are shed have to be so in time.
func rush(t *testing.T, cs []*Client, rate int, lasting time.Duration) (good, shed []int) {
	t.Helper()
	good, shed = make([]int, len(cs)), make([]int, len(cs))
	var mu sync.Mutex
	var wg sync.WaitGroup
	for n := range rate * int(lasting/time.Second) {
		time.Sleep(time.Second / time.Duration(rate))
		wg.Go(func() {
			who := n % len(cs)
			start := time.Now()
			err := cs[who].Get(context.Background(), contact)
			took := time.Since(start)
			mu.Lock()
			defer mu.Unlock()
			switch upstream.KindOf(err) {
			case "":
				good[who]++
			case upstream.Overloaded:
				shed[who]++
				if took > time.Second/2 {
					t.Errorf("shed after %v, want half of the deadline at most", took)
				}
			default:
				t.Errorf("neither done nor shed: %v", err)
			}
		})
	}
	wg.Wait()
	return good, shed
}

func sum(ns []int) (n int) {
	for _, m := range ns {
		n += m
	}
	return n
}

// Three times of what a source can do: it goes on doing what it can, the rest is
// shed in time, nobody is favoured, and when the rush is over nothing is left of it.
func TestOverload(t *testing.T) {
	for _, each := range []time.Duration{20 * time.Millisecond, 100 * time.Millisecond, 400 * time.Millisecond} {
		t.Run(each.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const workers = 16
				capacity := workers * int(time.Second/each)
				p := &pool{workers: make(chan struct{}, workers), each: each}
				set := breaker.NewSet()
				h := faked(t, p.RoundTrip, func(c *HostConfig) { c.InFlight, c.Breakers = workers, set })
				cs := []*Client{h.Client("one"), h.Client("two"), h.Client("three"), h.Client("four")}

				atPeak, _ := rush(t, cs, capacity, 10*time.Second)
				good, shed := rush(t, cs, 3*capacity, 10*time.Second)
				t.Logf("capacity %d/s: %d done at the peak, %d at three times, %d shed", capacity, sum(atPeak), sum(good), sum(shed))
				if sum(good) < sum(atPeak)*9/10 || sum(shed) == 0 {
					t.Errorf("%d of %d done, %d shed; want nine tenths of the peak", sum(good), sum(atPeak), sum(shed))
				}
				for i, n := range good {
					if n < sum(good)/len(cs)*9/10 {
						t.Errorf("client %d had %d of %d", i, n, sum(good))
					}
				}
				if _, shed = rush(t, cs, capacity/2, 10*time.Second); sum(shed) > 0 {
					t.Errorf("%d shed after the rush", sum(shed))
				}
				if p.most.Load() > workers || set.Snapshots()[0].Openings > 0 {
					t.Errorf("at most %d at once, %d openings", p.most.Load(), set.Snapshots()[0].Openings)
				}
			})
		})
	}
}

// A line has an end: who comes then does not wait. Others are not in that line.
func TestLineIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := faked(t, hung, func(c *HostConfig) { c.InFlight = 4 })
		busy := h.Client("busy") // a share of 2
		for range 2 + 2*maxWaiting {
			go func() { _ = busy.Get(context.Background(), contact) }()
		}
		synctest.Wait()
		start := time.Now()
		wantKind(t, busy.Get(t.Context(), contact), upstream.Overloaded)
		if took := time.Since(start); took != 0 {
			t.Errorf("waited %v in a line that is full", took)
		}
		wantKind(t, h.Client("other").Get(t.Context(), contact), upstream.Timeout) // it got a place
		time.Sleep(time.Minute)
	})
}
