package ops

import (
	"net/http"
	"time"
)

// Tenant is what one tenant asks for and gets.
type Tenant struct {
	ID       string                       `json:"id"`
	Name     string                       `json:"name"`
	Requests TenantRequests               `json:"requests"`
	Sources  []TenantSource               `json:"sources"`
	Quotas   []TenantQuota                `json:"quotas"`
	Parts    map[string]map[string]uint64 `json:"parts"` // part -> state -> how many since the start
}

// TenantRequests count what was answered since the start.
type TenantRequests struct {
	Total     uint64  `json:"total"`
	Limited   uint64  `json:"limited"` // with 429
	Failed    uint64  `json:"failed"`  // with 5xx
	PerSecond float64 `json:"perSecond"`
	InFlight  int     `json:"inFlight"`
}

// TenantSource is the tenant's access to an upstream.
type TenantSource struct {
	Role              string  `json:"role"`
	Upstream          string  `json:"upstream"`
	GateClosedSeconds float64 `json:"gateClosedSeconds"` // 0: its quota is not used up
	CacheOnly         bool    `json:"cacheOnly"`
}

// TenantQuota is a rate limit as it was when somebody last asked for something.
type TenantQuota struct {
	Scope string    `json:"scope"`
	Key   *string   `json:"key"` // nil: the tenant's
	Burst int       `json:"burst"`
	Left  int       `json:"left"`
	At    time.Time `json:"at"`
}

// tenants answers what all tenants ask for and get.
func (s *Server) tenants(w http.ResponseWriter, _ *http.Request) {
	all := s.cfg.Tenants()
	if all == nil {
		all = []Tenant{}
	}
	send(w, http.StatusOK, map[string][]Tenant{"tenants": all})
}
