package sandbox

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func send(t *testing.T, s *Sandbox, method, target, body string) (int, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body)))
	return w.Code, decode(t, w.Body.String())
}

func TestDialsAPI(t *testing.T) {
	s := open(t, -1)
	services := `"services":{"autocalls":["list","read","assistants"],"native":["list","read","messages","attention-items"],"crm":["contacts","accounts","find"]}`
	steps := []struct{ method, body, want string }{
		{"GET", "", `{` + services + `,"dials":[]}`},
		{"POST", `{"service":"crm","op":"contacts","latencyMs":50,"errorRate":1,"status":503,"retryAfter":"7"}`,
			`{` + services + `,"dials":[{"service":"crm","op":"contacts","latencyMs":50,"errorRate":1,"status":503,"retryAfter":"7"}]}`},
		{"POST", `{"service":"crm","hang":true,"tenant":"` + Acme + `"}`,
			`{` + services + `,"dials":[{"service":"crm","op":"","hang":true,"tenant":"` + Acme + `"},
			{"service":"crm","op":"contacts","latencyMs":50,"errorRate":1,"status":503,"retryAfter":"7"}]}`},
		{"POST", `{"service":"crm","op":"contacts","refuse":true,"deny":403,"body":"html"}`,
			`{` + services + `,"dials":[{"service":"crm","op":"","hang":true,"tenant":"` + Acme + `"},
			{"service":"crm","op":"contacts","refuse":true,"deny":403,"body":"html"}]}`},
		{"POST", `{"service":"crm","op":"contacts","rate":0.05,"jitterMs":20,"body":"reset","rst":true}`,
			`{` + services + `,"dials":[{"service":"crm","op":"","hang":true,"tenant":"` + Acme + `"},
			{"service":"crm","op":"contacts","rate":0.05,"jitterMs":20,"body":"reset","rst":true}]}`},
		{"POST", `{"service":"crm","op":"contacts"}`,
			`{` + services + `,"dials":[{"service":"crm","op":"","hang":true,"tenant":"` + Acme + `"}]}`},
		{"DELETE", "", `{` + services + `,"dials":[]}`},
	}
	for i, step := range steps {
		t.Run(fmt.Sprint(i, step.method), func(t *testing.T) {
			status, got := send(t, s, step.method, "/dials", step.body)
			if status != http.StatusOK {
				t.Fatalf("status %d: %v", status, got)
			}
			diff(t, got, decode(t, step.want))
		})
	}
}

func TestDialsAPIRefusals(t *testing.T) {
	s := open(t, -1)
	for _, tt := range []struct{ name, body, field string }{
		{"no JSON", `hang`, "body"},
		{"no object", `[]`, "body"},
		{"nothing", ``, "body"},
		{"too much", `{"service":"` + strings.Repeat("x", maxControlBody) + `"}`, "body"},
		{"no service", `{"hang":true}`, "service"},
		{"unknown service", `{"service":"redis","hang":true}`, "service"},
		{"unknown operation", `{"service":"crm","op":"read","hang":true}`, "op"},
		{"unknown field", `{"service":"crm","lag":50}`, "lag"},
		{"field in another case", `{"service":"crm","Hang":true}`, "Hang"},
		{"wrong type", `{"service":"crm","hang":"yes"}`, "hang"},
		{"wrong type of time", `{"service":"crm","latencyMs":"50"}`, "latencyMs"},
		{"time that overflows", `{"service":"crm","latencyMs":9223372036854775807}`, "latencyMs"},
		{"unknown body", `{"service":"crm","body":"xml"}`, "body"},
		{"rate", `{"service":"crm","errorRate":2}`, "errorRate"},
		{"jitter that overflows", `{"service":"crm","jitterMs":9223372036854775807}`, "jitterMs"},
		{"down for an operation", `{"service":"crm","op":"find","down":true}`, "down"},
		{"status alone", `{"service":"crm","status":500}`, "status"},
		{"unknown tenant", `{"service":"crm","hang":true,"tenant":"x"}`, "tenant"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, got := send(t, s, http.MethodPost, "/dials", tt.body)
			if status != http.StatusBadRequest || got["field"] != tt.field || got["error"] == "" {
				t.Errorf("%d %v, want 400 about %s", status, got, tt.field)
			}
		})
	}
}

func FuzzDial(f *testing.F) {
	f.Add([]byte(`{"service":"crm","op":"contacts","latencyMs":50,"errorRate":1,"status":500,"hang":true,"refuse":true,"body":"html"}`))
	f.Add([]byte(`{"latencyMs":1e99}`))
	f.Add([]byte(`null`))
	s := open(f, -1)
	f.Fuzz(func(t *testing.T, body []byte) {
		defer s.CRM().Reset()
		if err := s.apply(body); err != nil {
			if _, named := errors.AsType[*dialError](err); !named {
				t.Errorf("%v names no field", err)
			}
			return
		}
		for _, svc := range s.services() {
			for _, d := range svc.setDials() {
				if err := d.validate(); err != nil {
					t.Errorf("set, but %v", err)
				}
			}
			svc.Reset()
		}
	})
}

func TestCalls(t *testing.T) {
	s := open(t, -1)
	tok := token(t, s.crm, Acme)
	set(t, s.CRM(), "accounts", Dial{ErrorRate: 1})
	targets := []string{"/contacts/con-9001", "/contacts?ids=con-9001", "/contacts?phone=1", "/accounts/x", "/accounts?ids=x", "/nothing?a=%2f", "/contacts/..%2fx"}
	for _, target := range targets {
		get(t, s.CRM(), tok, target)
	}
	get(t, s.CRM(), "", "/contacts/con-9001") // refused, and counted
	diff(t, s.CRM().Requests(), append(targets, "/contacts/con-9001"))
	if all, contacts := s.CRM().Calls(""), s.CRM().Calls("contacts"); all != 7 || contacts != 4 {
		t.Errorf("%d calls, %d of contacts; want 7 and 4", all, contacts)
	}
	_, got := send(t, s, http.MethodGet, "/calls", "")
	diff(t, got, decode(t, `{"calls":{"crm":{"contacts":4,"accounts":2,"find":1},
		"autocalls":{"list":0,"read":0,"assistants":0},"native":{"list":0,"read":0,"messages":0,"attention-items":0}}}`))

	_, got = send(t, s, http.MethodGet, "/calls?keys", "")
	diff(t, got["keys"].(map[string]any)["crm"], decode(t, `{"contacts":{"con-9001":3,"../x":1},"accounts":{"x":2},"find":{"1":1}}`))
	if n, none := s.CRM().CallsFor("contacts", "con-9001"), s.CRM().CallsFor("contacts", "con-9002"); n != 3 || none != 0 {
		t.Errorf("%d and %d calls for a contact, want 3 and 0", n, none)
	}

	if _, got = send(t, s, http.MethodDelete, "/calls", ""); s.CRM().Calls("") != 0 || len(s.CRM().Requests()) != 0 {
		t.Errorf("after the reset: %v", got)
	}
}

func TestRequestsKept(t *testing.T) {
	s := open(t, -1)
	for i := range 2*keptRequests + 7 {
		get(t, s.Handler(), "", fmt.Sprintf("/crm/x?n=%d", i))
	}
	got := s.CRM().Requests()
	if len(got) != keptRequests || got[0] != "/crm/x?n=1007" || got[keptRequests-1] != "/crm/x?n=2006" {
		t.Errorf("%d from %s to %s", len(got), got[0], got[len(got)-1])
	}
}
