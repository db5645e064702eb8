package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

const (
	keyEraser = "weft_test_key_that_erases_"

	// unhurried gives a Redis on a busy machine its time, too.
	unhurried = `deadlines: {request: 5s, store: 2s, crm: 2s, redis: 1s}`
)

// replicas runs two gateways in front of one sandbox and one Redis. Each tenant
// has a key that may erase: keyEraser and the tenant's name in the sandbox.
func replicas(t *testing.T, r *redisServer, extra string) (one, two *installation) {
	t.Helper()
	box := sandbox.New(sandbox.Config{})
	srv := httptest.NewServer(box.Handler())
	t.Cleanup(func() { box.Close(); srv.CloseClientConnections(); srv.Close() })
	text := configFor(box, srv.URL, options{redis: r.url, extra: extra})
	for _, tenant := range box.Tenants() {
		sum := sha256.Sum256([]byte(keyEraser + tenant.ID))
		head := "    name: " + tenant.Name + "\n    keys:\n"
		text = strings.Replace(text, head, head+"      - {id: eraser, sha256: "+hex.EncodeToString(sum[:])+", scopes: [contacts:erase]}\n", 1)
	}
	file := filepath.Join(t.TempDir(), "weft.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func() *installation {
		p := start(t, "serve", "-config", file, "-listen", "127.0.0.1:0", "-ops-listen", "127.0.0.1:0", "-log-level", "error")
		m := p.await(t, `serving on (http://\S+), ops on (http://\S+)`)
		return &installation{running: p, box: box, boxURL: srv.URL, public: m[1], ops: m[2], contract: contractOf(t)}
	}
	return run(), run()
}

func (in *installation) erase(t *testing.T, tenant, contact string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, in.public+"/api/contacts/"+url.PathEscape(contact)+"/cache", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+keyEraser+tenant)
	return in.do(t, req)
}

// holds returns the keys of Redis that have one of the strings in their value.
func (r *redisServer) holds(t *testing.T, canaries ...string) (found []string) {
	t.Helper()
	ctx := t.Context()
	for it := r.admin.Scan(ctx, 0, "*", 1000).Iterator(); it.Next(ctx); {
		dump := it.Val()
		switch r.admin.Type(ctx, it.Val()).Val() {
		case "string":
			dump += r.admin.Get(ctx, it.Val()).Val()
		case "zset":
			dump += strings.Join(r.admin.ZRange(ctx, it.Val(), 0, -1).Val(), " ")
		case "hash":
			for k, v := range r.admin.HGetAll(ctx, it.Val()).Val() {
				dump += k + " " + v
			}
		}
		if slices.ContainsFunc(canaries, func(c string) bool { return strings.Contains(dump, c) }) {
			found = append(found, it.Val())
		}
	}
	return found
}

// settled waits until what the gateways have to write is in Redis.
func settled(t *testing.T, r *redisServer) {
	t.Helper()
	before := int64(-1)
	eventually(t, "writes to settle", func() bool {
		n, err := r.admin.DBSize(t.Context()).Result()
		same := err == nil && n == before
		before = n
		if !same {
			time.Sleep(100 * time.Millisecond)
		}
		return same
	})
}

