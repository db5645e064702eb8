package enrich_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/enrich"
)

// memorySources answer with records of a native store and a CRM that make a
// document of 7.6 KB, each with a contact and an account of its own.
func memorySources() http.Handler {
	mux := http.NewServeMux()
	answer := func(pattern, json string) {
		pieces := strings.Split(json, "#")
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			_, number, _ := strings.Cut(r.PathValue("id"), "-")
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(strings.Join(pieces, number)))
		})
	}
	answer("GET /conversations/{id}", `{"id":"conv-#","tenantId":"acme","workspaceId":"ws-1","channelId":"ch-1","contactId":"contact-#",`+
		`"accountId":"account-#","status":"active","summary":"Customer asked about delivery times for order #. The agent confirmed three to five `+
		`business days to Germany, and sent the tracking link by e-mail.","subject":"Re: Delivery time for order #","outcome":"Delivery timeline `+
		`confirmed, customer satisfied.","messageCount":14,"lastMessageAt":"2026-03-25T11:42:00.000Z","createdAt":"2026-03-24T08:15:00.000Z",`+
		`"updatedAt":"2026-03-25T11:42:00.000Z","type":"whatsapp","aiEnabled":true,"externalIdentifier":null,"variables":{"plan":"premium",`+
		`"order":"#","country":"DE"},"assistant":{"id":"assistant-7","name":"Front desk"},"whatsappSender":{"name":"Acme Support","phone":`+
		`"+14155551234"},"customer":{"name":"Jan Mueller","phone":"+4915112345678"},"totalCost":0.0061}`)
	const said = "Thanks for getting in touch! Let me look up order # for you. Deliveries to Germany take three to five business days, and your order " +
		"left our warehouse this morning; it has to pass customs once, which is included in that time."
	var messages []string
	for i := range 14 {
		role, calls := "user", ""
		if i%2 == 1 {
			role = "assistant"
		}
		if i == 3 {
			calls = `{"name":"find_order","arguments":{"order":"#"},"result":{"status":"shipped","country":"DE","carrier":"DHL"}}`
		}
		messages = append(messages, fmt.Sprintf(`{"id":"msg-#-%d","role":%q,"content":%q,"createdAt":"2026-03-24T08:%02d:00.000Z","functionCalls":[%s]}`, i, role, said, 15+i, calls))
	}
	answer("GET /conversations/{id}/messages", `{"data":[`+strings.Join(messages, ",")+`]}`)
	answer("GET /conversations/{id}/attention-items", `{"data":[{"id":"att-#","tenantId":"acme","conversationId":"conv-#","type":"validation_failed",`+
		`"reason":"The delivery date in the draft did not match the carrier's.","status":"open","createdAt":"2026-03-25T11:42:00.000Z","resolvedAt":null}]}`)
	answer("GET /contacts/{id}", `{"id":"contact-#","tenantId":"acme","accountId":"account-#","externalRef":"CRM-CONTACT-#","resolutionStatus":"crm_resolved",`+
		`"firstName":"Jan","lastName":"Mueller","email":"jan.mueller.#@acme-customer.example","phone":"+4915112345678","companyName":"Acme Customer GmbH",`+
		`"createdAt":"2026-02-10T14:30:00.000Z","updatedAt":"2026-03-20T09:15:00.000Z"}`)
	answer("GET /accounts/{id}", `{"id":"account-#","tenantId":"acme","name":"Mueller Maschinenbau GmbH","resolutionStatus":"vies_resolved","externalRef":`+
		`"CRM-ACCOUNT-#","emailDomain":"mueller-maschinenbau.example","vatNumber":"DE123456789","vatValid":true,"country":"DE","phone":"+49897654321",`+
		`"website":"https://mueller-maschinenbau.example","companyType":"manufacturer","createdAt":"2026-02-10T14:30:05.000Z","updatedAt":"2026-03-20T09:15:00.000Z"}`)
	return mux
}

// alive is what is reachable now, in bytes as the runtime rounds them up, and in
// objects.
func alive() (bytes, objects uint64) {
	for range 3 { // pools are emptied by the second
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc, m.HeapObjects
}

// memoryCost loads so many documents, each of which is asked for again, so that it is
// kept, and returns what is alive because of them, and what the cache
// believes that they weigh.
func memoryCost(b testing.TB, documents int) (bytes, objects, weight, body uint64) {
	sources := httptest.NewServer(memorySources())
	b.Cleanup(sources.Close)
	c, err := cache.New(cache.Config{MemoryBytes: 256 << 20})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	e, tenant := newColdOn(b, sources.URL, c, 10*time.Second)
	parts := []enrich.Part{enrich.PartMessages, enrich.PartContact, enrich.PartAccount, enrich.PartAttentionItems}
	load := func(from, count int) {
		var wg sync.WaitGroup
		const callers = 4
		for i := range callers {
			wg.Go(func() {
				for n := from + i; n < from+count; n += callers {
					r := enrich.Request{ID: fmt.Sprintf("conv-%012d", n), Include: parts}
					for range 2 {
						d, err := e.Conversation(b.Context(), tenant, r)
						if err != nil {
							b.Error(err)
							return
						}
						d.Release()
					}
					d := e.Kept(tenant, r)
					if d == nil {
						b.Error("not kept")
						return
					}
					if n == from {
						body = uint64(len(d.Body))
					}
					d.Release()
				}
			})
		}
		wg.Wait()
	}
	load(0, 100) // connections, buffers and tables are there
	bytes, objects = alive()
	weight = c.Stats().Memory.Bytes
	load(1000000, documents)
	b2, o2 := alive()
	return b2 - bytes, o2 - objects, c.Stats().Memory.Bytes - weight, body
}

// TestWeightIsMemory: the bound of memory holds what it says only if what a document is
// believed to weigh is what it takes. It is measured in a process of its own, in which no
// other test has left anything behind.
func TestWeightIsMemory(t *testing.T) {
	const alone = "WEFT_TEST_ALONE"
	if os.Getenv(alone) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestWeightIsMemory$") //nolint:gosec // ourselves
		cmd.Env = append(os.Environ(), alone+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	bytes, _, weight, _ := memoryCost(t, 500)
	if off := float64(weight) / float64(bytes); off < 0.85 || off > 1.15 {
		t.Errorf("500 documents take %d bytes, and are believed to weigh %d: %.2f of it", bytes, weight, off)
	}
}

// BenchmarkMemory says what a document in memory takes.
func BenchmarkMemory(b *testing.B) {
	const documents = 1000
	for b.Loop() {
		bytes, objects, weight, body := memoryCost(b, documents)
		b.ReportMetric(float64(bytes)/documents, "live-B/doc")
		b.ReportMetric(float64(objects)/documents, "objects/doc")
		b.ReportMetric(float64(weight)/documents, "weight-B/doc")
		b.ReportMetric(float64(body), "sent-B/doc")
	}
	b.ReportMetric(0, "ns/op")
}
