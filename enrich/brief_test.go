package enrich

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

// What Derive sees of a thread in memory is what the store said, whether the
// thread came from there or from Redis.
func TestThreadIsSeenAsItWas(t *testing.T) {
	at := upstream.At(time.Date(2026, 3, 25, 11, 42, 0, 123e6, time.UTC))
	old := upstream.At(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC))
	said := []upstream.Message{{Role: "user", CreatedAt: &at}, {Role: "assistant"}, {Role: "odd", CreatedAt: &old}}
	stored, err := newThread(upstream.Thread{Messages: said}, false)
	if err != nil {
		t.Fatal(err)
	}
	read, err := decodeThread(stored.json())
	if err != nil {
		t.Fatal(err)
	}
	for name, th := range map[string]*thread{"from the store": stored, "from Redis": read} {
		if diff := cmp.Diff(said, th.seen().Messages); diff != "" {
			t.Errorf("%s (-said +seen):\n%s", name, diff)
		}
	}
	if len(stored.json())+len(stored.json())/8 < cap(stored.json()) {
		t.Errorf("%d bytes take the place of %d", len(stored.json()), cap(stored.json()))
	}
}
