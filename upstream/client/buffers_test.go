package client

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/weft-gateway/weft/upstream"
)

// A buffer is nobody else's while an answer is decoded, and what a large answer
// needed is not kept.
func TestBuffersAreNotMixedUp(t *testing.T) {
	h := faked(t, func(r *http.Request) (*http.Response, error) {
		id := r.URL.Path[len("/contacts/"):]
		return answer(r, 200, strings.Repeat(id+" ", 500)), nil
	}, nil)
	c := h.ClientWithShare(token, 8)
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 50 {
				id := fmt.Sprint(n, "-", i)
				call := Call{Op: upstream.OpContacts, Path: []string{"contacts", id}, Decode: func(r Reply) error {
					if want := strings.Repeat(id+" ", 500); string(r.Body) != want {
						t.Errorf("%s: got %.40q", id, r.Body)
					}
					return nil
				}}
				if err := c.Get(t.Context(), call); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()

	var b buffers
	large := b.get(0)
	large.Grow(2 * maxKept)
	b.put(large)
	if got := b.get(0); got == large {
		t.Error("a large buffer was kept")
	}
}
