package client

import (
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		h := faked(t, func(r *http.Request) (*http.Response, error) {
			calls.Add(1)
			return answer(r, 200, "{}"), nil
		}, nil)
		held, other := h.Client("held"), h.Client("other")
		wantHeld := func(c *Client, want time.Duration) {
			t.Helper()
			before := calls.Load()
			tripped, wait := c.Tripped(upstream.OpContacts)
			if want == 0 {
				wantKind(t, c.Get(t.Context(), contact), "")
				if tripped || calls.Load() != before+1 {
					t.Errorf("tripped %t, %d calls", tripped, calls.Load()-before)
				}
				return
			}
			e := wantKind(t, c.Get(t.Context(), contact), upstream.BreakerOpen)
			if !tripped || wait != want || e.RetryAfter != want || calls.Load() != before {
				t.Errorf("tripped %t for %v, told %v, %d calls; want %v", tripped, wait, e.RetryAfter, calls.Load()-before, want)
			}
		}
		held.Hold(time.Now().Add(30 * time.Second))
		wantHeld(held, 30*time.Second)
		wantHeld(other, 0)
		time.Sleep(30 * time.Second)
		wantHeld(held, 0)

		h.Hold(time.Now().Add(time.Hour))
		wantHeld(held, time.Minute) // it may be ended at any time
		wantHeld(other, time.Minute)
		wantTripped(t, h, false)
		h.Hold(time.Time{})
		wantHeld(other, 0)
	})
}
