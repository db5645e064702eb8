package cache

import (
	"sync"
	"time"
)

// localIndexMax bounds the ids of all tenants in the index of one process.
// One takes about 40 bytes.
const localIndexMax = 1 << 20

// localIndex is the [Index] of a process without Redis.
type localIndex struct {
	limit int // ids of all tenants together

	mu      sync.Mutex
	size    int                  // ids of all tenants; guarded by mu
	tenants map[string]*localIDs // guarded by mu
}

type localIDs struct {
	members  map[string]bool // digest of an id -> true
	walk     string          // the walk under way that has lost nothing; "" for none
	complete time.Time       // until when the members are all there are; zero: they are not
}

func newLocalIndex() *localIndex {
	return &localIndex{limit: localIndexMax, tenants: map[string]*localIDs{}}
}

// of returns the tenant's ids; mu is held.
func (x *localIndex) of(tenant string) *localIDs {
	t := x.tenants[tenant]
	if t == nil {
		t = &localIDs{members: map[string]bool{}}
		x.tenants[tenant] = t
	}
	return t
}

// add notes ids. One that finds no room is lost, and the tenant's completeness
// with it.
func (x *localIndex) add(tenant string, ids []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	t := x.of(tenant)
	for _, id := range ids {
		m := digest(id)
		switch {
		case t.members[m]:
		case x.size < x.limit:
			t.members[m] = true
			x.size++
		default:
			t.walk, t.complete = "", time.Time{}
		}
	}
}

func (x *localIndex) lookup(tenant, id string) (has, complete bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	t := x.of(tenant)
	return t.members[digest(id)], time.Now().Before(t.complete)
}

func (x *localIndex) begin(tenant, walk string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.of(tenant).walk = walk
}

func (x *localIndex) markComplete(tenant, walk string, ttl time.Duration) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	t := x.of(tenant)
	if walk == "" || t.walk != walk {
		return false
	}
	t.walk = ""
	t.complete = time.Now().Add(ttl)
	return true
}

func (x *localIndex) withdraw(tenant string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.of(tenant).complete = time.Time{}
}

func (x *localIndex) remove(tenant, id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if t := x.of(tenant); t.members[digest(id)] {
		delete(t.members, digest(id))
		x.size--
	}
}

func (x *localIndex) forget(tenant string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.size -= len(x.of(tenant).members)
	delete(x.tenants, tenant)
}
