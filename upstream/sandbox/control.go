package sandbox

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxControlBody is in bytes.
const maxControlBody = 64 << 10

// setDial is a dial as /dials speaks of it.
type setDial struct {
	Service   string `json:"service"`
	Op        string `json:"op"`
	LatencyMs int64  `json:"latencyMs,omitempty"`
	JitterMs  int64  `json:"jitterMs,omitempty"`
	Dial
}

// control serves /dials and /calls.
func (s *Sandbox) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dials", func(w http.ResponseWriter, r *http.Request) { s.showDials(w) })
	mux.HandleFunc("POST /dials", s.turnDial)
	mux.HandleFunc("DELETE /dials", func(w http.ResponseWriter, r *http.Request) {
		for _, svc := range s.services() {
			svc.Reset()
		}
		s.showDials(w)
	})
	mux.HandleFunc("GET /calls", func(w http.ResponseWriter, r *http.Request) { s.showCalls(w, r.URL.Query().Has("keys")) })
	mux.HandleFunc("DELETE /calls", func(w http.ResponseWriter, r *http.Request) {
		for _, svc := range s.services() {
			svc.ResetCalls()
		}
		s.showCalls(w, false)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		respond(w, http.StatusNotFound, map[string]string{"error": "Not found"})
	})
	return mux
}

// showDials lists the dials that are set, and what there is to set.
func (s *Sandbox) showDials(w http.ResponseWriter) {
	services, dials := map[string][]string{}, []setDial{}
	for _, svc := range s.services() {
		services[svc.name] = svc.ops
		dials = append(dials, svc.setDials()...)
	}
	respond(w, http.StatusOK, map[string]any{"services": services, "dials": dials})
}

func (s *Service) setDials() []setDial {
	s.mu.Lock()
	defer s.mu.Unlock()
	dials := []setDial{}
	for at, d := range s.dials {
		dials = append(dials, setDial{s.name, at.op, d.Latency.Milliseconds(), d.Jitter.Milliseconds(), d})
	}
	slices.SortFunc(dials, func(a, b setDial) int {
		return cmp.Or(cmp.Compare(a.Op, b.Op), cmp.Compare(a.Tenant, b.Tenant))
	})
	return dials
}

func (s *Sandbox) turnDial(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxControlBody))
	if err != nil {
		refuseDial(w, &dialError{"body", "cannot be read"})
		return
	}
	if err := s.apply(body); err != nil {
		refuseDial(w, err)
		return
	}
	s.showDials(w)
}

func (s *Sandbox) apply(body []byte) error {
	d, err := parseDial(body)
	if err != nil {
		return err
	}
	for _, svc := range s.services() {
		if svc.name == d.Service {
			return svc.Set(d.Op, d.Dial)
		}
	}
	return &dialError{"service", "is unknown"}
}

// parseDial reads the body of a POST. Names are exact, and none is unknown.
func parseDial(body []byte) (setDial, error) {
	var (
		d     setDial
		given map[string]json.RawMessage
	)
	if err := json.Unmarshal(body, &given); err != nil {
		return d, &dialError{"body", "is not a JSON object"}
	}
	known := []string{
		"service", "op", "tenant", "rate", "latencyMs", "jitterMs", "errorRate", "status", "retryAfter", "retryDate", "location",
		"deny", "hang", "refuse", "rst", "down", "body",
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(known, name) {
			return d, &dialError{name, "is unknown"}
		}
	}
	if err := json.Unmarshal(body, &d); err != nil {
		if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return d, &dialError{e.Field[strings.LastIndexByte(e.Field, '.')+1:], "is of the wrong type"}
		}
		return d, &dialError{"body", "is not a dial"}
	}
	for name, ms := range map[string]int64{"latencyMs": d.LatencyMs, "jitterMs": d.JitterMs} {
		if ms < 0 || ms > maxLatency.Milliseconds() {
			return d, &dialError{name, "is not within ten minutes"} // before it overflows
		}
	}
	d.Latency, d.Jitter = time.Duration(d.LatencyMs)*time.Millisecond, time.Duration(d.JitterMs)*time.Millisecond
	return d, nil
}

func refuseDial(w http.ResponseWriter, err error) {
	refusal := map[string]string{"error": err.Error()}
	if e, ok := errors.AsType[*dialError](err); ok {
		refusal["field"] = e.field
	}
	respond(w, http.StatusBadRequest, refusal)
}

// showCalls lists the calls by operation, and with keys by what was asked for.
func (s *Sandbox) showCalls(w http.ResponseWriter, keys bool) {
	calls := map[string]map[string]int{}
	byKey := map[string]map[string]map[string]int{}
	for _, svc := range s.services() {
		calls[svc.name] = map[string]int{}
		for _, op := range svc.ops {
			calls[svc.name][op] = svc.Calls(op)
		}
		byKey[svc.name] = svc.callsByKey()
	}
	shown := map[string]any{"calls": calls}
	if keys {
		shown["keys"] = byKey
	}
	respond(w, http.StatusOK, shown)
}

func respond(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(encode(body)) // the caller may be gone
}
