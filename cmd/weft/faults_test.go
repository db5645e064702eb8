package main

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

// deadlines keep a busy machine from timing out what is not about time.
func deadlines(d sandbox.Dial) string {
	if d.Hang || d.Body == sandbox.BodyDrip {
		return `deadlines: {request: 5s, store: 1s, crm: 1s}`
	}
	return `deadlines: {request: 15s, store: 14s, crm: 14s}`
}

// due makes copies due at once, so that the store is asked again.
const due = "\ncache: {conversation: {fresh: 1ms, stale: 24h}}"

func (in *installation) dial(t testing.TB, svc *sandbox.Service, op string, d sandbox.Dial) {
	t.Helper()
	if err := svc.Set(op, d); err != nil {
		t.Fatal(err)
	}
}

// Whatever the CRM does, the answer is 200 with the other parts, a true state
// and reason for what is missing, and nothing wrong is kept.
func TestCRMFaults(t *testing.T) {
	tests := []struct {
		name   string
		dial   sandbox.Dial
		state  string
		reason string
	}{
		{"refuses", sandbox.Dial{Refuse: true}, "unavailable", "upstream_error"},
		{"hangs", sandbox.Dial{Hang: true}, "unavailable", "timeout"},
		{"500", sandbox.Dial{ErrorRate: 1, Status: 500}, "unavailable", "upstream_error"},
		{"503", sandbox.Dial{ErrorRate: 1, Status: 503}, "unavailable", "upstream_error"},
		{"429", sandbox.Dial{ErrorRate: 1, Status: 429, RetryAfter: "7"}, "unavailable", "rate_limited"},
		{"401", sandbox.Dial{Deny: 401}, "forbidden", "denied"},
		{"403", sandbox.Dial{Deny: 403}, "forbidden", "denied"},
		{"redirects", sandbox.Dial{ErrorRate: 1, Status: 302}, "unavailable", "bad_response"},
		{"HTML", sandbox.Dial{Body: sandbox.BodyHTML}, "unavailable", "bad_response"},
		{"HTML 404", sandbox.Dial{Body: sandbox.BodyHTML, ErrorRate: 1, Status: 404}, "unavailable", "bad_response"},
		{"truncated JSON", sandbox.Dial{Body: sandbox.BodyTruncated}, "unavailable", "bad_response"},
		{"cut connection", sandbox.Dial{Body: sandbox.BodyReset}, "unavailable", "bad_response"},
		{"200 MB", sandbox.Dial{Body: sandbox.BodyHuge}, "unavailable", "bad_response"},
		{"gzip bomb", sandbox.Dial{Body: sandbox.BodyGzipBomb}, "unavailable", "bad_response"},
		{"another record", sandbox.Dial{Body: sandbox.BodyWrongRecord}, "unavailable", "wrong_record"},
		{"empty body", sandbox.Dial{Body: sandbox.BodyEmpty}, "unavailable", "bad_response"},
		{"drips", sandbox.Dial{Body: sandbox.BodyDrip}, "unavailable", "timeout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // some have to time out
			in := install(t, options{extra: deadlines(tt.dial)})
			for _, c := range []struct{ key, id string }{{keyGlobex, sandbox.ExampleNative}, {keyAcme, sandbox.ExampleAPI}} {
				in.dial(t, in.box.CRM(), "", tt.dial)
				d, _ := in.document(t, c.key, c.id)
				e := d.Enrichment
				row := strings.Replace(e.Conversation.State, "cached", "fresh", 1) // the backfill may have listed it
				items := strings.Replace(e.AttentionItems.State, "cached", "fresh", 1)
				got := []string{row, e.Messages.State, items, e.Contact.State, e.Contact.Reason, e.Account.State, e.Account.Reason}
				want := []string{"fresh", "fresh", "fresh", tt.state, tt.reason, tt.state, tt.reason}
				if !slices.Equal(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
				if e.Complete || d.Contact != nil || d.Account != nil || len(d.Messages) == 0 {
					t.Errorf("complete %v, contact %v, account %v, %d messages", e.Complete, d.Contact, d.Account, len(d.Messages))
				}
				if a := in.get(t, c.key, "/api/conversations/"+c.id+"?require=contact"); a.status != http.StatusServiceUnavailable || !strings.Contains(string(a.body), `"field":"contact"`) || a.header.Get("Retry-After") == "" {
					t.Errorf("required: %d %s", a.status, a.body)
				}
				in.box.CRM().Reset()
			}
			for name, state := range in.breakers(t) {
				if !strings.HasPrefix(name, "rest-") && state != "closed" {
					t.Errorf("the CRM's fault left %s %s", name, state)
				}
			}
			if tt.reason == "rate_limited" {
				return // the tenant's gate is closed for as long as the CRM asked
			}
			d, _ := in.document(t, keyGlobex, sandbox.ExampleNative)
			if d.Contact["id"] != "ct1a2b3c-5678-9abc-def0-1234567890ab" || !d.Enrichment.Complete {
				t.Errorf("after recovery: %v", d.Enrichment)
			}
		})
	}
}

