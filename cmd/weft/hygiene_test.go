package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

// startLogged runs what `weft serve` runs, with a log that a test can read.
func startLogged(t testing.TB, file string, env map[string]string, log io.Writer) (r *running, public, ops string) {
	t.Helper()
	cfg, err := loadConfig(file, func(name string) string {
		return map[string]string{"WEFT_LISTEN": "127.0.0.1:0", "WEFT_OPS_LISTEN": "127.0.0.1:0"}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	traces, err := newTraces(func(name string) string { return env[name] }, logger)
	if err != nil {
		t.Fatal(err)
	}
	sys, err := buildWith(cfg, logger, nil, traces)
	if err != nil {
		t.Fatal(err)
	}
	return serveUntilStopped(t, sys)
}

// serveUntilStopped serves until it is stopped, or the test ends.
func serveUntilStopped(t testing.TB, sys *system) (r *running, public, ops string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ready, done := make(chan [2]string, 1), make(chan error, 1)
	go func() { done <- sys.serve(ctx, func(public, ops string) { ready <- [2]string{public, ops} }) }()
	stop := sync.OnceValue(func() error {
		cancel()
		defer sys.close()
		return <-done
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	at := <-ready
	return &running{stop: stop}, "http://" + at[0], "http://" + at[1]
}

// safeBuffer is a buffer that is written and read at once.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// The canaries: in all that callers send, in all that sources hold and answer,
// and in every credential. A number is a canary by its digits.
const (
	canary      = "canary"
	canaryPhone = "+14155587431"
)

func hasCanary(s string) bool {
	low := strings.ToLower(s)
	for _, c := range []string{canary, canaryPhone[2:], "sandbox-acme", "sandbox-globex", keyAcme, keyGlobex, hash(keyAcme), url.QueryEscape(canaryPhone)} {
		if strings.Contains(low, strings.ToLower(c)) {
			return true
		}
	}
	return false
}

// plant fills the sources with canaries, and returns the conversation that leads to them.
func plant(t *testing.T, box *sandbox.Sandbox) string {
	t.Helper()
	err := box.PutContact(sandbox.Acme, "canary-contact", map[string]any{
		"firstName": "Canary-First", "lastName": "Canary-Last", "email": "canary@canary.example", "phone": canaryPhone,
		"externalRef": "canary-ref", "accountId": "canary-account",
	})
	if err == nil {
		err = box.PutAccount(sandbox.Acme, "canary-account", map[string]any{"name": "Canary GmbH", "vatNumber": "DE-CANARY"})
	}
	if err != nil {
		t.Fatal(err)
	}
	id, err := box.AddConversation(sandbox.Acme, sandbox.Draft{
		ID: "canary-conversation", Type: "whatsapp", ExternalIdentifier: "canary-ref", CustomerName: "Canary Customer", CustomerPhone: canaryPhone,
		Variables: map[string]any{"email": "canary@canary.example", "canary-name": "x"}, Messages: []string{"my secret is canary", "canary indeed"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestNothingPersonalIsRecorded: neither the log, at its most talkative, nor
// anything on the ops listener, nor any span holds what callers sent or sources answered.
func TestNothingPersonalIsRecorded(t *testing.T) {
	var log safeBuffer
	var answer atomic.Pointer[http.HandlerFunc] // in the place of a source; nil: its own
	var conversation string
	spans := newCollector(t)
	in := install(t, options{
		env:   spans.env(),
		redis: "redis://canary:canary@127.0.0.1:1/0", log: &log, extra: deadlines(sandbox.Dial{}),
		before: func(box *sandbox.Sandbox) { conversation = plant(t, box) },
		between: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if h := answer.Load(); h != nil {
					(*h)(w, r)
					return
				}
				next.ServeHTTP(w, r)
			})
		},
	})
	d, a := in.document(t, keyAcme, conversation)
	if !strings.Contains(string(a.body), "Canary-Last") || !strings.Contains(string(a.body), "DE-CANARY") || d.Contact == nil {
		t.Fatalf("the canaries are not in the document: %s", a.body)
	}
	askWithCanaries(t, in)
	fail := func(h http.HandlerFunc) {
		answer.Store(&h)
		for _, id := range []string{conversation, sandbox.ExampleAPI} {
			in.get(t, keyAcme, "/api/conversations/"+id+"?require=contact")
			in.get(t, keyGlobex, "/api/conversations/"+id)
		}
		in.get(t, keyGlobex, "/api/conversations?customer_phone="+url.QueryEscape(canaryPhone))
	}
	for _, status := range []int{500, 401, 404, 302} {
		fail(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://canary.example/canary")
			w.Header().Set("X-Canary", "canary")
			http.Error(w, `{"error":"canary is not there"}`, status)
		})
	}
	fail(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"data":[{"id":"canary","canary":canary`) })
	fail(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"id":{"canary":1},"data":"canary","created_at":"canary"}`)
	})
	fail(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	lookForCanaries(t, in, &log)
	if err := in.stop(); err != nil {
		t.Fatal(err)
	}
	spans.lookForCanaries(t)
}

// askWithCanaries puts canaries wherever a caller can put something.
func askWithCanaries(t *testing.T, in *installation) {
	t.Helper()
	for _, path := range []string{
		"/api/conversations?external_identifier=canary-ref", "/api/conversations?customer_phone=" + url.QueryEscape(canaryPhone),
		"/api/conversations?canary=1", "/api/conversations?cursor=canary", "/api/conversations?status=canary", "/api/conversations?per_page=canary",
		"/api/conversations/canary-unknown", "/api/conversations/canary%0a%7b%22level%22:%22canary", "/api/canary", "/canary", "/docs/canary", "/api/conversations/x?include=canary",
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions, "CANARY", http.MethodDelete} {
			for _, key := range []string{keyAcme, "weft_canary_key"} {
				req, err := http.NewRequestWithContext(t.Context(), method, in.public+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Authorization", "Bearer "+key)
				for _, name := range []string{"User-Agent", "Referer", "Cookie", "Origin", "X-Forwarded-For", "X-Tenant-Id", "If-None-Match", "Accept-Encoding", "Access-Control-Request-Method", "X-Canary"} {
					req.Header.Set(name, "canary")
				}
				req.Header.Set("X-Request-Id", "{canary}")
				req.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
				req.Header.Set("Tracestate", "canary=canary")
				req.Header.Set("Baggage", "canary=canary")
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
			}
		}
	}
}

// lookForCanaries reads everything that is kept of what was done.
func lookForCanaries(t *testing.T, in *installation, log *safeBuffer) {
	t.Helper()
	for _, path := range []string{"/metrics", "/breakers", "/healthz", "/readyz", "/debug/pprof/goroutine?debug=2"} {
		resp, err := http.Get(in.ops + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || len(body) == 0 {
			t.Fatalf("%s: %d bytes, %v", path, len(body), err)
		}
		if path == "/debug/pprof/goroutine?debug=2" { // names our own test
			body = regexp.MustCompile(`(?i)canaries|hascanary|withcanar`).ReplaceAll(body, nil)
		}
		for line := range strings.Lines(string(body)) {
			if hasCanary(line) {
				t.Errorf("%s: %s", path, line)
			}
		}
	}
	levels := map[string]int{}
	for line := range strings.Lines(log.String()) {
		if hasCanary(line) {
			t.Errorf("log: %s", line)
		}
		for _, level := range []string{"DEBUG", "INFO", "WARN"} {
			levels[level] += strings.Count(line, `"level":"`+level+`"`)
		}
	}
	if levels["DEBUG"] < 5 || levels["INFO"] < 50 || levels["WARN"] < 5 {
		t.Errorf("hardly anything was logged: %v", levels)
	}
}

// series are the names and labels of all samples.
func (in *installation) series(t *testing.T) []string {
	t.Helper()
	var all []string
	for line := range strings.Lines(in.scrape(t)) {
		if name := line[:max(0, strings.LastIndexByte(line, ' '))]; !strings.HasPrefix(line, "#") && name != "" {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// TestSeriesAreBounded: whatever callers ask for, and however often, there are
// as many series as there were after the first of each kind.
func TestSeriesAreBounded(t *testing.T) {
	in := install(t, options{extra: deadlines(sandbox.Dial{})})
	handler := http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	defer handler.CloseIdleConnections()
	rng := rand.New(rand.NewPCG(1, 2))
	ask := func(i int) {
		id := fmt.Sprintf("%016x", rng.Uint64())
		target := []string{
			"/api/conversations/" + id, "/api/conversations/" + id + "%20", "/" + id, "/api/" + id + "/" + id, "/docs/" + id,
			"/api/conversations?x" + id + "=1", "/api/conversations?cursor=" + id, "/api/conversations/" + id + "?include=" + id,
		}[i%8]
		method := []string{"GET", "GET", "HEAD", "X" + strings.ToUpper(id)}[i/8%4]
		req, err := http.NewRequestWithContext(t.Context(), method, in.public+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+[]string{keyGlobex, keyGlobex, id}[i/32%3])
		resp, err := handler.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	const kinds, ids = 8 * 4 * 3, 10_000
	for i := range 2 * kinds {
		ask(i)
	}
	eventually(t, "the backfill's end", func() bool {
		time.Sleep(50 * time.Millisecond) // it walks in its own time
		return in.metric(t, "weft_backfill_incomplete_tenants") == 0
	})
	before := in.series(t)
	for i := range ids {
		ask(i)
	}
	after := in.series(t)
	if len(before) < 50 {
		t.Fatalf("%d series", len(before))
	}
	if !slices.Equal(before, after) {
		var more []string
		for _, s := range after {
			if !slices.Contains(before, s) {
				more = append(more, s)
			}
		}
		t.Errorf("%d series, then %d; new: %v", len(before), len(after), more[:min(10, len(more))])
	}
	t.Logf("%d series before and after %d ids", len(after), ids)
}
