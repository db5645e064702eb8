package auth

import (
	"context"
	"time"
)

// flight is one loading of the keys. Its error may be looked at when it is done.
type flight struct {
	done chan struct{}
	err  error
}

// begin returns the load that is under way, or begins one; nil where the latest
// is too recent. The caller holds the lock.
func (s *source) begin() *flight {
	now := time.Now()
	if s.flight != nil || !s.began.IsZero() && now.Sub(s.began) < loadPause || s.ctx.Err() != nil {
		return s.flight
	}
	f := &flight{done: make(chan struct{})}
	s.flight, s.began = f, now
	s.wg.Go(func() {
		err := s.load()
		s.mu.Lock()
		s.tell(err)
		s.flight, s.failing = nil, err != nil
		s.mu.Unlock()
		f.err = err
		close(f.done)
	})
	return f
}

// wait reports whether the load ended in time. Reading a file may hang.
func (f *flight) wait(ctx context.Context) bool {
	late := time.NewTimer(MaxLoad)
	defer late.Stop()
	select {
	case <-f.done:
		return true
	case <-late.C:
	case <-ctx.Done():
	}
	return false
}

// load reads the keys. When it fails, those that are known stay.
func (s *source) load() error {
	ctx, cancel := context.WithTimeout(s.ctx, MaxLoad)
	defer cancel()
	data, err := s.read(ctx)
	if err != nil {
		return err
	}
	keys, err := parseKeys(data, s.allow)
	if err != nil {
		return err
	}
	s.set.Store(s.set.Load().next(keys))
	return nil
}

// tell logs when loading begins to fail, and when it is over.
func (s *source) tell(err error) {
	switch {
	case err != nil && !s.failing && s.ctx.Err() == nil:
		s.log.Warn("keys of an issuer cannot be loaded; those that are known stay for a day", "issuer", s.issuer, "error", err)
	case err == nil && s.failing:
		s.log.Info("keys of an issuer are loaded again", "issuer", s.issuer)
	}
}

// run loads the keys at once, and then again and again until ctx ends.
func (s *source) run(ctx context.Context) {
	for {
		next := loadPause
		s.mu.Lock()
		f := s.begin()
		s.mu.Unlock()
		if f != nil && f.wait(ctx) && f.err == nil {
			next = s.every
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(next):
		}
	}
}