// Nothing listens where the CRM should be.
func TestCRMIsGone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	in := install(t, options{crm: "http://" + l.Addr().String()})
	for range 8 {
		d, _ := in.document(t, keyGlobex, sandbox.ExampleNative)
		if e := d.Enrichment; e.Contact.Reason != "refused" && e.Contact.Reason != "breaker_open" || e.Messages.State == "unavailable" {
			t.Errorf("contact %+v, messages %+v", e.Contact, e.Messages)
		}
	}
	if in.breakers(t)["rest-contacts"] != "open" {
		t.Error("the breaker is not open")
	}
}

// A dead CRM opens its own breakers and no other; 401, 403, 404, 429 and
// callers who hang up open none.
func TestBreakers(t *testing.T) {
	opened := func(in *installation) (names []string) {
		for name, state := range in.breakers(t) {
			if state != "closed" {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}
	t.Run("dead CRM", func(t *testing.T) {
		in := install(t, options{})
		in.dial(t, in.box.CRM(), "", sandbox.Dial{ErrorRate: 1})
		for range 6 {
			in.document(t, keyGlobex, sandbox.ExampleNative)
		}
		if got, want := opened(in), []string{"rest-accounts", "rest-contacts"}; !slices.Equal(got, want) {
			t.Errorf("open: %v, want %v", got, want)
		}
		calls := in.box.CRM().Calls("")
		d, _ := in.document(t, keyGlobex, sandbox.ExampleNative)
		if e := d.Enrichment; e.Contact.Reason != "breaker_open" || e.Contact.RetryAfterSeconds == 0 || in.box.CRM().Calls("") != calls {
			t.Errorf("contact %+v, %d more calls", e.Contact, in.box.CRM().Calls("")-calls)
		}
		resp, err := http.Get(in.ops + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("not ready because of a CRM: %s", resp.Status)
		}
	})
	for _, tt := range []struct {
		name string
		dial sandbox.Dial
	}{
		{"401", sandbox.Dial{Deny: 401}}, {"403", sandbox.Dial{Deny: 403}},
		{"429", sandbox.Dial{ErrorRate: 1, Status: 429}},
		{"404", sandbox.Dial{ErrorRate: 1, Status: 404}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := install(t, options{})
			in.dial(t, in.box.CRM(), "", tt.dial)
			in.dial(t, in.box.Native(), "", tt.dial)
			ids := in.box.ConversationIDs(sandbox.Globex)
			for _, id := range ids[:12] {
				in.get(t, keyGlobex, "/api/conversations/"+id)
			}
			if got := opened(in); len(got) > 0 {
				t.Errorf("open: %v", got)
			}
		})
	}
	t.Run("callers who hang up", func(t *testing.T) {
		in := install(t, options{})
		in.dial(t, in.box.CRM(), "", sandbox.Dial{Latency: 100 * time.Millisecond})
		in.dial(t, in.box.Native(), "", sandbox.Dial{Latency: 100 * time.Millisecond})
		for _, id := range in.box.ConversationIDs(sandbox.Globex)[:12] {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			req, _ := http.NewRequestWithContext(ctx, http.MethodGet, in.public+"/api/conversations/"+id, nil)
			req.Header.Set("Authorization", "Bearer "+keyGlobex)
			if resp, err := http.DefaultClient.Do(req); err == nil {
				resp.Body.Close()
			}
			cancel()
		}
		if got := opened(in); len(got) > 0 {
			t.Errorf("open: %v", got)
		}
		in.document(t, keyGlobex, sandbox.ExampleNative)
	})
}

// The table of what a failing store is answered with, cold and with a copy.
func TestStoreFailures(t *testing.T) {
	tests := []struct {
		name   string
		dial   sandbox.Dial
		status int
		code   string
		reason string
	}{
		{"refused", sandbox.Dial{Refuse: true}, 503, "store_unavailable", "upstream_error"},
		{"timeout", sandbox.Dial{Hang: true}, 503, "store_unavailable", "timeout"},
		{"500", sandbox.Dial{ErrorRate: 1}, 503, "store_unavailable", "upstream_error"},
		{"429", sandbox.Dial{ErrorRate: 1, Status: 429, RetryAfter: "50"}, 503, "store_busy", "rate_limited"},
		{"not JSON", sandbox.Dial{Body: sandbox.BodyHTML}, 502, "store_invalid", "bad_response"},
		{"too large", sandbox.Dial{Body: sandbox.BodyHuge}, 502, "store_invalid", "bad_response"},
		{"undocumented 404", sandbox.Dial{Body: sandbox.BodyHTML, ErrorRate: 1, Status: 404}, 502, "store_invalid", "bad_response"},
		{"401", sandbox.Dial{Deny: 401}, 502, "store_refused", "denied"},
		{"403", sandbox.Dial{Deny: 403}, 502, "store_refused", "denied"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // some have to time out
			for key, id := range map[string]string{keyGlobex: sandbox.ExampleNative, keyAcme: sandbox.ExampleAPI} {
				failStore(t, install(t, options{extra: deadlines(tt.dial) + due, before: func(box *sandbox.Sandbox) {
					for _, svc := range []*sandbox.Service{box.Native(), box.Autocalls()} {
						if err := svc.Set("", tt.dial); err != nil {
							t.Fatal(err)
						}
					}
				}}), key, id, tt.dial, tt.status, tt.code, tt.reason)
			}
		})
	}
	t.Run("documented 404", func(t *testing.T) {
		in := install(t, options{extra: due})
		in.document(t, keyGlobex, sandbox.ExampleNative)
		in.document(t, keyAcme, sandbox.ExampleAPI)
		in.box.DeleteConversation(sandbox.ExampleNative)
		in.box.DeleteConversation(sandbox.ExampleAPI)
		for key, id := range map[string]string{keyGlobex: sandbox.ExampleNative, keyAcme: sandbox.ExampleAPI} {
			if a := in.get(t, key, "/api/conversations/"+id); a.status != http.StatusNotFound {
				t.Errorf("%s: %d %s", id, a.status, a.body)
			}
		}
		// The copies are gone: they do not come back when the store is down.
		in.dial(t, in.box.Native(), "", sandbox.Dial{ErrorRate: 1})
		eventually(t, "an error where the copy was", func() bool {
			return in.get(t, keyGlobex, "/api/conversations/"+sandbox.ExampleNative).status == http.StatusServiceUnavailable
		})
	})
}