// A person is forgotten by Redis and by both replicas: nothing is left that
// could stand in while the sources are away, not even of what was under way.
func TestErase(t *testing.T) {
	tests := []struct{ name, tenant, key, id, contact string }{
		{"rows", sandbox.Acme, keyAcme, sandbox.ExampleWhatsApp, "con-9003"},
		{"native", sandbox.Globex, keyGlobex, sandbox.ExampleNative, "ct1a2b3c-5678-9abc-def0-1234567890ab"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := startRedis(t)
			one, two := replicas(t, r, unhurried)
			store := one.box.Autocalls()
			if tt.tenant == sandbox.Globex {
				store = one.box.Native()
			}
			const said = "canary-of-a-message"
			one.box.AddMessage(tt.id, "user", said)
			d, _ := one.document(t, tt.key, tt.id)
			if d.ContactID == nil || *d.ContactID != tt.contact {
				t.Fatalf("contact %v", d.ContactID)
			}
			two.document(t, tt.key, tt.id)
			one.page(t, tt.key, nil)
			two.page(t, tt.key, nil)
			canaries := []string{said, d.Contact["phone"].(string)}
			settled(t, r)
			if len(r.holds(t, canaries...)) == 0 {
				t.Fatal("nothing of the person is in Redis")
			}
			sources := func(dial sandbox.Dial) {
				one.dial(t, store, "", dial)
				one.dial(t, one.box.CRM(), "", dial)
			}
			sources(sandbox.Dial{Refuse: true})
			time.Sleep(2100 * time.Millisecond) // past the fresh time of conversations
			if got, _ := two.document(t, tt.key, tt.id); got.Contact == nil || got.Enrichment.Conversation.State != "stale" {
				t.Fatalf("without the sources: %+v", got.Enrichment)
			}

			sources(sandbox.Dial{Latency: 700 * time.Millisecond})
			var wg sync.WaitGroup
			for _, in := range []*installation{one, two} {
				wg.Go(func() { in.get(t, tt.key, "/api/conversations/"+tt.id) })
			}
			time.Sleep(200 * time.Millisecond) // both are asking
			for range 2 {
				if a := one.erase(t, tt.tenant, tt.contact); a.status != http.StatusNoContent || len(a.body) != 0 {
					t.Fatalf("%d %s", a.status, a.body)
				}
			}
			wg.Wait()
			settled(t, r)
			sources(sandbox.Dial{Refuse: true})
			if found := r.holds(t, canaries...); len(found) > 0 {
				t.Errorf("Redis holds %q", found)
			}
			for name, in := range map[string]*installation{"one": one, "two": two} {
				a := in.get(t, tt.key, "/api/conversations/"+tt.id)
				if a.status != http.StatusServiceUnavailable {
					t.Errorf("%s has a copy: %d %s", name, a.status, a.body)
				}
				if l := in.get(t, tt.key, "/api/conversations"); bytes.Contains(l.body, []byte(tt.id)) {
					t.Errorf("%s has the page", name)
				}
			}
		})
	}
}

// Who is known is not told, and another tenant's person stays.
func TestEraseTellsNothing(t *testing.T) {
	r := startRedis(t)
	one, _ := replicas(t, r, unhurried)
	d, _ := one.document(t, keyGlobex, sandbox.ExampleNative)
	one.erase(t, sandbox.Acme, *d.ContactID)
	again, _ := one.document(t, keyGlobex, sandbox.ExampleNative)
	if again.Enrichment.Contact.State != "cached" {
		t.Errorf("another tenant's contact is %s", again.Enrichment.Contact.State)
	}
	known, never := one.erase(t, sandbox.Globex, *d.ContactID), one.erase(t, sandbox.Globex, "never-existed")
	for _, h := range []http.Header{known.header, never.header} {
		h.Del("X-Request-Id")
		h.Del("Date")
	}
	if known.status != 204 || never.status != 204 || len(known.body)+len(never.body) != 0 || !equalHeaders(known.header, never.header) {
		t.Errorf("known: %d %v; never: %d %v", known.status, known.header, never.status, never.header)
	}
}

func equalHeaders(a, b http.Header) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// Without Redis it cannot be done, and is done when Redis is back.
func TestEraseNeedsRedis(t *testing.T) {
	r := startRedis(t)
	one, _ := replicas(t, r, "")
	d, _ := one.document(t, keyGlobex, sandbox.ExampleNative)
	_ = r.proc.Signal(syscall.SIGSTOP)
	a := one.erase(t, sandbox.Globex, *d.ContactID)
	if a.status != http.StatusServiceUnavailable || !bytes.Contains(a.body, []byte("cache_unavailable")) || a.header.Get("Retry-After") != "2" {
		t.Errorf("%d %s", a.status, a.body)
	}
	_ = r.proc.Signal(syscall.SIGCONT)
	eventually(t, "the person to be forgotten", func() bool { return one.erase(t, sandbox.Globex, *d.ContactID).status == http.StatusNoContent })
	if found := r.holds(t, d.Contact["email"].(string)); len(found) > 0 {
		t.Errorf("Redis holds %q", found)
	}
}

