package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/weft-gateway/weft/upstream"
)

// Fetch makes one call and returns what decode made of the answer, also beside
// an error. The value crosses over in an atomic pointer: a call that ran out of
// time may leave its decoder running behind it.
func Fetch[T any](ctx context.Context, c *Client, call Call, decode func(Reply) (T, error)) (T, error) {
	var across struct {
		got  atomic.Pointer[T]
		over atomic.Bool // the caller has what it will get; the call may be remembered
	}
	call.Decode = func(r Reply) error {
		v, err := decode(r)
		if !across.over.Load() { // what a probe brings later is nobody's, and is not kept
			across.got.Store(&v)
		}
		return err
	}
	err := c.Get(ctx, call)
	across.over.Store(true)
	if v := across.got.Swap(nil); v != nil {
		return *v, err
	}
	var none T
	return none, err
}

// Decode reads a body into v. Its error says where the body is odd, and never
// what it holds.
func Decode(body []byte, v any) error {
	err := upstream.Decode(body, v)
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("field %s has a type that is not documented", t.Field)
	}
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("not JSON from byte %d on", s.Offset)
	}
	return err
}