// failStore asks for a conversation of a store that fails: cold, and after it
// has answered once.
func failStore(t *testing.T, in *installation, key, id string, dial sandbox.Dial, status int, code, reason string) {
	t.Helper()
	path := "/api/conversations/" + id
	a := in.get(t, key, path)
	if a.status != status || !strings.Contains(string(a.body), `"code":"`+code+`"`) {
		t.Errorf("cold: %d %s", a.status, a.body)
	}
	retry, err := strconv.Atoi(a.header.Get("Retry-After"))
	if (err == nil) != (status == 503) || dial.RetryAfter != "" && (retry > 50 || retry < 30) { // the backfill may have met it first
		t.Errorf("cold: Retry-After %d, %v", retry, err)
	}
	if n := in.box.CRM().Calls(""); n != 0 {
		t.Errorf("cold: %d calls of the CRM for a conversation that cannot be shown", n)
	}
	if dial.RetryAfter != "" {
		return // the gate stays closed for as long as the store asked; the copy is covered in virtual time
	}
	in.box.Native().Reset()
	in.box.Autocalls().Reset()
	eventually(t, "a whole document", func() bool { // loads that the cold request left behind end first
		return strings.Contains(string(in.get(t, key, path).body), `"complete":true`)
	})
	in.dial(t, in.box.Native(), "", dial)
	in.dial(t, in.box.Autocalls(), "", dial)
	d, _ := in.document(t, key, id)
	e := d.Enrichment
	if e.Conversation.State != "stale" || e.Conversation.Reason != reason || e.Messages.State != "stale" || e.Complete {
		t.Errorf("with a copy: conversation %+v, messages %+v", e.Conversation, e.Messages)
	}
}

// What a caller asks wrongly is the caller's to mend, and no fault of the store.
func TestUnknownType(t *testing.T) {
	in := install(t, options{})
	if a := in.get(t, keyAcme, "/api/conversations?type=email"); a.status != http.StatusBadRequest || !strings.Contains(string(a.body), `"field":"type"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
}