// With encryption nothing of anybody is to be read in Redis, and the replicas
// share all the same.
func TestEncryptedRedis(t *testing.T) {
	r := startRedis(t)
	one, two := replicas(t, r, unhurried+"\ncache: {encryption: [{id: k1, key: "+goodKey+"}]}")
	var canaries []string
	for _, c := range []struct{ key, tenant string }{{keyAcme, sandbox.Acme}, {keyGlobex, sandbox.Globex}} {
		one.page(t, c.key, nil)
		for _, id := range one.box.ConversationIDs(c.tenant)[:10] {
			d, _ := one.document(t, c.key, id)
			for _, field := range []string{"email", "phone", "lastName"} {
				if s, ok := d.Contact[field].(string); ok && len(s) > 3 {
					canaries = append(canaries, s)
				}
			}
			for _, m := range d.Messages {
				canaries = append(canaries, m["content"].(string))
			}
		}
	}
	canaries = append(canaries, `"messages"`, `"customer"`, `"role"`, `"cursor"`)
	settled(t, r)
	if found := r.holds(t, canaries...); len(found) > 0 || len(canaries) < 20 {
		t.Errorf("of %d strings, Redis shows some under %q", len(canaries), found)
	}
	one.box.CRM().ResetCalls()
	d, _ := two.document(t, keyGlobex, one.box.ConversationIDs(sandbox.Globex)[0])
	if d.Enrichment.Contact.State != "cached" && d.Contact != nil {
		t.Errorf("not shared: %+v", d.Enrichment.Contact)
	}
}

// The audit log says who was shown whom, and nothing else of anybody.
func TestAuditLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.log")
	in := install(t, options{extra: "audit: {file: " + file + "}"})
	d, a := in.document(t, keyGlobex, sandbox.ExampleNative)
	in.page(t, keyAcme, nil)
	in.get(t, keyGlobex, "/api/conversations/never-existed")
	if got := in.metric(t, `weft_audit_lines_total{outcome="dropped"}`); got != 0 {
		t.Errorf("%v dropped", got)
	}
	if err := in.stop(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	type line struct {
		Tenant, Key, RequestID, Action    string
		Conversations, Contacts, Accounts []string
	}
	var lines []line
	for dec := json.NewDecoder(bytes.NewReader(raw)); dec.More(); {
		var l line
		if err := dec.Decode(&l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	if len(lines) != 2 || bytes.Count(raw, []byte("\n")) != 2 {
		t.Fatalf("%d lines:\n%s", len(lines), raw)
	}
	if l := lines[0]; l.Tenant != sandbox.Globex || l.Key != "inbox" || l.RequestID != a.header.Get("X-Request-Id") || l.Action != "read" ||
		!slices.Equal(l.Conversations, []string{d.ID}) || !slices.Equal(l.Contacts, []string{*d.ContactID}) || !slices.Equal(l.Accounts, []string{*d.AccountID}) {
		t.Errorf("read: %+v", l)
	}
	if l := lines[1]; l.Tenant != sandbox.Acme || l.Action != "list" || len(l.Conversations) != 15 || len(l.Contacts) == 0 {
		t.Errorf("list: %+v", l)
	}
	for _, personal := range []string{d.Contact["email"].(string), d.Contact["phone"].(string), d.Messages[0]["content"].(string)} {
		if bytes.Contains(raw, []byte(personal)) {
			t.Errorf("the log has %q", personal)
		}
	}
}
