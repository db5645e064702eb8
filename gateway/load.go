package gateway

import (
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// The bounds on what is under way at once, where the configuration has none.
const (
	defaultRequests       = 2048
	defaultTenantInFlight = 256 // leaves most of Config.InFlight to others
)

// tellEvery is how often the log says that requests are turned away.
const tellEvery = 10 * time.Second

// LoadStats say how much is under way, and how much was turned away.
type LoadStats struct {
	Requests int    // below /api, under way now
	Asking   int    // of them, those that wait for the Enricher
	Early    uint64 // turned away before anything else, since Config.Requests were under way
	Late     uint64 // turned away at the Enricher: Config.InFlight, or the tenant's share, was used up
}

// load counts what is under way. A Server that replaces another goes on with
// the other's, so that the bounds hold over both.
type load struct {
	requests, asking atomic.Int64
	early, late      atomic.Uint64
	told             atomic.Int64 // when the log said so last, in nanoseconds since 1970

	mu      sync.Mutex
	tenants map[string]*atomic.Int64 // tenant id -> what it has of asking; guarded by mu
}

// tenant returns the count of one tenant, from now on the same for all.
func (l *load) tenant(id string) *atomic.Int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tenants[id] == nil {
		l.tenants[id] = new(atomic.Int64)
	}
	return l.tenants[id]
}

// keep forgets the counts of the tenants that are gone.
func (l *load) keep(slots map[string]*slots) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.tenants, func(id string, _ *atomic.Int64) bool { return slots[id] == nil })
}

// Load returns the counts.
func (s *Server) Load() LoadStats {
	l := s.load
	return LoadStats{Requests: int(l.requests.Load()), Asking: int(l.asking.Load()), Early: l.early.Load(), Late: l.late.Load()}
}

// TenantInFlight returns how many of a tenant's requests wait for the Enricher.
func (s *Server) TenantInFlight(tenant string) int {
	if slots := s.slots[tenant]; slots != nil {
		return int(slots.taken.Load())
	}
	return 0
}

// admitted lets a request in, unless too many are under way: it costs nothing
// yet, and there would be no time for it. finish lets it out.
func (s *Server) admitted(x *exchange) bool {
	x.counted = true
	if s.load.requests.Add(1) <= int64(s.cfg.Requests) {
		return true
	}
	s.load.early.Add(1)
	s.tell()
	return false
}

// late turns a request away before the Enricher.
func (s *Server) late() error {
	s.load.late.Add(1)
	s.tell()
	return codeOverloaded
}

// tell says in the log, now and then, that requests are turned away. They have
// no lines of their own: those would come in floods, too.
func (s *Server) tell() {
	now, told := time.Now().UnixNano(), s.load.told.Load()
	if now-told < int64(tellEvery) || !s.load.told.CompareAndSwap(told, now) {
		return
	}
	l := s.Load()
	s.log.Warn("requests are turned away: too many at once",
		slog.Int("requests", l.Requests), slog.Int("asking", l.Asking), slog.Uint64("early", l.Early), slog.Uint64("late", l.Late))
}

// slots bound what one tenant has done at once.
type slots struct {
	most  int64
	taken *atomic.Int64
}

// enter takes a slot, which leave gives back, also when there was none.
func (s *slots) enter() bool { return s.taken.Add(1) <= s.most }

func (s *slots) leave() { s.taken.Add(-1) }

// newSlots returns the slots of each tenant.
func newSlots(cfg Config, l *load) map[string]*slots {
	all := make(map[string]*slots, len(cfg.Tenants))
	for id := range cfg.Tenants {
		all[id] = &slots{most: defaultTenantInFlight, taken: l.tenant(id)}
		if n := cfg.TenantInFlight[id]; n > 0 {
			all[id].most = int64(n)
		}
	}
	l.keep(all)
	return all
}
