package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/breaker"
)

// newBreaker returns the breaker of one operation and registers it. A call
// that takes more than three quarters of its deadline counts as a failure.
func newBreaker(cfg HostConfig, root *url.URL, op upstream.Op, nudge func(context.Context)) (*breaker.Breaker, error) {
	const probes, window = 3, 30 * time.Second
	b, err := breaker.New(breaker.Config{
		Name:      cfg.Name + "-" + string(op),
		Upstream:  root.String(),
		Operation: string(op),
		Deadline:  cfg.Deadline,
		SlowAfter: slowAfter(cfg.Deadline),
		Window:    max(window, 2*cfg.Deadline),
		Probes:    min(probes, cfg.InFlight),
		InFlight:  cfg.InFlight,
		Classify: func(err error) breaker.Outcome {
			if op == upstream.OpThread && errors.Is(err, errTooLarge) {
				return breaker.Ignored // one conversation that has grown must not take the others away
			}
			return classify(err)
		},
		Reason: func(err error) string { return string(upstream.KindOf(err)) },
		Nudge:  nudge,
		Logger: cfg.Logger,
	})
	if err != nil || cfg.Breakers == nil {
		return b, err
	}
	if err := cfg.Breakers.Add(b); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

func slowAfter(deadline time.Duration) time.Duration { return deadline * 3 / 4 }

// classify says what a failed call means for the host, which all tenants
// share: one tenant's credentials and quota mean nothing.
func classify(err error) breaker.Outcome {
	switch upstream.KindOf(err) {
	case upstream.NotFound:
		return breaker.Success
	case upstream.Denied, upstream.RateLimited, upstream.Canceled, upstream.Deadline, upstream.Overloaded:
		return breaker.Ignored
	case upstream.WrongRecord:
		return breaker.Ignored // it answers, and what a visitor typed into a link field can bring this about
	case upstream.UpstreamError:
		e, ok := errors.AsType[*upstream.Error](err)
		if ok && e.Status >= 400 && e.Status < 500 && e.Status != http.StatusRequestTimeout {
			return breaker.Success // it answered; the request was wrong
		}
	}
	return breaker.Failure
}
