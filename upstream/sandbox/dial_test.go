package sandbox

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

func set(t testing.TB, svc *Service, op string, d Dial) {
	t.Helper()
	if err := svc.Set(op, d); err != nil {
		t.Fatal(err)
	}
}

func TestDialErrors(t *testing.T) {
	const anyOp = ""
	for _, tt := range []struct {
		name   string
		svc    func(*Sandbox) *Service
		target string
		dial   Dial
		want   int
		body   string
		after  string // the Retry-After header
	}{
		{"500", (*Sandbox).Autocalls, listPath, Dial{ErrorRate: 1}, 500, `{"message":"Server Error"}`, ""},
		{"503", (*Sandbox).Autocalls, listPath, Dial{ErrorRate: 1, Status: 503, RetryAfter: "2"}, 503, `{"message":"Service Unavailable"}`, "2"},
		{"429", (*Sandbox).Autocalls, listPath, Dial{ErrorRate: 1, Status: 429}, 429, `{"message":"Too Many Attempts.","retry_after":60}`, ""},
		{"429 and after", (*Sandbox).Autocalls, listPath, Dial{ErrorRate: 1, Status: 429, RetryAfter: "7"}, 429, `{"message":"Too Many Attempts.","retry_after":7}`, "7"},
		{"after as it is", (*Sandbox).CRM, "/contacts/con-9001", Dial{ErrorRate: 1, Status: 429, RetryAfter: "-1e9"}, 429, `{"error":"Too Many Requests"}`, "-1e9"},
		{"error in the body", (*Sandbox).Autocalls, listPath, Dial{ErrorRate: 1, Status: 200}, 200, `{"status":false,"error":"Something went wrong"}`, ""},
		{"undocumented 404", (*Sandbox).Autocalls, listPath, Dial{ErrorRate: 1, Status: 404}, 404, `{"message":"Not Found"}`, ""},
		{"401", (*Sandbox).Autocalls, listPath, Dial{Deny: 401}, 401, `{"message":"Unauthenticated."}`, ""},
		{"403", (*Sandbox).Autocalls, listPath, Dial{Deny: 403}, 403, `{"message":"This action is unauthorized."}`, ""},
		{"403 of the CRM", (*Sandbox).CRM, "/contacts/con-9001", Dial{Deny: 403}, 403, `{"error":"Forbidden"}`, ""},
		{"500 of the CRM", (*Sandbox).CRM, "/accounts/acc-9001", Dial{ErrorRate: 1}, 500, `{"error":"Internal Server Error"}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, -1)
			svc := tt.svc(s)
			set(t, svc, anyOp, tt.dial)
			w := get(t, svc, token(t, svc, Acme), tt.target)
			if w.Code != tt.want || w.Header().Get("Retry-After") != tt.after {
				t.Errorf("status %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
			}
			diff(t, decode(t, w.Body.String()), decode(t, tt.body))
		})
	}
}

func TestDialRedirect(t *testing.T) {
	s := open(t, -1)
	set(t, s.CRM(), "", Dial{ErrorRate: 1, Status: 302})
	w := get(t, s.CRM(), token(t, s.crm, Acme), "/contacts/con-9001")
	if w.Code != 302 || w.Header().Get("Location") != "http://elsewhere.invalid/" {
		t.Errorf("status %d to %q", w.Code, w.Header().Get("Location"))
	}
}

func TestDialErrorRate(t *testing.T) {
	s := open(t, -1)
	set(t, s.CRM(), "contacts", Dial{ErrorRate: 0.3})
	failed := 0
	for range 1000 {
		if get(t, s.CRM(), token(t, s.crm, Acme), "/contacts/con-9001").Code == 500 {
			failed++
		}
	}
	if failed < 240 || failed > 360 { // the seed is fixed: this does not waver
		t.Errorf("%d of 1000 failed at a rate of 0.3", failed)
	}
}

func TestDialPrecedence(t *testing.T) {
	s := open(t, -1)
	crm := s.CRM()
	set(t, crm, "", Dial{ErrorRate: 1, Status: 501})
	set(t, crm, "contacts", Dial{ErrorRate: 1, Status: 502})
	set(t, crm, "contacts", Dial{ErrorRate: 1, Status: 503, Tenant: Acme})
	status := func(tenant, target string) int { return get(t, crm, token(t, crm, tenant), target).Code }
	for _, tt := range []struct {
		name, tenant, target string
		want                 int
	}{
		{"all", Acme, "/accounts/acc-9001", 501},
		{"find is no read", Acme, "/contacts?phone=1", 501},
		{"operation", Globex, "/contacts/x", 502},
		{"batch", Globex, "/contacts?ids=x", 502},
		{"tenant", Acme, "/contacts/x", 503},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := status(tt.tenant, tt.target); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
	set(t, crm, "contacts", Dial{Tenant: Acme})
	if got := status(Acme, "/contacts/con-9001"); got != 502 {
		t.Errorf("with its own dial off: %d, want 502", got)
	}
	crm.Reset()
	if got := status(Acme, "/contacts/con-9001"); got != 200 {
		t.Errorf("after the reset: %d, want 200", got)
	}
}

func TestDialRefused(t *testing.T) {
	s := open(t, -1)
	for _, tt := range []struct {
		name, op string
		dial     Dial
		field    string
	}{
		{"latency", "", Dial{Latency: -1}, "latencyMs"},
		{"long latency", "", Dial{Latency: time.Hour}, "latencyMs"},
		{"rate", "", Dial{ErrorRate: 1.1}, "errorRate"},
		{"rate that is none", "", Dial{ErrorRate: math.NaN()}, "errorRate"},
		{"status", "", Dial{ErrorRate: 1, Status: 99}, "status"},
		{"status without rate", "", Dial{Status: 500}, "status"},
		{"after without rate", "", Dial{RetryAfter: "1"}, "retryAfter"},
		{"deny", "", Dial{Deny: 404}, "deny"},
		{"body", "", Dial{Body: "xml"}, "body"},
		{"share", "", Dial{Rate: -0.1, Hang: true}, "rate"},
		{"share that is none", "", Dial{Rate: math.NaN()}, "rate"},
		{"jitter", "", Dial{Jitter: -1}, "jitterMs"},
		{"long jitter", "", Dial{Jitter: time.Hour}, "jitterMs"},
		{"way to nowhere", "", Dial{ErrorRate: 1, Status: 500, Location: "/"}, "location"},
		{"reset of nothing", "", Dial{RST: true}, "rst"},
		{"down for some calls", "", Dial{Down: true, Rate: 0.5}, "down"},
		{"down for a tenant", "", Dial{Down: true, Tenant: Acme}, "down"},
		{"down for an operation", "contacts", Dial{Down: true}, "down"},
		{"date of a date", "", Dial{ErrorRate: 1, RetryDate: true, RetryAfter: "tomorrow"}, "retryDate"},
		{"date of nothing", "", Dial{ErrorRate: 1, RetryDate: true}, "retryDate"},
		{"operation", "read", Dial{Hang: true}, "op"},
		{"tenant", "", Dial{Hang: true, Tenant: Initech}, "tenant"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, refused := errors.AsType[*dialError](s.CRM().Set(tt.op, tt.dial))
			if !refused || e.field != tt.field {
				t.Errorf("got %v, want one about %s", e, tt.field)
			}
		})
	}
	if got := s.CRM().setDials(); len(got) != 0 {
		t.Errorf("set in spite of it: %v", got)
	}
}

// answered calls a service as a server would: whether it answered, and when.
func answered(ctx context.Context, svc *Service, target string) (took time.Duration, did bool) {
	start := time.Now()
	defer func() {
		if p := recover(); p != nil {
			if err, ok := p.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				panic(p)
			}
			took = time.Since(start)
		}
	}()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	svc.ServeHTTP(httptest.NewRecorder(), r)
	return time.Since(start), true
}

func TestDialTime(t *testing.T) {
	const target = "/api/conversations/" + ExampleUnlinked
	whole := get(t, open(t, -1).Autocalls(), "", target).Body.Len()
	for _, tt := range []struct {
		name  string
		dial  Dial
		gone  time.Duration // when the caller goes away; 0: never
		close time.Duration // when the sandbox closes; 0: never
		took  time.Duration
		did   bool
	}{
		{"none", Dial{}, 0, 0, 0, true},
		{"latency", Dial{Latency: 50 * time.Millisecond}, 0, 0, 50 * time.Millisecond, true},
		{"latency and a caller who goes", Dial{Latency: time.Minute}, time.Second, 0, time.Second, false},
		{"latency and a close", Dial{Latency: time.Minute}, 0, time.Second, time.Second, false},
		{"hang and a caller who goes", Dial{Hang: true}, time.Hour, 0, time.Hour, false},
		{"hang and a close", Dial{Hang: true, Latency: time.Millisecond}, 0, time.Hour, time.Hour, false},
		{"refuse", Dial{Refuse: true, Latency: time.Minute}, 0, 0, 0, false},
		{"drip", Dial{Body: BodyDrip}, 0, 0, time.Duration(whole) * dripEvery, true},
		{"drip and a caller who goes", Dial{Body: BodyDrip}, time.Second, 0, time.Second, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, -1)
				set(t, s.Autocalls(), "read", tt.dial)
				ctx := t.Context()
				if tt.gone > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.gone)
					defer cancel()
				}
				if tt.close > 0 {
					time.AfterFunc(tt.close, s.Close)
				}
				took, did := answered(ctx, s.Autocalls(), target)
				if took != tt.took || did != tt.did {
					t.Errorf("answered %t after %v, want %t after %v", did, took, tt.did, tt.took)
				}
			})
		})
	}
}

// fetch asks over a real connection, as only that can be cut.
func fetch(t *testing.T, svc *Service, path string, compressed bool) (*http.Response, []byte, error) {
	t.Helper()
	srv := httptest.NewServer(svc)
	defer srv.Close()
	client := &http.Client{Transport: &http.Transport{DisableCompression: !compressed, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token(t, svc, Acme))
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	return resp, body, err
}

func TestDialBodies(t *testing.T) {
	const path = "/contacts/con-9001"
	s := open(t, -1)
	_, whole, err := fetch(t, s.CRM(), path, false)
	if err != nil || len(whole) == 0 {
		t.Fatalf("%s, %v", whole, err)
	}
	for _, tt := range []struct {
		name  string
		dial  Dial
		cut   bool // the connection
		check func(*http.Response, []byte) bool
	}{
		{"html", Dial{Body: BodyHTML}, false, func(r *http.Response, b []byte) bool {
			return r.StatusCode == 200 && r.Header.Get("Content-Type") == "text/html; charset=utf-8" && b[0] == '<'
		}},
		{"html error", Dial{Body: BodyHTML, ErrorRate: 1, Status: 502}, false, func(r *http.Response, b []byte) bool {
			return r.StatusCode == 502 && b[0] == '<'
		}},
		{"truncated", Dial{Body: BodyTruncated}, false, func(_ *http.Response, b []byte) bool {
			return string(b) == string(whole[:len(whole)/2])
		}},
		{"reset", Dial{Body: BodyReset}, true, func(r *http.Response, b []byte) bool {
			return r.ContentLength == int64(len(whole)) && string(b) == string(whole[:len(whole)/2])
		}},
		{"empty", Dial{Body: BodyEmpty}, false, func(r *http.Response, b []byte) bool {
			return r.StatusCode == 200 && len(b) == 0
		}},
		{"huge", Dial{Body: BodyHuge}, false, func(_ *http.Response, b []byte) bool { return len(b) == 4<<20 }},
		{"gzip bomb", Dial{Body: BodyGzipBomb}, false, func(r *http.Response, b []byte) bool {
			return r.Header.Get("Content-Encoding") == "gzip" && len(b) < 512<<10
		}},
		{"wrong record", Dial{Body: BodyWrongRecord}, false, func(_ *http.Response, b []byte) bool {
			id := decode(t, string(b))["id"]
			return id != nil && id != "con-9001"
		}},
		{"refuse", Dial{Refuse: true}, true, func(r *http.Response, _ []byte) bool { return r == nil }},
		{"refuse by a reset", Dial{Refuse: true, RST: true}, true, func(r *http.Response, _ []byte) bool { return r == nil }},
		{"reset by a reset", Dial{Body: BodyReset, RST: true}, true, func(r *http.Response, b []byte) bool {
			return r == nil || len(b) <= len(whole)/2 // what is under way is lost with the connection
		}},
		{"other tenant", Dial{Body: BodyOtherTenant}, false, func(_ *http.Response, b []byte) bool {
			c := decode(t, string(b))
			return c["id"] == "con-9001" && c["tenantId"] == Initech && c["firstName"] == Stranger
		}},
		{"duplicate keys", Dial{Body: BodyDuplicateKeys}, false, func(_ *http.Response, b []byte) bool {
			return decode(t, string(b))["id"] == "con-9001" && bytes.Count(b, []byte(`"id":`)) == 2 && bytes.Contains(b, []byte(`"ID":"`+Stranger))
		}},
		{"deep", Dial{Body: BodyDeep}, false, func(_ *http.Response, b []byte) bool {
			return json.Valid(b) && bytes.Count(b, []byte("{")) == depth
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set(t, s.CRM(), "contacts", tt.dial)
			resp, body, err := fetch(t, s.CRM(), path, false)
			if (err != nil) != tt.cut || !tt.check(resp, body) {
				t.Errorf("%v, %d bytes, %v", resp, len(body), err)
			}
		})
	}
}

