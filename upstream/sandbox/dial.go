package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Body names something that is wrong with the body of an answer.
type Body string

// The wrong bodies.
const (
	BodyHTML        Body = "html"         // a page, as captive portals and proxies send it
	BodyTruncated   Body = "truncated"    // half of the JSON, in a complete answer
	BodyReset       Body = "reset"        // half of the JSON, then the connection is cut
	BodyHuge        Body = "huge"         // 200 MB of JSON
	BodyGzipBomb    Body = "gzip_bomb"    // the same in about 200 kB of gzip
	BodyWrongRecord Body = "wrong_record" // good JSON about another record; a list that ignores its filters
	BodyEmpty       Body = "empty"        // nothing
	BodyDrip        Body = "drip"         // the right bytes, ten a second

	BodyOtherTenant   Body = "other_tenant"   // the record that was asked for, as another tenant's; Autocalls' say nothing of tenants
	BodyDuplicateKeys Body = "duplicate_keys" // an id that comes before the real one, and one in capitals behind it
	BodyDeep          Body = "deep"           // JSON that is nested 10,000 levels deep
)

// maxLatency keeps a slip of the hand from looking like a hang.
const maxLatency = 10 * time.Minute

// Dial is what is wrong with a service, or with one operation of it.
// The zero value is: nothing.
type Dial struct {
	Rate       float64       `json:"rate,omitempty"`       // share of the calls, 0-1, that meet the dial at all; 0: all
	Latency    time.Duration `json:"-"`                    // waited before any answer
	Jitter     time.Duration `json:"-"`                    // up to so much is waited beside Latency, evenly spread
	ErrorRate  float64       `json:"errorRate,omitempty"`  // share of the calls, 0-1, that get Status
	Status     int           `json:"status,omitempty"`     // 200-599; 0 with an ErrorRate: 500
	RetryAfter string        `json:"retryAfter,omitempty"` // that header of the errors, sent as it is
	RetryDate  bool          `json:"retryDate,omitempty"`  // RetryAfter is seconds, and is sent as the date that they lead to
	Location   string        `json:"location,omitempty"`   // that header of a Status of 300-399; "": a host that is not there
	Deny       int           `json:"deny,omitempty"`       // 401 or 403: the answer to every call
	Hang       bool          `json:"hang,omitempty"`       // no answer, until the caller goes away
	Refuse     bool          `json:"refuse,omitempty"`     // the connection is closed without an answer
	RST        bool          `json:"rst,omitempty"`        // Refuse and BodyReset cut the connection by a TCP reset
	Down       bool          `json:"down,omitempty"`       // nothing listens at the service's own address, see Listen; elsewhere it is Refuse
	Body       Body          `json:"body,omitempty"`       // spoils the body of every answer
	Tenant     string        `json:"tenant,omitempty"`     // id of the only tenant that meets the dial; "": all
}

// dialError refuses a dial and names the field.
type dialError struct{ field, text string }

func (e *dialError) Error() string { return fmt.Sprintf("sandbox: dial: %s %s", e.field, e.text) }

func (d Dial) validate() error {
	switch {
	case !(d.Rate >= 0 && d.Rate <= 1): // also NaN
		return &dialError{"rate", "is not within 0 and 1"}
	case d.Latency < 0 || d.Latency > maxLatency:
		return &dialError{"latencyMs", "is not within ten minutes"}
	case d.Jitter < 0 || d.Jitter > maxLatency:
		return &dialError{"jitterMs", "is not within ten minutes"}
	case !(d.ErrorRate >= 0 && d.ErrorRate <= 1): // also NaN
		return &dialError{"errorRate", "is not within 0 and 1"}
	case d.Status != 0 && (d.Status < 200 || d.Status > 599):
		return &dialError{"status", "is not within 200 and 599"}
	case d.Status != 0 && d.ErrorRate == 0:
		return &dialError{"status", "needs an errorRate"}
	case d.RetryAfter != "" && d.ErrorRate == 0 && d.Deny == 0:
		return &dialError{"retryAfter", "needs an errorRate"}
	case d.Deny != 0 && d.Deny != http.StatusUnauthorized && d.Deny != http.StatusForbidden:
		return &dialError{"deny", "is not 401 or 403"}
	case !slices.Contains(bodies(), d.Body):
		return &dialError{"body", "is unknown"}
	case d.Location != "" && (d.Status < 300 || d.Status > 399):
		return &dialError{"location", "needs a status of 300 to 399"}
	case d.RST && !d.Refuse && d.Body != BodyReset:
		return &dialError{"rst", "needs refuse, or the body reset"}
	case d.Down && (d.Rate > 0 || d.Tenant != ""):
		return &dialError{"down", "is for all calls"}
	}
	if _, ok := seconds(d.RetryAfter); d.RetryDate && !ok {
		return &dialError{"retryDate", "needs a retryAfter in seconds"}
	}
	return nil
}

func bodies() []Body {
	return []Body{
		"", BodyHTML, BodyTruncated, BodyReset, BodyHuge, BodyGzipBomb, BodyWrongRecord, BodyEmpty, BodyDrip,
		BodyOtherTenant, BodyDuplicateKeys, BodyDeep,
	}
}

// seconds reads a Retry-After of at most a year.
func seconds(s string) (time.Duration, bool) {
	n, err := strconv.Atoi(s)
	return time.Duration(n) * time.Second, err == nil && n >= 0 && n <= 365*24*3600
}

// place is what a dial is set on.
type place struct{ op, tenant string }

// Set turns the dial of one operation, or of all with op "". The zero Dial
// takes it off. A dial for the operation hides one for all operations, and a
// dial for the tenant one for all tenants.
func (s *Service) Set(op string, d Dial) error {
	if err := d.validate(); err != nil {
		return err
	}
	if op != "" && !slices.Contains(s.ops, op) {
		return &dialError{"op", "is unknown"}
	}
	if d.Tenant != "" && !s.knows(d.Tenant) {
		return &dialError{"tenant", "is unknown"}
	}
	if d.Down && op != "" {
		return &dialError{"down", "is for all operations"}
	}
	s.mu.Lock()
	at := place{op, d.Tenant}
	if d == (Dial{Tenant: d.Tenant}) {
		delete(s.dials, at)
	} else {
		s.dials[at] = d
	}
	s.mu.Unlock()
	s.log.Info("dial set", "service", s.name, "op", op, "dial", fmt.Sprintf("%+v", d))
	return s.followDown()
}

// Reset takes all dials off.
func (s *Service) Reset() {
	s.mu.Lock()
	clear(s.dials)
	s.mu.Unlock()
	if err := s.followDown(); err != nil {
		s.log.Error("the service stays down", "service", s.name, "error", err)
	}
}

// followDown opens or shuts the service's own address.
func (s *Service) followDown() error {
	s.mu.Lock()
	down := s.dials[place{}].Down
	s.mu.Unlock()
	if d := s.door.Load(); d != nil {
		return d.follow(down)
	}
	return nil
}

func (s *Service) knows(tenant string) bool {
	for _, t := range s.tokens {
		if t == tenant {
			return true
		}
	}
	return false
}

// dial finds what a call meets. s.mu is held.
func (s *Service) dial(op, tenant string) Dial {
	for _, at := range []place{{op, tenant}, {op, ""}, {"", tenant}, {"", ""}} {
		if d, ok := s.dials[at]; ok {
			return d
		}
	}
	return Dial{}
}
