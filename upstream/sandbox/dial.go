package sandbox

import (
	"fmt"
	"net/http"
	"slices"
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
)

// maxLatency keeps a slip of the hand from looking like a hang.
const maxLatency = 10 * time.Minute

// Dial is what is wrong with a service, or with one operation of it.
// The zero value is: nothing.
type Dial struct {
	Latency    time.Duration `json:"-"`                    // waited before any answer
	ErrorRate  float64       `json:"errorRate,omitempty"`  // share of the calls, 0-1, that get Status
	Status     int           `json:"status,omitempty"`     // 200-599; 0 with an ErrorRate: 500
	RetryAfter string        `json:"retryAfter,omitempty"` // that header of the errors, sent as it is
	Deny       int           `json:"deny,omitempty"`       // 401 or 403: the answer to every call
	Hang       bool          `json:"hang,omitempty"`       // no answer, until the caller goes away
	Refuse     bool          `json:"refuse,omitempty"`     // the connection is closed without an answer
	Body       Body          `json:"body,omitempty"`       // spoils the body of every answer
	Tenant     string        `json:"tenant,omitempty"`     // id of the only tenant that meets the dial; "": all
}

// dialError refuses a dial and names the field.
type dialError struct{ field, text string }

func (e *dialError) Error() string { return fmt.Sprintf("sandbox: dial: %s %s", e.field, e.text) }

func (d Dial) validate() error {
	bodies := []Body{"", BodyHTML, BodyTruncated, BodyReset, BodyHuge, BodyGzipBomb, BodyWrongRecord, BodyEmpty, BodyDrip}
	switch {
	case d.Latency < 0 || d.Latency > maxLatency:
		return &dialError{"latencyMs", "is not within ten minutes"}
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
	case !slices.Contains(bodies, d.Body):
		return &dialError{"body", "is unknown"}
	}
	return nil
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
	s.mu.Lock()
	defer s.mu.Unlock()
	at := place{op, d.Tenant}
	if d == (Dial{Tenant: d.Tenant}) {
		delete(s.dials, at)
	} else {
		s.dials[at] = d
	}
	s.log.Info("dial set", "service", s.name, "op", op, "dial", fmt.Sprintf("%+v", d))
	return nil
}

// Reset takes all dials off.
func (s *Service) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.dials)
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
