package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Service is one of the fakes, an [http.Handler] with dials and counters.
type Service struct {
	spec
	mux  *http.ServeMux
	log  *slog.Logger
	done <-chan struct{}
	bomb func() []byte
	door atomic.Pointer[Door] // where it is served alone; nil: nowhere

	mu       sync.Mutex
	rng      *rand.Rand     // rolls the error rates
	dials    map[place]Dial // what is set
	calls    map[string]int // operation -> calls
	keys     map[asked]int  // what was asked for -> calls
	requests []string       // oldest first
}

// spec is what makes a service the one it is.
type spec struct {
	name   string
	ops    []string
	tokens map[string]string                       // bearer token -> tenant
	fault  func(status int, retryAfter string) any // the vendor's body of an error
	routes []route
}

// route is one endpoint.
type route struct {
	pattern string
	op      func(*http.Request) string
	open    bool // answers without a token
	serve   func(call) answer
}

// call is a request that got through the dials.
type call struct {
	*http.Request
	tenant string // whose token it has; "" without one
	wrong  bool   // asks for another record than it says
}

type answer struct {
	status int
	body   any
}

func ok(body any) answer { return answer{http.StatusOK, body} }

func always(op string) func(*http.Request) string {
	return func(*http.Request) string { return op }
}

func (s *Sandbox) service(cfg Config, sp spec) *Service {
	svc := &Service{
		spec:  sp,
		mux:   http.NewServeMux(),
		log:   cfg.Logger,
		done:  s.done,
		bomb:  sync.OnceValue(gzipBomb),
		rng:   rand.New(rand.NewPCG(cfg.Seed, 0)),
		dials: map[place]Dial{},
		calls: map[string]int{},
		keys:  map[asked]int{},
	}
	for _, rt := range sp.routes {
		svc.mux.HandleFunc(rt.pattern, func(w http.ResponseWriter, r *http.Request) { svc.serve(w, r, rt) })
	}
	svc.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		svc.write(w, r, Dial{}, answer{http.StatusNotFound, svc.fault(http.StatusNotFound, "")})
	})
	return svc
}

// ServeHTTP implements [http.Handler].
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.note(r.RequestURI)
	s.mux.ServeHTTP(w, r)
}

// serve takes a request through the dials to its endpoint.
//
// A refused or hanging call ends in a closed connection. Go's own client
// repeats a GET by itself when that befalls a connection it had used before,
// so such a call may be counted twice.
func (s *Service) serve(w http.ResponseWriter, r *http.Request, rt route) {
	tenant := s.caller(r)
	d, fails := s.begin(rt.op(r), tenant, askedFor(r))
	if d.Refuse || d.Down || !s.pause(r.Context(), d) {
		cut(w, d.RST)
		return
	}
	var a answer
	switch {
	case d.Deny != 0:
		a = s.fail(w, d, d.Deny)
	case fails && d.Status != 0:
		a = s.fail(w, d, d.Status)
	case fails:
		a = s.fail(w, d, http.StatusInternalServerError)
	case tenant == "" && !rt.open:
		a = answer{http.StatusUnauthorized, s.fault(http.StatusUnauthorized, "")}
	default:
		a = rt.serve(call{r, tenant, d.Body == BodyWrongRecord})
	}
	s.write(w, r, d, a)
}

// caller is the tenant whose token a request has; "" when it has none that is good.
func (s *Service) caller(r *http.Request) string {
	token, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !isBearer {
		return ""
	}
	return s.tokens[token]
}

// begin counts a call and finds its dial and its luck.
func (s *Service) begin(op, tenant string, keys []string) (d Dial, fails bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[op]++
	s.count(op, keys)
	d = s.dial(op, tenant)
	if d.Rate > 0 && s.rng.Float64() >= d.Rate {
		return Dial{}, false
	}
	if d.Jitter > 0 {
		d.Latency += time.Duration(s.rng.Int64N(int64(d.Jitter)))
	}
	return d, d.ErrorRate > 0 && s.rng.Float64() < d.ErrorRate
}

// pause waits as the dial says, and reports whether to answer after that.
func (s *Service) pause(ctx context.Context, d Dial) bool {
	var elapsed <-chan time.Time // nil: never
	if !d.Hang {
		if d.Latency == 0 {
			return true
		}
		t := time.NewTimer(d.Latency)
		defer t.Stop()
		elapsed = t.C
	}
	select {
	case <-elapsed:
		return true
	case <-ctx.Done():
	case <-s.done:
	}
	return false
}

func (s *Service) fail(w http.ResponseWriter, d Dial, status int) answer {
	if d.RetryAfter != "" {
		w.Header().Set("Retry-After", d.RetryAfter)
	}
	if d.RetryDate {
		after, _ := seconds(d.RetryAfter) // it was checked when the dial was set
		w.Header().Set("Retry-After", time.Now().Add(after).UTC().Format(http.TimeFormat))
	}
	if status >= 300 && status < 400 {
		w.Header().Set("Location", cmp.Or(d.Location, "http://elsewhere.invalid/"))
	}
	return answer{status, s.fault(status, d.RetryAfter)}
}

// encode makes JSON without the escapes for HTML, as the vendors do.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // a record of ours that is not JSON
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
