package client

import (
	"context"
	"sync/atomic"

	"github.com/weft-gateway/weft/upstream"
)

// traced is a call that [HostConfig.Trace] is told of; the zero value is one
// that nobody is told of.
type traced struct {
	tries *atomic.Int32 // requests that were made; one may still be when the call is over
	end   func(tries int, err error)
}

// tracing begins a call that may have to be told of.
func tracing(ctx context.Context, trace func(context.Context, upstream.Op) (context.Context, func(int, error)), op upstream.Op) (context.Context, traced) {
	ctx, end := trace(ctx, op)
	if end == nil {
		return ctx, traced{}
	}
	return ctx, traced{tries: new(atomic.Int32), end: end}
}

// over tells how the call ended.
func (t traced) over(err error) {
	if t.end != nil {
		t.end(int(t.tries.Load()), err)
	}
}
