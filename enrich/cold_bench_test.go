package enrich_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
	"github.com/weft-gateway/weft/upstream/native"
	"github.com/weft-gateway/weft/upstream/rest"
)

const coldTenant = "acme"

// upstreamsAddress is the variable that makes TestColdUpstreams a server.
const upstreamsAddress = "WEFT_TEST_UPSTREAMS"

// TestColdUpstreams is no test: it is the store and the CRM of BenchmarkCold, in
// a process of their own, so that what they use is not counted.
func TestColdUpstreams(t *testing.T) {
	if os.Getenv(upstreamsAddress) == "" {
		t.Skip("not asked for")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("http://%s\n", l.Addr())
	go func() { // ends with the benchmark
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	t.Fatal(http.Serve(l, coldUpstreams())) //nolint:gosec // no timeouts: its only caller is the benchmark
}

func coldUpstreams() http.Handler {
	mux := http.NewServeMux()
	answer := func(pattern string, body func(id string) string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, body(r.PathValue("id")))
		})
	}
	answer("GET /conversations/{id}", coldConversation)
	answer("GET /conversations/{id}/messages", coldMessages)
	answer("GET /conversations/{id}/attention-items", func(id string) string {
		return fmt.Sprintf(`{"data":[{"id":"att-1","tenantId":"acme","conversationId":%q,"type":"escalation","reason":"asked for a person","status":"open","createdAt":"2026-03-25T11:42:00.000Z","resolvedAt":null}]}`, id)
	})
	answer("GET /contacts/{id}", func(id string) string {
		return fmt.Sprintf(`{"id":%q,"tenantId":"acme","accountId":"acc-9","externalRef":"crm-lead-12345","resolutionStatus":"crm_resolved","firstName":"Larry","lastName":"Fisherman","email":"larry@leadworks.example","phone":"+14155550123","companyName":"Lead Works","createdAt":"2026-03-24T08:15:00.000Z","updatedAt":"2026-03-25T11:42:00.000Z","title":"Head of Purchasing","tags":["vip","beta"],"lifecycleStage":"customer"}`, id)
	})
	answer("GET /accounts/{id}", func(id string) string {
		return fmt.Sprintf(`{"id":%q,"tenantId":"acme","name":"Lead Works","resolutionStatus":"crm_resolved","externalRef":null,"emailDomain":"leadworks.example","vatNumber":null,"vatValid":null,"country":"US","phone":null,"website":"https://leadworks.example","companyType":"customer","createdAt":"2026-03-24T08:15:00.000Z","updatedAt":"2026-03-25T11:42:00.000Z","industry":"Fishing","employees":12}`, id)
	})
	return mux
}

// coldConversation is a conversation whose contact and account are its own.
func coldConversation(id string) string {
	n := strings.TrimPrefix(id, "conv-")
	return fmt.Sprintf(`{"id":%q,"tenantId":"acme","workspaceId":"ws-1","channelId":"ch-1","contactId":"con-%s","accountId":"acc-%s","status":"active","summary":null,"subject":"Your recent inquiry","outcome":null,"messageCount":12,"lastMessageAt":"2026-03-25T11:42:00.000Z","createdAt":"2026-03-24T08:15:00.000Z","updatedAt":"2026-03-25T11:42:00.000Z","type":"whatsapp","aiEnabled":true,"externalIdentifier":"crm-lead-12345","variables":{"plan":"premium","seats":12},"assistant":{"id":"bot-1","name":"Sales"},"whatsappSender":{"name":"Acme","phone":"+14155551234"},"customer":{"name":"Larry","phone":"+14155550123"}}`, id, n, n)
}

// coldMessages are 12 messages of 5 KB together.
func coldMessages(string) string {
	var b strings.Builder
	b.WriteString(`{"data":[`)
	for i := range 12 {
		if i > 0 {
			b.WriteByte(',')
		}
		role, calls := "user", "[]"
		if i%2 == 0 {
			role = "assistant"
		}
		if i%6 == 0 {
			calls = `[{"name":"lookup_order","arguments":{"order":"A-1042","lines":[1,2,3]},"result":{"status":"shipped","carrier":"UPS"}}]`
		}
		fmt.Fprintf(&b, `{"id":"msg-%d","role":%q,"content":%q,"createdAt":"2026-03-25T11:%02d:00.000Z","functionCalls":%s}`, i, role, strings.Repeat("Hi! I'm following up on your inquiry. ", 7), i, calls)
	}
	b.WriteString(`]}`)
	return b.String()
}

