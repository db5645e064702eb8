// Package sandbox is a programmable fake of everything that the gateway
// stands in front of: an Autocalls-compatible conversation store, a native
// store, and a CRM of the kind "rest". It keeps its records in memory, needs
// no set-up, and makes the same records from the same seed and clock.
//
// It speaks the wire formats alone and shares no code with the connectors, so
// that it checks them independently. Each [Service] has dials that make it
// slow, wrong or gone, and counts what it was asked. The demo, the tests, the
// benchmarks and the fault runs all use it.
package sandbox

import (
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Config describes a [Sandbox]. The zero value is useful.
type Config struct {
	Seed          uint64           // of all that is random; 0 is a seed like any other
	Conversations int              // generated for each tenant beside the fixed ones; 0: 300, negative: none
	MoreTenants   int              // of the native store, beside the fixed ones, without records; 0: none
	Now           func() time.Time // generated times end here; nil: time.Now
	Timezone      *time.Location   // of the times without a zone in the Autocalls store; nil: UTC
	PageNumbers   bool             // the Autocalls list speaks its older, page-numbered form
	Logger        *slog.Logger     // nil: silent
}

// Sandbox is the three fakes and their records. Its methods may be called
// concurrently, also while it serves.
type Sandbox struct {
	tenants                []Tenant
	autocalls, native, crm *Service

	autocallsRecords, nativeRecords *archive
	crmRecords                      *registry

	done chan struct{}
	once sync.Once
}

// New makes a sandbox with its records.
func New(cfg Config) *Sandbox {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Timezone == nil {
		cfg.Timezone = time.UTC
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case cfg.Conversations == 0:
		cfg.Conversations = 300
	case cfg.Conversations < 0:
		cfg.Conversations = 0
	}
	all := tenants(cfg.MoreTenants)
	s := &Sandbox{
		tenants:          all,
		autocallsRecords: newArchive(cfg, 1),
		nativeRecords:    newArchive(cfg, 2),
		crmRecords:       newRegistry(all),
		done:             make(chan struct{}),
	}
	s.fill(cfg)
	s.autocalls = s.service(cfg, autocallsSpec(s.autocallsRecords, all, cfg))
	s.native = s.service(cfg, nativeSpec(s.nativeRecords, all))
	s.crm = s.service(cfg, crmSpec(s.crmRecords, all))
	return s
}

// Autocalls is the Autocalls-compatible store.
func (s *Sandbox) Autocalls() *Service { return s.autocalls }

// Native is the store whose conversations carry the CRM's ids.
func (s *Sandbox) Native() *Service { return s.native }

// CRM is where the contacts and accounts of all tenants live.
func (s *Sandbox) CRM() *Service { return s.crm }

// Close ends every wait, so that a server can shut down. A later call that
// would have to wait is cut off.
func (s *Sandbox) Close() { s.once.Do(func() { close(s.done) }) }

// Handler serves the services under /autocalls, /native and /crm, and beside
// them /dials and /calls.
func (s *Sandbox) Handler() http.Handler {
	control := s.control()
	// Not a ServeMux: it would redirect an unclean path before the service
	// could note that somebody sent it.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, svc := range s.services() {
			if strings.HasPrefix(r.URL.Path, "/"+svc.name+"/") {
				http.StripPrefix("/"+svc.name, svc).ServeHTTP(w, r)
				return
			}
		}
		control.ServeHTTP(w, r)
	})
}

func (s *Sandbox) services() []*Service { return []*Service{s.autocalls, s.native, s.crm} }
