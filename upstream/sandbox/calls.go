package sandbox

import (
	"net/http"
	"slices"
	"strings"
)

// A service remembers so many request URIs, and counts the calls for so many
// different records.
const (
	keptRequests = 1000
	keptKeys     = 200_000
)

// asked is an operation and what it was asked for.
type asked struct{ op, key string }

// askedFor is what a request asks for: the id in its path, each value that a
// list of the CRM looks up, or the query of any other list.
func askedFor(r *http.Request) []string {
	if id := r.PathValue("id"); id != "" {
		return []string{id}
	}
	query := r.URL.Query()
	for _, name := range []string{"ids", "phone", "email", "externalRef"} {
		if query.Has(name) {
			return strings.Split(query.Get(name), ",")
		}
	}
	return []string{r.URL.RawQuery}
}

// count counts a call for each of its keys. s.mu is held.
func (s *Service) count(op string, keys []string) {
	for _, key := range keys {
		at := asked{op, key}
		if _, known := s.keys[at]; known || len(s.keys) < keptKeys {
			s.keys[at]++
		}
	}
}

// CallsFor is how many calls of an operation asked for a key: an id, a value
// that was looked up, alone or among others, or the query string of a list.
func (s *Service) CallsFor(op, key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys[asked{op, key}]
}

// callsByKey is operation -> key -> calls.
func (s *Service) callsByKey() map[string]map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	byOp := map[string]map[string]int{}
	for at, n := range s.keys {
		if byOp[at.op] == nil {
			byOp[at.op] = map[string]int{}
		}
		byOp[at.op][at.key] = n
	}
	return byOp
}

// note remembers a request.
func (s *Service) note(uri string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.requests = append(s.requests, uri); len(s.requests) >= 2*keptRequests {
		s.requests = slices.Clone(s.requests[len(s.requests)-keptRequests:])
	}
}

// Calls is how many calls of an operation came in, of all with "". Calls that
// were refused, hung or failed count too.
func (s *Service) Calls(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if op != "" {
		return s.calls[op]
	}
	n := 0
	for _, c := range s.calls {
		n += c
	}
	return n
}

// ResetCalls sets the counters to nothing, and forgets the requests.
func (s *Service) ResetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.calls)
	clear(s.keys)
	s.requests = nil
}

// Requests are the last 1000 request URIs as they came over the wire, oldest
// first, those that no endpoint answers included.
func (s *Service) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests[max(0, len(s.requests)-keptRequests):])
}
