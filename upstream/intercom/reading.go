package intercom

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

// The bounds of answers that wait for their other half to be asked for.
const (
	moment   = 100 * time.Millisecond
	maxKept  = 32        // of a store
	maxBytes = 128 << 10 // of each
)

// reading is a call whose answer has a conversation and its messages in it, so
// that a read of the one and a read of the other share it. It is made in the
// name of one operation, whose breaker counts it, and answers one read of
// each: who asks for the same again wants to know what has become of it since.
type reading struct {
	op    upstream.Op
	done  chan struct{} // closed when it is over, and what follows is settled
	body  upstream.Fields
	err   error
	timer *time.Timer // until which the answer is kept; nil: it is not
}

// readings are the calls of a store that may still be shared: of one tenant,
// by one token.
type readings struct {
	mu   sync.Mutex
	open map[string]*reading // by the conversation's id
	kept int                 // of these, those that are over
}

// take returns the call that an operation can share, and takes it away: nobody
// else can. nil: there is none.
func (s *readings) take(op upstream.Op, id string) *reading {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.open[id]
	if r == nil || r.op == op {
		return nil
	}
	s.drop(id, r)
	return r
}

// begin opens a call to the other operation, in the place of an earlier one.
func (s *readings) begin(op upstream.Op, id string) *reading {
	r := &reading{op: op, done: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	if before := s.open[id]; before != nil {
		s.drop(id, before)
	}
	if s.open == nil {
		s.open = make(map[string]*reading)
	}
	s.open[id] = r
	return r
}

// end says how a call ended; with a body, it brought the conversation, be it that
// its own operation could not use it. What nobody has shared by now is
// kept for a moment: the other read may be on its way.
func (s *readings) end(id string, r *reading, body upstream.Fields, bytes int, err error) {
	r.body, r.err = body, err
	close(r.done)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.open[id] != r:
	case body == nil || bytes > maxBytes || s.kept >= maxKept:
		delete(s.open, id)
	default:
		s.kept++
		r.timer = time.AfterFunc(moment, func() { s.forget(id, r) })
	}
}

func (s *readings) forget(id string, r *reading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[id] == r {
		s.drop(id, r)
	}
}

// drop closes a call to others. The lock is held.
func (s *readings) drop(id string, r *reading) {
	delete(s.open, id)
	if r.timer != nil {
		r.timer.Stop()
		s.kept--
	}
}

// wait returns what the call has brought, for another operation than it was made
// for. A failure is that of both, unless it is of the one who made it: nobody
// waited any more, or the operation's breaker refused it. Then ok is false.
func (r *reading) wait(ctx context.Context, op upstream.Op) (body upstream.Fields, ok bool, err error) {
	select {
	case <-r.done:
	case <-ctx.Done():
		return nil, true, ended(ctx, op)
	}
	e, failed := errors.AsType[*upstream.Error](r.err)
	switch {
	case r.body != nil:
		return r.body, true, nil
	case !failed || e.Kind == upstream.Canceled || e.Kind == upstream.Deadline || e.Kind == upstream.BreakerOpen:
		return nil, false, nil
	}
	own := *e
	own.Op = op
	return nil, true, &own
}

// ended is the failure of who does not wait any more.
func ended(ctx context.Context, op upstream.Op) error {
	kind := upstream.Canceled
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		kind = upstream.Deadline
	}
	return &upstream.Error{Kind: kind, Source: Kind, Op: op}
}
