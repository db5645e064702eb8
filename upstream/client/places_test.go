package client

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

// crowd counts the calls of each token that are out.
type crowd struct {
	took time.Duration

	mu   sync.Mutex
	out  map[string]int // guarded by mu
	most map[string]int // guarded by mu
}

func (c *crowd) RoundTrip(r *http.Request) (*http.Response, error) {
	who := r.Header.Get("Authorization")
	c.count(who, 1)
	defer c.count(who, -1)
	time.Sleep(c.took)
	return answer(r, 200, "{}"), nil
}

func (c *crowd) count(who string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out[who] += n
	c.most[who] = max(c.most[who], c.out[who])
}

func newCrowd(took time.Duration) *crowd {
	return &crowd{took: took, out: map[string]int{}, most: map[string]int{}}
}

func TestShare(t *testing.T) {
	tests := []struct {
		name            string
		inFlight, share int
		want            int
	}{
		{"half", 8, 0, 4},
		{"half of an odd number", 9, 0, 4},
		{"at least one", 1, 0, 1},
		{"said", 8, 3, 3},
		{"all", 8, 8, 8},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd(100 * time.Millisecond)
				h := faked(t, c.RoundTrip, func(cfg *HostConfig) { cfg.InFlight = tt.inFlight })
				busy := h.ClientWithShare("busy", tt.share)
				var wg sync.WaitGroup
				for range 2 * tt.want {
					wg.Go(func() { wantKind(t, busy.Get(t.Context(), contact), "") })
				}
				synctest.Wait()
				if got := h.InFlight(); got != tt.want {
					t.Errorf("%d in flight, want %d", got, tt.want)
				}
				if tt.want < tt.inFlight {
					start := time.Now()
					wantKind(t, h.Client("other").Get(t.Context(), contact), "")
					if got := time.Since(start); got != c.took {
						t.Errorf("another client waited %v for a free place", got-c.took)
					}
				}
				wg.Wait()
				if got := c.most["Bearer busy"]; got != tt.want || h.InFlight() != 0 {
					t.Errorf("at most %d at once, %d left; want %d and 0", got, h.InFlight(), tt.want)
				}
			})
		})
	}
}

// With every place taken and long queues of others, the next place but a few is
// that of whoever comes new.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(100 * time.Millisecond)
		h := faked(t, c.RoundTrip, func(cfg *HostConfig) { cfg.InFlight, cfg.Deadline = 4, 10*time.Second }) // who is last in the queue is patient
		var wg sync.WaitGroup
		for _, token := range []string{"one", "two", "three"} {
			busy := h.Client(token)
			for range 6 {
				wg.Go(func() { wantKind(t, busy.Get(t.Context(), contact), "") })
			}
		}
		synctest.Wait()
		start := time.Now()
		wantKind(t, h.Client("small").Get(t.Context(), contact), "")
		if waited := time.Since(start) - c.took; waited > 100*time.Millisecond {
			t.Errorf("waited %v behind the queues of others, want one turn", waited)
		}
		wg.Wait()
		if h.InFlight() != 0 {
			t.Errorf("%d places are not given back", h.InFlight())
		}
	})
}

// Callers that give up in every way there is leave no place taken and no line
// standing, also when a place is given to them as they leave.
func TestPlacesAreGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &places{size: 3, free: 3}
		lines := []*line{{share: 1}, {share: 2}, {share: 3}}
		var most, now atomic.Int64
		var wg sync.WaitGroup
		for i := range 600 {
			wg.Go(func() {
				time.Sleep(time.Duration(i*7%113) * time.Millisecond)
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i*5%37)*time.Millisecond)
				defer cancel()
				l := lines[i%3]
				if err := p.take(ctx, l, time.Duration(i*3%29)*time.Millisecond); err != nil {
					if k := upstream.KindOf(err); k != upstream.Overloaded {
						t.Errorf("refused as %s", k)
					}
					return
				}
				most.Store(max(most.Load(), now.Add(1)))
				time.Sleep(time.Duration(i*11%17) * time.Millisecond)
				now.Add(-1)
				p.give(l)
			})
		}
		wg.Wait()
		if most.Load() != 3 || p.taken() != 0 || len(p.turns) != 0 {
			t.Errorf("at most %d, %d taken at the end, %d lines; want 3, 0, 0", most.Load(), p.taken(), len(p.turns))
		}
		for i, l := range lines {
			if l.held != 0 || len(l.waiting) != 0 {
				t.Errorf("line %d holds %d and has %d waiting", i, l.held, len(l.waiting))
			}
		}
	})
}
