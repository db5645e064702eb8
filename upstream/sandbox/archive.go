package sandbox

import (
	"cmp"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// archive holds the conversations of one store.
type archive struct {
	now func() time.Time

	mu       sync.RWMutex
	ids      *rand.ChaCha8              // source of new ids
	byTenant map[string][]*conversation // oldest first
	byID     map[string]*conversation
	next     int // num of the next conversation
}

func newArchive(cfg Config, stream uint64) *archive {
	return &archive{
		now:      cfg.Now,
		ids:      source(cfg.Seed, stream),
		byTenant: map[string][]*conversation{},
		byID:     map[string]*conversation{},
		next:     100, // so that the documented cursor is a real one
	}
}

// source is one of the independent random streams of a seed.
func source(seed, stream uint64) *rand.ChaCha8 {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	binary.LittleEndian.PutUint64(key[8:], stream)
	return rand.NewChaCha8(key)
}

func newID(src *rand.ChaCha8) string { return uuid.Must(uuid.NewRandomFromReader(src)).String() }

// add puts a conversation at the head, unless its id is taken. Without an id
// it gets one.
func (a *archive) add(c *conversation) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.id == "" {
		c.id = newID(a.ids)
	}
	if a.byID[c.id] != nil {
		return false
	}
	for i := range c.messages {
		if c.messages[i].id == "" {
			c.messages[i].id = newID(a.ids)
		}
	}
	c.num = a.next
	a.next++
	a.byID[c.id] = c
	a.byTenant[c.tenant] = append(a.byTenant[c.tenant], c)
	return true
}

// find is the conversation of the id, nil when there is none. With wrong it
// is another one of the same tenant.
func (a *archive) find(id string, wrong bool) *conversation {
	a.mu.RLock()
	defer a.mu.RUnlock()
	c := a.byID[id]
	if c == nil || !wrong {
		return c
	}
	all := a.byTenant[c.tenant]
	return all[(a.index(c)+1)%len(all)]
}

// index is where c is among its tenant's. a.mu is held.
func (a *archive) index(c *conversation) int {
	i, _ := slices.BinarySearchFunc(a.byTenant[c.tenant], c.num, func(o *conversation, num int) int {
		return cmp.Compare(o.num, num)
	})
	return i
}

// change replaces a conversation by an edited copy.
func (a *archive) change(id string, edit func(*conversation)) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	old := a.byID[id]
	if old == nil {
		return false
	}
	c := *old
	edit(&c)
	a.byID[id] = &c
	a.byTenant[c.tenant][a.index(old)] = &c
	return true
}

func (a *archive) remove(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.byID[id]
	if c == nil {
		return false
	}
	i := a.index(c)
	delete(a.byID, id)
	a.byTenant[c.tenant] = slices.Delete(a.byTenant[c.tenant], i, i+1)
	return true
}

// matching are a tenant's conversations that have what is asked, newest first.
func (a *archive) matching(tenant string, has func(*conversation) bool) []*conversation {
	a.mu.RLock()
	defer a.mu.RUnlock()
	found := []*conversation{}
	for _, c := range slices.Backward(a.byTenant[tenant]) {
		if has(c) {
			found = append(found, c)
		}
	}
	return found
}