// counter is a writer that keeps only the ends of what it gets.
type counter struct {
	header     http.Header
	n          int
	head, tail string
}

func (c *counter) Header() http.Header { return c.header }
func (c *counter) WriteHeader(int)     {}

func (c *counter) Write(b []byte) (int, error) {
	if c.n < len(hugeHead) {
		c.head += string(b[:min(len(b), len(hugeHead)-c.n)])
	}
	c.n += len(b)
	c.tail += string(b[max(0, len(b)-len(hugeTail)):])
	c.tail = c.tail[max(0, len(c.tail)-len(hugeTail)):]
	return len(b), nil
}

func TestHugeIsJSON(t *testing.T) {
	s := open(t, -1)
	set(t, s.CRM(), "", Dial{Body: BodyHuge})
	w := &counter{header: http.Header{}}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/contacts/x", nil)
	s.CRM().ServeHTTP(w, r)
	zr, err := gzip.NewReader(bytes.NewReader(s.crm.bomb()))
	if err != nil {
		t.Fatal(err)
	}
	unpacked := &counter{}
	if _, err := io.Copy(unpacked, zr); err != nil {
		t.Fatal(err)
	}
	if w.n < 200<<20 || unpacked.n != w.n {
		t.Errorf("%d and %d bytes, want the same 200 MiB", w.n, unpacked.n)
	}
	if got := w.head + "..." + w.tail; got != hugeHead+"..."+hugeTail || unpacked.head != w.head || unpacked.tail != w.tail {
		t.Errorf("it begins and ends %s, packed %s...%s", got, unpacked.head, unpacked.tail)
	}
}

