package client

import (
	"context"
	"errors"
	"sync"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/breaker"
)

// past is the call of one operation that is made again when its breaker wants
// to be probed and nobody calls: the last that went well or, until one has, the
// last that was made. What has gone well before fails through no fault of its
// own. It is kept in memory alone, and in no log.
type past struct {
	mu   sync.Mutex
	last made // guarded by mu
}

// made is a call that got through; the zero value is none.
type made struct {
	client *Client
	call   Call
	well   bool
}

// note remembers a call that is over. One that says nothing of the source, as
// that of a tenant whose token is refused, would say nothing again.
func (p *past) note(c *Client, call Call, err error) {
	if _, refused := errors.AsType[*breaker.OpenError](err); refused {
		return
	}
	outcome := breaker.Success
	if err != nil {
		outcome = classify(explain(err))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if outcome == breaker.Success || outcome == breaker.Failure && !p.last.well {
		p.last = made{client: c, call: call, well: outcome == breaker.Success}
	}
}

func (p *past) made() made {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// forget drops the call if it was c's.
func (p *past) forget(c *Client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last.client == c {
		p.last = made{}
	}
}

// nudge makes the remembered call of op as its caller did, who is long gone.
func (h *Host) nudge(ctx context.Context, op upstream.Op) {
	if m := h.past[op].made(); m.client != nil && !m.client.closed.Load() {
		_ = m.client.Get(ctx, m.call) // the breaker saw how it went
	}
}