// startUpstreams starts them until the benchmark ends.
func startUpstreams(b *testing.B) (url string) {
	b.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestColdUpstreams$") //nolint:gosec // ourselves
	cmd.Env = append(os.Environ(), upstreamsAddress+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	if _, err := fmt.Fscanln(out, &url); err != nil {
		b.Fatal(err)
	}
	return url
}

// BenchmarkCold asks for documents of which nothing is known: a native store's,
// which costs five calls. By turns it is made by the Enricher, with cache and
// breakers, and by a program written for the purpose, which has neither. It
// reports the CPU of this process for a document, in the median batch, and the
// ratio of the two. Neither has a server in front, which would bring the ratio
// nearer to 1.
func BenchmarkCold(b *testing.B) {
	url := startUpstreams(b)
	for _, callers := range []int{1, 8, 64} {
		b.Run(fmt.Sprint("callers=", callers), func(b *testing.B) {
			ways := []way{byHand(url), byEnricher(b, url, cache.Config{})}
			compare(b, callers, ways)
		})
	}
}

// way is how a document is made.
type way struct {
	name string
	make func(ctx context.Context, id string) ([]byte, error)
}

var serial atomic.Int64

// compare runs batches of all ways by turns.
func compare(b *testing.B, callers int, ways []way) {
	const batch = 256
	cpu, mallocs := make([][]time.Duration, len(ways)), make([]uint64, len(ways))
	for b.Loop() {
		for i, w := range ways {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := cpuTime(b)
			var left atomic.Int64
			left.Store(batch)
			var wg sync.WaitGroup
			for range callers {
				wg.Go(func() {
					pprof.SetGoroutineLabels(pprof.WithLabels(b.Context(), pprof.Labels("way", w.name)))
					for left.Add(-1) >= 0 {
						if _, err := w.make(b.Context(), fmt.Sprint("conv-", serial.Add(1))); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			cpu[i] = append(cpu[i], cpuTime(b)-began)
			runtime.ReadMemStats(&after)
			mallocs[i] += after.Mallocs - before.Mallocs
		}
	}
	first := median(cpu[0])
	for i, w := range ways {
		b.ReportMetric(median(cpu[i])/batch/1000, w.name+"-cpu-µs/doc")
		b.ReportMetric(float64(mallocs[i])/float64(batch*len(cpu[i])), w.name+"-allocs/doc")
		if i > 0 {
			b.ReportMetric(median(cpu[i])/first, w.name+"/"+ways[0].name)
		}
	}
	b.ReportMetric(0, "ns/op") // of a turn of all
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

// byHand is the program that does the same calls and nothing else.
func byHand(url string) way {
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 64}}
	get := func(ctx context.Context, path string) ([]byte, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+path, nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer secret")
		resp, err := c.Do(req)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		return io.ReadAll(resp.Body)
	}
	return way{"by-hand", func(ctx context.Context, id string) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		var parts [5]json.RawMessage
		var errs [5]error
		var wg sync.WaitGroup
		ask := func(slot int, path string) {
			wg.Go(func() { parts[slot], errs[slot] = get(ctx, path) })
		}
		ask(1, "/conversations/"+id+"/messages")
		ask(2, "/conversations/"+id+"/attention-items")
		doc := map[string]json.RawMessage{}
		body, err := get(ctx, "/conversations/"+id)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(body, &doc); err != nil {
			return nil, err
		}
		var ids struct{ ContactID, AccountID string }
		if err := json.Unmarshal(body, &ids); err != nil {
			return nil, err
		}
		ask(3, "/contacts/"+ids.ContactID)
		ask(4, "/accounts/"+ids.AccountID)
		wg.Wait()
		for i, name := range []string{"", "messages", "attentionItems", "contact", "account"} {
			if errs[i] != nil {
				return nil, errs[i]
			}
			if i > 2 {
				doc[name] = parts[i]
			} else if i > 0 {
				var list struct{ Data json.RawMessage }
				if err := json.Unmarshal(parts[i], &list); err != nil {
					return nil, err
				}
				doc[name] = list.Data
			}
		}
		return json.Marshal(doc)
	}}
}

// byEnricher is all of it, but for the gateway.
func byEnricher(b *testing.B, url string, cfg cache.Config) way {
	e, tenant := newCold(b, url, cfg)
	parts := []enrich.Part{enrich.PartMessages, enrich.PartContact, enrich.PartAccount, enrich.PartAttentionItems}
	return way{"weft", func(ctx context.Context, id string) ([]byte, error) {
		d, err := e.Conversation(ctx, tenant, enrich.Request{ID: id, Include: parts})
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(d.Body, []byte(`"complete":true`)) {
			return nil, fmt.Errorf("not whole: %s", d.Body)
		}
		return d.Body, nil
	}}
}

func newCold(b testing.TB, url string, cfg cache.Config) (*enrich.Enricher, *enrich.Tenant) {
	b.Helper()
	c, err := cache.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	return newColdOn(b, url, c, time.Second)
}

func newColdOn(b testing.TB, url string, c *cache.Cache, patience time.Duration) (*enrich.Enricher, *enrich.Tenant) {
	b.Helper()
	host := func(name string, ops []upstream.Op) *client.Client {
		h, err := client.NewHost(client.HostConfig{Name: name, URL: url, Deadline: patience, Operations: ops})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(h.Close)
		return h.ClientWithShare("secret", 64)
	}
	store, err := native.New(host(native.Kind, native.Operations()), native.Config{TenantID: coldTenant})
	if err != nil {
		b.Fatal(err)
	}
	crm, err := rest.New(host(rest.Kind, rest.Operations()), rest.Config{TenantID: coldTenant})
	if err != nil {
		b.Fatal(err)
	}
	t := &enrich.Tenant{ID: coldTenant, Store: store, StoreName: native.Kind, CRM: crm, CRMName: rest.Kind}
	long := cache.Policy{Fresh: time.Hour, Stale: 24 * time.Hour, Missing: time.Minute}
	e, err := enrich.New(enrich.Config{
		Cache: c, Request: 3 * patience, Store: patience, CRM: patience, Tenants: []*enrich.Tenant{t},
		Conversation: long, Contact: long, Account: long, Link: long,
	})
	if err != nil {
		b.Fatal(err)
	}
	return e, t
}
