package ops

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// Cache is what is kept, as operators see it. It may be called concurrently.
type Cache interface {
	Report() CacheReport

	// Peek and Purge answer [ErrNoTenant] for one that there is not.
	Peek(context.Context, Subject) (CachePeek, error)
	Purge(context.Context, Subject) (Purged, error)
}

// CacheReport is the body of GET /cache.
type CacheReport struct {
	Kinds  []CacheKind  `json:"kinds"`
	Memory CacheMemory  `json:"memory"`
	Redis  *CacheShared `json:"redis"` // nil: none is configured
}

// CacheKind counts the records of one kind since the start.
type CacheKind struct {
	Kind       string     `json:"kind"`
	Loaded     uint64     `json:"loaded"` // answered by the source
	Hit        uint64     `json:"hit"`
	Stale      uint64     `json:"stale"`
	Negative   uint64     `json:"negative"`
	Miss       uint64     `json:"miss"`
	Memory     CacheTier  `json:"memory"`
	Redis      CacheTier  `json:"redis"`
	Loads      uint64     `json:"loads"` // calls of the source
	LoadErrors uint64     `json:"loadErrors"`
	Coalesced  uint64     `json:"coalesced"`
	Ages       []CacheAge `json:"ages"` // of the copies that were shown
}

// CacheTier counts what one tier had when it was looked at.
type CacheTier struct {
	Hit      uint64 `json:"hit"`
	Stale    uint64 `json:"stale"`
	Negative uint64 `json:"negative"`
	Miss     uint64 `json:"miss"`
}

// CacheAge counts the copies of one step of age.
type CacheAge struct {
	UpToSeconds *float64 `json:"upToSeconds"` // nil: no bound
	Count       uint64   `json:"count"`
}

// CacheMemory measures the tier in the process.
type CacheMemory struct {
	Entries      int    `json:"entries"`
	Bytes        uint64 `json:"bytes"`
	MaximumBytes uint64 `json:"maximumBytes"`
	Evictions    uint64 `json:"evictions"` // for want of room
	EvictedBytes uint64 `json:"evictedBytes"`
}

// CacheShared counts the traffic with Redis.
type CacheShared struct {
	Reads       uint64 `json:"reads"`
	ReadErrors  uint64 `json:"readErrors"`
	Bypassed    uint64 `json:"bypassed"`
	Corrupt     uint64 `json:"corrupt"`
	Writes      uint64 `json:"writes"`
	WriteErrors uint64 `json:"writeErrors"`
	Dropped     uint64 `json:"dropped"`
	Told        uint64 `json:"told"`
	Heard       uint64 `json:"heard"`
	Gaps        uint64 `json:"gaps"`
}

// Subject is what a peek or a purge is about: a contact, an account, or with
// neither the tenant as a whole.
type Subject struct {
	Tenant  string `json:"tenant"`
	Contact string `json:"contact"`
	Account string `json:"account"`
}

// CachePeek is what there is of a subject. Of a tenant it has Kinds, of others
// Copies.
type CachePeek struct {
	Copies []RecordCopies `json:"copies"`
	Kinds  []KindSize     `json:"kinds"`
}

// RecordCopies are the copies of one record; nil: there is none.
type RecordCopies struct {
	Kind   string      `json:"kind"`
	Memory *RecordCopy `json:"memory"`
	Redis  *RecordCopy `json:"redis"`
}

// RecordCopy says how good a copy is, and nothing of what is in it.
type RecordCopy struct {
	State       string    `json:"state"`
	StoredAt    time.Time `json:"storedAt"`
	AgeSeconds  int       `json:"ageSeconds"`
	KeptSeconds int       `json:"keptSeconds"` // how much longer it can be used
	Bytes       int       `json:"bytes"`
}

// KindSize is how much of one kind there is in memory.
type KindSize struct {
	Kind    string `json:"kind"`
	Records int    `json:"records"`
	Bytes   int    `json:"bytes"`
}

// Purged is what a purge came to.
type Purged struct {
	Records    int  `json:"records"`    // that were found
	Everywhere bool `json:"everywhere"` // Redis and the other replicas were told
}

// maxID bounds the ids that are asked for, in bytes.
const maxID = 256

// check says which field is wrong.
func (b Subject) check() error {
	switch {
	case b.Tenant == "" || len(b.Tenant) > maxID:
		return fieldError("tenant")
	case len(b.Contact) > maxID:
		return fieldError("contact")
	case len(b.Account) > maxID || b.Account != "" && b.Contact != "":
		return fieldError("account")
	}
	return nil
}

func (s *Server) cache(w http.ResponseWriter, _ *http.Request) {
	send(w, http.StatusOK, s.cfg.Cache.Report())
}

// peek says which copies there are. It shows an id's existence, so it takes a key.
func (s *Server) peek(w http.ResponseWriter, r *http.Request, _ string, body Subject) {
	err := body.check()
	var found CachePeek
	if err == nil {
		found, err = s.cfg.Cache.Peek(r.Context(), body)
	}
	if err != nil {
		refuseOrder(w, err)
		return
	}
	send(w, http.StatusOK, found)
}

// purgeOrder is the body of a purge.
type purgeOrder struct {
	Subject
	Reason string `json:"reason"`
}

// purge removes copies. Of a contact the log has only that there was one.
func (s *Server) purge(w http.ResponseWriter, r *http.Request, actor string, body purgeOrder) {
	err := body.check()
	o, wrong := orderOf(actor, body.Reason, "", true)
	if err == nil {
		err = wrong
	}
	var done Purged
	if err == nil {
		done, err = s.cfg.Cache.Purge(r.Context(), body.Subject)
		s.audit(r.Context(), "purge", o, slog.String("tenant", body.Tenant), slog.String("of", body.kind()),
			slog.Int("records", done.Records), slog.Bool("done", err == nil))
	}
	if err != nil {
		refuseOrder(w, err)
		return
	}
	send(w, http.StatusOK, done)
}

// kind names what the subject is.
func (b Subject) kind() string {
	switch {
	case b.Contact != "":
		return "contact"
	case b.Account != "":
		return "account"
	}
	return "tenant"
}
