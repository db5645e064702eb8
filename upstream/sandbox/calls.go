package sandbox

import "slices"

// keptRequests is how many request URIs a service remembers.
const keptRequests = 1000

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
	s.requests = nil
}

// Requests are the last 1000 request URIs as they came over the wire, oldest
// first, those that no endpoint answers included.
func (s *Service) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests[max(0, len(s.requests)-keptRequests):])
}
