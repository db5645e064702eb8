package ops

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/weft-gateway/weft/upstream/breaker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is what a test says of the breakers.
type fake []breaker.Snapshot

func (f fake) Snapshots() []breaker.Snapshot { return f }

func inState(name, upstream string, s breaker.State) breaker.Snapshot {
	return breaker.Snapshot{Name: name, Upstream: upstream, Operation: "contacts", State: s, Since: time.Date(2026, 3, 25, 11, 42, 0, 0, time.UTC)}
}

func newServer(t *testing.T, b Breakers, draining bool) *Server {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(BreakerCollector(b))
	s, err := New(Config{Breakers: b, Gatherer: r, Hosts: testHosts, Draining: func() bool { return draining }, Version: "v0.0.0-test"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// testHosts is what httptest names.
func testHosts() []string { return []string{"example.com"} }

func ask(s http.Handler, method, path string) *http.Response {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w.Result()
}

func bodyOf(t *testing.T, r *http.Response) string {
	t.Helper()
	b := new(strings.Builder)
	if err := r.Write(b); err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(b.String(), "\r\n\r\n")
	return body
}

func TestProbes(t *testing.T) {
	closed := inState("rest-contacts", "rest", breaker.Closed)
	tests := []struct {
		name     string
		breakers fake
		draining bool
		path     string
		status   int
		body     string
	}{
		{"alive", nil, false, "/livez", 200, `{"status":"ok"}`},
		{"alive while draining", nil, true, "/livez", 200, `{"status":"ok"}`},
		{"no breakers", nil, false, "/readyz", 200, `{"status":"ready"}`},
		{"all closed", fake{closed}, false, "/readyz", 200, `{"status":"ready"}`},
		{"one open", fake{closed, inState("x", "rest", breaker.Open)}, false, "/readyz", 200, `{"status":"degraded"}`},
		{"half open", fake{inState("x", "rest", breaker.HalfOpen)}, false, "/readyz", 200, `{"status":"degraded"}`},
		{"forced open", fake{inState("x", "rest", breaker.ForcedOpen)}, false, "/readyz", 200, `{"status":"degraded"}`},
		{"forced closed", fake{inState("x", "rest", breaker.ForcedClosed)}, false, "/readyz", 200, `{"status":"ready"}`},
		{"draining", fake{inState("x", "rest", breaker.Open)}, true, "/readyz", 503, `{"status":"draining"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, tt.breakers, tt.draining)
			r := ask(s, "GET", tt.path)
			if got := bodyOf(t, r); r.StatusCode != tt.status || got != tt.body {
				t.Errorf("%d %s, want %d %s", r.StatusCode, got, tt.status, tt.body)
			}
			if head := ask(s, "HEAD", tt.path); head.StatusCode != tt.status {
				t.Errorf("HEAD: %d, want %d", head.StatusCode, tt.status)
			}
		})
	}
}

func TestReadyNames(t *testing.T) {
	ready, degraded := newServer(t, fake{inState("a", "x", breaker.Open), inState("b", "x", breaker.Closed), inState("c", "x", breaker.HalfOpen)}, false).Ready()
	if diff := cmp.Diff([]string{"a", "c"}, degraded); !ready || diff != "" {
		t.Errorf("ready %v, degraded (-want +got):\n%s", ready, diff)
	}
}

func TestHealth(t *testing.T) {
	since := `"since":"2026-03-25T11:42:00Z"`
	tests := []struct {
		name     string
		breakers fake
		draining bool
		status   int
		want     string
	}{
		{"nothing behind", nil, false, 200, `{"status":"pass","version":"v0.0.0-test","uptimeSeconds":90,"draining":false,"redis":"off","dependencies":[]}`},
		{"all well", fake{inState("redis", "redis", breaker.Closed)}, false, 200,
			`{"status":"pass","version":"v0.0.0-test","uptimeSeconds":90,"draining":false,"redis":"pass","dependencies":[{"name":"redis","upstream":"redis","operation":"contacts","status":"pass","state":"closed",` + since + `,"reason":""}]}`},
		{"redis in trouble", fake{inState("redis", "redis", breaker.Open), inState("redis-writes", "redis", breaker.Closed)}, false, 200,
			`{"status":"warn","version":"v0.0.0-test","uptimeSeconds":90,"draining":false,"redis":"warn","dependencies":[{"name":"redis","upstream":"redis","operation":"contacts","status":"warn","state":"open",` + since + `,"reason":""},{"name":"redis-writes","upstream":"redis","operation":"contacts","status":"pass","state":"closed",` + since + `,"reason":""}]}`},
		{"draining", nil, true, 503, `{"status":"fail","version":"v0.0.0-test","uptimeSeconds":90,"draining":true,"redis":"off","dependencies":[]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t, tt.breakers, tt.draining)
				time.Sleep(90 * time.Second) // virtual
				r := ask(s, "GET", "/healthz")
				if diff := cmp.Diff(tt.want, bodyOf(t, r)); r.StatusCode != tt.status || diff != "" {
					t.Errorf("%d (-want +got):\n%s", r.StatusCode, diff)
				}
			})
		})
	}
}