func TestWrongRecords(t *testing.T) {
	s := open(t, 10)
	for _, svc := range s.services() {
		set(t, svc, "", Dial{Body: BodyWrongRecord})
	}
	acme, globex, crm := token(t, s.autocalls, Acme), token(t, s.native, Globex), token(t, s.crm, Acme)
	native := s.ConversationIDs(Globex)[0]
	for _, tt := range []struct {
		name, token, target string
		svc                 *Service
		same                func(map[string]any) bool // is what was asked for
	}{
		{"native read", globex, "/conversations/" + native, s.native, func(d map[string]any) bool { return d["id"] == native }},
		{"autocalls read", acme, "/api/conversations/" + ExampleAPI, s.autocalls, func(d map[string]any) bool { return d["external_identifier"] == "crm-lead-12345" }},
		{"autocalls list", acme, listPath + "?external_identifier=crm-lead-12345", s.autocalls, func(d map[string]any) bool { return len(ids(t, d)) == 1 }},
		{"native list", globex, "/conversations?status=no-such", s.native, func(d map[string]any) bool { return len(ids(t, d)) == 0 }},
		{"account", crm, "/accounts/acc-9001", s.crm, func(d map[string]any) bool { return d["id"] == "acc-9001" }},
		{"batch", crm, "/contacts?ids=con-9001,con-9002", s.crm, func(d map[string]any) bool {
			got := ids(t, d)
			return len(got) == 0 || got[0] == "con-9001" || got[0] == "con-9002"
		}},
		{"find", crm, "/contacts?externalRef=crm-lead-12345", s.crm, func(d map[string]any) bool {
			got := ids(t, d)
			return len(got) == 0 || got[0] == "con-12345"
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if doc := object(t, tt.svc, tt.token, tt.target, http.StatusOK); tt.same(doc) {
				t.Errorf("the right one: %v", doc)
			}
		})
	}
}

// TestHangEndsWithTheCaller: a server waits for its handlers when it closes,
// so a hang that outlives its caller would never let it.
func TestHangEndsWithTheCaller(t *testing.T) {
	s := open(t, -1)
	set(t, s.CRM(), "", Dial{Hang: true})
	ctx, leave := context.WithCancel(t.Context())
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leave()
		s.CRM().ServeHTTP(w, r)
	}))
	defer srv.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/contacts/con-9001", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := srv.Client().Do(req)
	if err == nil {
		_ = resp.Body.Close()
		t.Error("a hanging service answered")
	}
}
