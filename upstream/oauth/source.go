package oauth

import (
	"context"
	"errors"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

const (
	// young is the age below which a token that is refused is not replaced:
	// the next would fare no better, and the service that gives them counts.
	young = time.Minute

	// A failed request is not repeated for this long; one that was refused, by
	// which the credentials are wrong, for deniedPause.
	failedPause = time.Second
	deniedPause = time.Minute

	maxLead = 5 * time.Minute // before a token's end, at most, another is asked for

	// A token that is said to be good for less is used for as long all the same:
	// what ends at once would have one asked for with each call.
	minLife = 10 * time.Second
)

// Token implements [client.TokenSource].
func (s *Source) Token(ctx context.Context, refused string) (string, error) {
	value, f, err := s.have(ctx, refused)
	if f == nil {
		return value, err
	}
	select {
	case <-f.done:
		if f.err == nil && f.value == refused && refused != "" {
			return "", &upstream.Error{Kind: upstream.Denied, Err: errors.New("the token that is refused is given again")}
		}
		return f.value, f.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// have returns the token at hand or, without one, the request to wait for.
func (s *Source) have(ctx context.Context, refused string) (string, *flight, error) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if refused != "" && refused == s.token.value {
		if now.Sub(s.token.given) < young {
			return "", nil, &upstream.Error{Kind: upstream.Denied, Err: errors.New("a new token is refused" + s.elsewhere())}
		}
		s.token = token{}
	}
	if t := s.token; t.value != "" && (t.end.IsZero() || now.Before(t.end)) {
		if !t.early.IsZero() && !now.Before(t.early) && s.flight == nil && !now.Before(s.paused.until) {
			s.renew(ctx)
		}
		return t.value, nil, nil
	}
	if s.flight == nil {
		if now.Before(s.paused.until) {
			return "", nil, s.paused.err
		}
		s.renew(ctx)
	}
	return "", s.flight, nil
}

// renew begins a request for a token, which goes on without who began it. The
// caller holds mu.
func (s *Source) renew(ctx context.Context) {
	f := &flight{done: make(chan struct{})}
	s.flight = f
	refresh := s.cfg.RefreshToken
	if s.rotated != "" {
		refresh = s.rotated
	}
	ctx = context.WithoutCancel(ctx) // the host's deadline ends it
	go func() {
		defer close(f.done)
		begun := time.Now()
		a, err := s.ask(ctx, refresh)
		s.settle(f, a, begun, err)
	}()
}

// settle makes the outcome of a request that of the source.
func (s *Source) settle(f *flight, a answer, begun time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flight = nil
	if err != nil {
		f.err = err
		wait := failedPause
		if errors.Is(err, upstream.Denied) {
			wait = deniedPause
		}
		s.paused = pause{until: time.Now().Add(max(wait, upstream.RetryAfter(err))), err: err}
		return
	}
	f.value = a.access
	s.paused = pause{}
	s.token = a.token(begun)
	if a.refresh != "" {
		s.rotated = a.refresh
	}
	s.tell(a.instance)
}
