package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	weft "github.com/weft-gateway/weft"
	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/gateway"
	"github.com/weft-gateway/weft/gateway/auth"
	"github.com/weft-gateway/weft/upstream/sandbox"
)

// trusting takes everybody for the same caller: authentication at no cost.
type trusting struct{ who auth.Principal }

func (t trusting) Authenticate(string, time.Time) (auth.Principal, bool) { return t.who, true }

// discarding is a ResponseWriter that costs nothing.
type discarding struct {
	header       http.Header
	status, size int
}

func (w *discarding) Header() http.Header         { return w.header }
func (w *discarding) WriteHeader(status int)      { w.status = status }
func (w *discarding) Write(b []byte) (int, error) { w.size += len(b); return len(b), nil }

// BenchmarkAuthentication asks for a document that is all within its time, with
// an API key, with a token that is remembered, and with nobody looking at the
// credential: by turns, so that a busy machine slows all three alike. It reports
// the CPU of the process for a request, in the median batch, and what part of it
// the credential is. The server, its connections and the log are left out, which
// would make that part smaller.
func BenchmarkAuthentication(b *testing.B) {
	ask, issuer := hot(b)
	ways := []struct{ name, header string }{{"none", ""}, {"key", "Bearer " + keyGlobex}, {"token", "Bearer " + issuer.token(b, map[string]any{"tid": sandbox.Globex})}}
	const batch = 200
	cpu := make([][]time.Duration, len(ways)) // of each batch
	for _, way := range ways {
		ask(way.header) // nothing is in memory yet, nor is the token remembered
	}
	for b.Loop() {
		turn := len(cpu[0])
		for n := range ways {
			way := (turn + n) % len(ways)
			began := cpuTime(b)
			for range batch {
				ask(ways[way].header)
			}
			cpu[way] = append(cpu[way], cpuTime(b)-began)
		}
	}
	for i, way := range ways {
		more := make([]time.Duration, len(cpu[i])) // than with none, turn by turn
		for turn := range more {
			more[turn] = cpu[i][turn] - cpu[0][turn]
		}
		whole := median(cpu[i])
		b.ReportMetric(whole/batch/1000, way.name+"-cpu-µs/req")
		if i > 0 {
			b.ReportMetric(100*median(more)/whole, way.name+"-%-of-cpu")
		}
	}
	b.ReportMetric(0, "ns/op") // of a turn of all three
}

// median is in nanoseconds.
func median(d []time.Duration) float64 {
	d = slices.Sorted(slices.Values(d))
	return float64(d[len(d)/2].Nanoseconds())
}

// cpuTime is what the process has used so far.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// hot returns what asks for one document of Globex's again and again, all of it
// in memory: without a header, past authentication. The issuer's tokens are good.
func hot(b *testing.B) (ask func(header string), issuer provider) {
	box := sandbox.New(sandbox.Config{Conversations: -1})
	srv := httptest.NewServer(box.Handler())
	b.Cleanup(func() { box.Close(); srv.CloseClientConnections(); srv.Close() })
	text := configFor(box, srv.URL, options{extra: "cache: {conversation: {fresh: 1h, stale: 24h}, contact: {fresh: 1h, stale: 24h}, account: {fresh: 1h, stale: 24h}}"})
	issuer = newProvider(b)
	file := filepath.Join(b.TempDir(), "keys.json")
	if err := os.WriteFile(file, []byte(issuer.jwks()), 0o600); err != nil {
		b.Fatal(err)
	}
	text += fmt.Sprintf("issuers: [{issuer: 'https://id.example', audience: weft, jwks_file: %q, algorithms: [EdDSA], tenant_claim: tid}]\n", file)
	cfg, err := parseConfig("weft.yaml", []byte(text), noEnv)
	if err != nil {
		b.Fatal(err)
	}
	sys, err := build(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(sys.close)
	tenants := map[string]*enrich.Tenant{}
	now := sys.stage.current.Load()
	for _, t := range now.tenants {
		tenants[t.ID] = t
	}
	past, err := gateway.New(gateway.Config{
		Enricher: now.enricher, Auth: trusting{auth.Principal{TenantID: sandbox.Globex, KeyID: "inbox", Scopes: []string{auth.ScopeRead}}},
		Tenants: tenants, Deadline: cfg.Deadlines.Request, OpenAPI: weft.OpenAPI(), Observe: newMetrics().http,
	})
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/api/conversations/"+sandbox.ExampleNative, nil)
	return func(header string) {
		h := sys.public.Handler
		if r.Header.Set("Authorization", header); header == "" {
			h = past
		}
		w := discarding{header: http.Header{}}
		if h.ServeHTTP(&w, r); w.status != http.StatusOK || w.size == 0 {
			b.Fatalf("status %d, %d bytes", w.status, w.size)
		}
	}, issuer
}