// TestBreakers uses a real breaker, so that what is shown is what there is.
func TestBreakers(t *testing.T) {
	b, err := breaker.New(breaker.Config{
		Name: "rest-contacts", Upstream: "rest", Operation: "contacts", Deadline: time.Second,
		Classify: func(err error) breaker.Outcome {
			if err != nil {
				return breaker.Failure
			}
			return breaker.Success
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	set := breaker.NewSet()
	if err := set.Add(b); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, set, false)
	var refused int
	for range 7 {
		if _, ok := errors.AsType[*breaker.OpenError](b.Do(t.Context(), down)); ok {
			refused++
		}
	}
	var got struct {
		Breakers []map[string]any `json:"breakers"`
	}
	if err := json.Unmarshal([]byte(bodyOf(t, ask(s, "GET", "/breakers"))), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Breakers) != 1 || refused != 2 {
		t.Fatalf("%d breakers, %d refusals", len(got.Breakers), refused)
	}
	for field, want := range map[string]any{"name": "rest-contacts", "upstream": "rest", "operation": "contacts", "state": "open", "rejected": 2.0, "inFlight": 0.0} {
		if got := got.Breakers[0][field]; got != want {
			t.Errorf("%s %v, want %v", field, got, want)
		}
	}
	for _, field := range []string{"since", "reason", "lastError", "nextProbeAt", "counts"} {
		if v := got.Breakers[0][field]; v == nil || v == "" {
			t.Errorf("%s is missing", field)
		}
	}
	body := bodyOf(t, ask(s, "GET", "/metrics"))
	for _, line := range []string{
		`weft_breaker_state{breaker="rest-contacts",state="open"} 1`,
		`weft_breaker_calls_total{breaker="rest-contacts",outcome="failure"} 5`,
		`weft_breaker_calls_total{breaker="rest-contacts",outcome="rejected"} 2`,
		`weft_breaker_openings_total{breaker="rest-contacts"} 1`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("/metrics lacks %s:\n%s", line, body)
		}
	}
}

func TestNoBreakers(t *testing.T) {
	if got := bodyOf(t, ask(newServer(t, fake(nil), false), "GET", "/breakers")); got != `{"breakers":[]}` {
		t.Errorf("got %s", got)
	}
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/", 404, `{"error":"There is nothing here","code":"not_found"}`},
		{"GET", "/breakers/", 404, `{"error":"There is nothing here","code":"not_found"}`},
		{"GET", "/livez/", 404, `{"error":"There is nothing here","code":"not_found"}`},
		{"GET", "/api/conversations", 404, `{"error":"There is nothing here","code":"not_found"}`},
		{"POST", "/breakers", 405, `{"error":"The method is not allowed here","code":"method_not_allowed"}`},
		{"DELETE", "/metrics", 405, `{"error":"The method is not allowed here","code":"method_not_allowed"}`},
		{"POST", "/debug/pprof/symbol", 405, `{"error":"The method is not allowed here","code":"method_not_allowed"}`},
	}
	for _, tt := range tests {
		r := ask(newServer(t, fake(nil), false), tt.method, tt.path)
		if got := bodyOf(t, r); r.StatusCode != tt.status || got != tt.body {
			t.Errorf("%s %s: %d %s, want %d %s", tt.method, tt.path, r.StatusCode, got, tt.status, tt.body)
		}
		if got := r.Header.Get("Allow"); (got == "GET, HEAD") != (tt.status == 405) {
			t.Errorf("%s %s: Allow %q", tt.method, tt.path, got)
		}
	}
}

func TestProfiles(t *testing.T) {
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/goroutine?debug=1", "/debug/pprof/cmdline", "/debug/pprof/heap", "/debug/pprof/symbol"} {
		if r := ask(newServer(t, fake(nil), false), "GET", path); r.StatusCode != 200 {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
	if r := ask(newServer(t, fake(nil), false), "GET", "/debug/pprof/nosuch"); r.StatusCode != 404 {
		t.Errorf("an unknown profile: %d", r.StatusCode)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no breakers": {Gatherer: prometheus.NewRegistry()},
		"no gatherer": {Breakers: fake(nil)},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
