package cache

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	LogRedis(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m)
}

// testPolicy has three lengths that are easy to tell apart.
var testPolicy = Policy{Fresh: time.Minute, Stale: time.Hour, Missing: 10 * time.Second}

type doc struct {
	Name string `json:"name"`
}

var (
	errDown     = errors.New("source down")
	errNotFound = errors.New("no such record")
	errTripped  = errors.New("tripped")
)

// newCache returns a cache that is closed with the test.
func newCache(t testing.TB, cfg Config) *Cache {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func newLoader(t testing.TB, c *Cache, policy Policy) *Loader[doc] {
	t.Helper()
	l, err := NewLoader(c, LoaderConfig[doc]{
		Kind: "doc", Policy: policy, Deadline: time.Second,
		Absent: func(err error) bool { return errors.Is(err, errNotFound) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// fakeSource answers what it is told and counts what it is asked.
type fakeSource struct {
	mu    sync.Mutex
	docs  map[string]string // id -> name; guarded by mu
	err   error             // guarded by mu
	took  time.Duration     // how long it thinks; guarded by mu
	calls [][]string        // the ids of each call; guarded by mu
}

func (s *fakeSource) set(docs map[string]string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.docs, s.err = docs, err
}

func (s *fakeSource) asked() [][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func (s *fakeSource) load(ctx context.Context, ids []string) (map[string]doc, error) {
	s.mu.Lock()
	s.calls = append(s.calls, ids)
	took, err := s.took, s.err
	out := map[string]doc{}
	for _, id := range ids {
		if name, ok := s.docs[id]; ok {
			out[id] = doc{name}
		}
	}
	s.mu.Unlock()
	if took > 0 {
		select {
		case <-time.After(took):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return out, err
}

// seen is a result without its times, for comparing.
type seen struct {
	Name  string
	State State
	Err   error
}

func see(results []Result[doc]) []seen {
	out := make([]seen, len(results))
	for i, r := range results {
		out[i] = seen{r.Value.Name, r.State, r.Err}
	}
	return out
}

// gathered waits until what was queued for Redis is there.
func gathered() {
	synctest.Wait()
	time.Sleep(gatherFor)
	synctest.Wait()
}

func prefetch(ctx context.Context, c *Cache, keys []Key, peeked ...Key) (release func()) {
	_, release = c.Prefetch(ctx, keys, peeked...)
	return release
}
