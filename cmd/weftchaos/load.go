package main

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// load asks the gateways as their callers do: at times of their own choosing,
// whatever becomes of earlier requests. Latency counts from the time at which a
// request was meant to be sent.
type load struct {
	targets  []target
	rate     float64           // requests a second
	hangUps  float64           // share of the callers who hang up after 1 to 400 ms
	trespass float64           // share of the requests for a conversation of another tenant
	query    string            // of each request, as "?include=contact"
	replicas func() []*replica // which gateways there are
	even     bool              // all targets are as popular as each other
	seed     uint64
	seen     *recorder
}

// caller is the client of all load. Like a load balancer it keeps connections
// and sends a request again that met a closed one.
func caller() *http.Client {
	return &http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: 512, IdleConnTimeout: 5 * time.Second, DisableCompression: true},
	}
}

// run asks until ctx ends, and then waits for the last answer.
func (l *load) run(ctx context.Context) {
	rng := rand.New(rand.NewPCG(l.seed, 2))
	popular := rand.NewZipf(rng, 1.1, 1, uint64(len(l.targets)-1))
	client := caller()
	defer client.CloseIdleConnections()
	var turn atomic.Uint64
	var asked sync.WaitGroup
	defer asked.Wait()
	began := time.Now()
	for next := began; ; next = next.Add(time.Duration(rng.ExpFloat64() / l.rate * float64(time.Second))) {
		if wait := time.Until(next); wait > 0 {
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return
			}
		}
		if ctx.Err() != nil {
			return
		}
		which := popular.Uint64()
		if l.even {
			which = rng.Uint64N(uint64(len(l.targets)))
		}
		r := request{target: l.targets[which], query: l.query, meant: next}
		if rng.Float64() < l.trespass {
			r.foreign = true
			r.key = keyOf(otherTenant(r.tenant))
		}
		if rng.Float64() < l.hangUps {
			r.patience = time.Duration(1+rng.IntN(400)) * time.Millisecond
		}
		asked.Go(func() { l.seen.add(r, r.send(client, balance(l.replicas(), &turn))) }) //nolint:contextcheck // see send
	}
}

// balance takes turns among those that are ready, or among all if none is.
func balance(replicas []*replica, turn *atomic.Uint64) *replica {
	n := uint64(len(replicas))
	first := turn.Add(1)
	for i := range n {
		if r := replicas[(first+i)%n]; r.ready.Load() {
			return r
		}
	}
	return replicas[first%n]
}

// request is one request of a caller.
type request struct {
	target
	query    string
	meant    time.Time
	patience time.Duration // until the caller hangs up; 0: it does not
	foreign  bool          // the key is another tenant's
}

// reply is what came of it.
type reply struct {
	status int // 0: there was no answer
	body   []byte
	err    error
	took   time.Duration
	hungUp bool

	retryAfter string // that header
}

// send asks one gateway. It is not bound to the load's context: whoever has
// asked waits for the answer.
func (r request) send(client *http.Client, from *replica) (got reply) {
	ctx := context.Background()
	if r.patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.patience)
		defer cancel()
	}
	defer func() {
		got.took = time.Since(r.meant)
		got.hungUp = r.patience > 0 && errors.Is(got.err, context.DeadlineExceeded)
	}()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from.public+"/api/conversations/"+r.id+r.query, nil)
	if err != nil {
		return reply{err: err}
	}
	req.Header.Set("Authorization", "Bearer "+r.key)
	resp, err := client.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{status: resp.StatusCode, body: body, err: err, retryAfter: resp.Header.Get("Retry-After")}
}
