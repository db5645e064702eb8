package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

// The store takes 20 ms and the CRM 50 ms, as in the figures of other gateways.
const latencies = `{"service":"%s","latencyMs":%d}`

// BenchmarkDocument measures whole processes: the program as it is built, and
// the sandbox in another. Beside the median of a document it reports what one
// costs in calls of the upstreams, CPU of the gateway, and allocations.
// direct is the yardstick of the same run: a program that asks the store, then
// contact and account in parallel, and has neither cache, breaker nor keys.
func BenchmarkDocument(b *testing.B) {
	bin := filepath.Join(b.TempDir(), "weft")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	box := spawn(b, bin, `sandbox on (http://\S+)`, "sandbox", "-listen", "127.0.0.1:0", "-conversations", "1500", "-log-level", "error")[1]
	post(b, box+"/dials", fmt.Sprintf(latencies, "crm", 50))
	for _, store := range []string{"autocalls", "native"} {
		post(b, box+"/dials", fmt.Sprintf(latencies, store, 20))
	}
	due := `cache: {conversation: {fresh: 1ms, stale: 24h}, contact: {fresh: 1ms, stale: 168h, missing: 1ms, revalidate: 0}, account: {fresh: 1ms, stale: 168h, missing: 1ms, revalidate: 0}}`
	gateway := func(extra string) *measured { return startMeasured(b, bin, box, extra) }
	native, linked := linkedIDs(b, gateway(due))

	b.Run("native/direct", func(b *testing.B) { direct(b, box, native) })
	b.Run("native/nothing-known", func(b *testing.B) { gateway(due).documents(b, keyGlobex, native) })
	b.Run("native/link-known", func(b *testing.B) {
		g := gateway(due)
		g.each(b, keyGlobex, native)
		g.documents(b, keyGlobex, native)
	})
	// The oldest rows lie deeper than a walk of the head goes, and a backfill
	// of 1,500 gets there last.
	b.Run("autocalls/nothing-known", func(b *testing.B) { gateway(due).documents(b, keyAcme, linked) })
	b.Run("autocalls/row-known", func(b *testing.B) {
		g := gateway(due)
		g.backfilled(b)
		g.documents(b, keyAcme, linked)
	})
	b.Run("autocalls/row-and-link-known", func(b *testing.B) {
		g := gateway(due)
		g.backfilled(b)
		g.each(b, keyAcme, linked)
		g.documents(b, keyAcme, linked)
	})
	b.Run("hot", func(b *testing.B) { // all within its time
		g := gateway(`cache: {conversation: {fresh: 1h, stale: 24h}}`)
		g.ask(b, keyGlobex, sandbox.ExampleNative)
		g.documents(b, keyGlobex, []string{sandbox.ExampleNative})
	})
}

// spawn runs a program until the benchmark ends, and returns the groups of the
// line of its output that matches.
func spawn(b *testing.B, bin, pattern string, args ...string) []string {
	b.Helper()
	cmd := exec.Command(bin, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	r := &running{out: bufio.NewReader(out)}
	m := r.await(b, pattern)
	go io.Copy(io.Discard, out) //nolint:errcheck // until it ends
	return m
}

func post(b *testing.B, url, body string) {
	b.Helper()
	resp, err := http.Post(url, "application/json", bytes.NewBufferString(body))
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		b.Fatalf("%s: %s %s", url, resp.Status, text)
	}
}

// measured is a gateway in a process of its own.
type measured struct{ public, ops, box string }

func startMeasured(b *testing.B, bin, box, extra string) *measured {
	b.Helper()
	file := filepath.Join(b.TempDir(), "weft.yaml")
	if err := os.WriteFile(file, []byte(configFor(sandbox.New(sandbox.Config{Conversations: -1}), box, options{extra: extra})), 0o600); err != nil {
		b.Fatal(err)
	}
	m := spawn(b, bin, `serving on (http://\S+), ops on (http://\S+)`, "serve", "-config", file, "-listen", "127.0.0.1:0", "-ops-listen", "127.0.0.1:0", "-log-level", "error")
	return &measured{public: m[1], ops: m[2], box: box}
}

func fetch(b *testing.B, url, token string) []byte {
	b.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		b.Fatalf("%s: %s %v %s", url, resp.Status, err, body)
	}
	return body
}

func (g *measured) ask(b *testing.B, key, id string) time.Duration {
	b.Helper()
	began := time.Now()
	fetch(b, g.public+"/api/conversations/"+id, key)
	return time.Since(began)
}

func (g *measured) each(b *testing.B, key string, ids []string) {
	for _, id := range ids {
		g.ask(b, key, id)
	}
}

// documents asks for the ids in turn, b.N times, and reports. Once all have
// been asked for, a new round would know more than the first: the gateway is
// asked for no more documents than it has ids, but where one id is all.
func (g *measured) documents(b *testing.B, key string, ids []string) {
	var times []time.Duration
	before, calls := g.sample(b), g.calls(b)
	for b.Loop() {
		if len(times) < len(ids) || len(ids) == 1 {
			times = append(times, g.ask(b, key, ids[len(times)%len(ids)]))
		}
	}
	after := g.sample(b)
	n := float64(len(times))
	report50(b, times)
	b.ReportMetric((after.cpu-before.cpu)/n*1e6, "gateway-cpu-µs/doc")
	b.ReportMetric((after.mallocs-before.mallocs)/n, "gateway-allocs/doc")
	b.ReportMetric((g.calls(b)-calls)/n, "upstream-calls/doc")
}

func report50(b *testing.B, times []time.Duration) {
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "p50-ms/doc")
	b.ReportMetric(0, "ns/op") // of an iteration, some of which do nothing
}

type sample struct{ cpu, mallocs float64 }

func (g *measured) sample(b *testing.B) sample {
	text := fetch(b, g.ops+"/metrics", "")
	value := func(name string) float64 {
		m := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(text)
		if m == nil {
			b.Fatalf("no metric %s", name)
		}
		v, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			b.Fatal(err)
		}
		return v
	}
	return sample{cpu: value("process_cpu_seconds_total"), mallocs: value("go_memstats_mallocs_total")}
}

// calls counts what the upstreams were asked, by whomever.
func (g *measured) calls(b *testing.B) float64 {
	var made struct{ Calls map[string]map[string]float64 }
	if err := json.Unmarshal(fetch(b, g.box+"/calls", ""), &made); err != nil {
		b.Fatal(err)
	}
	var n float64
	for _, ops := range made.Calls {
		for _, calls := range ops {
			n += calls
		}
	}
	return n
}

// backfilled waits until all rows are known.
func (g *measured) backfilled(b *testing.B) {
	for range 200 {
		if bytes.Contains(fetch(b, g.ops+"/metrics", ""), []byte("weft_backfill_incomplete_tenants 0")) {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	b.Fatal("the backfill did not end")
}

// linkedIDs are conversations of either tenant with a contact and an account
// of their own, the oldest first.
func linkedIDs(b *testing.B, g *measured) (native, rows []string) {
	pick := func(key string) (ids []string) {
		seen := map[string]bool{}
		var page struct {
			Data []struct {
				ID, Type         string
				Contact, Account *struct{ ID string }
			}
			NextCursor *string
		}
		for query := "?per_page=100"; ; query = "?per_page=100&cursor=" + *page.NextCursor {
			page.NextCursor = nil
			if err := json.Unmarshal(fetch(b, g.public+"/api/conversations"+query, key), &page); err != nil {
				b.Fatal(err)
			}
			for _, c := range page.Data {
				// A widget's row cannot be listed by a key of its own.
				if c.Contact != nil && c.Account != nil && c.Type != "widget" && !seen[c.Contact.ID] && !seen[c.Account.ID] {
					seen[c.Contact.ID], seen[c.Account.ID] = true, true
					ids = append(ids, c.ID)
				}
			}
			if page.NextCursor == nil {
				slices.Reverse(ids)
				return ids[:min(60, len(ids))]
			}
		}
	}
	return pick(keyGlobex), pick(keyAcme)
}

// direct does by hand what the gateway does for a native store.
func direct(b *testing.B, box string, ids []string) {
	tenant := sandbox.New(sandbox.Config{Conversations: -1}).Tenants()[1]
	var times []time.Duration
	for b.Loop() {
		began := time.Now()
		var c struct{ ContactID, AccountID string }
		id := ids[len(times)%len(ids)]
		var wg sync.WaitGroup
		wg.Go(func() { fetch(b, box+"/native/conversations/"+id+"/messages", tenant.StoreToken) })
		wg.Go(func() { fetch(b, box+"/native/conversations/"+id+"/attention-items", tenant.StoreToken) })
		if err := json.Unmarshal(fetch(b, box+"/native/conversations/"+id, tenant.StoreToken), &c); err != nil {
			b.Fatal(err)
		}
		wg.Go(func() { fetch(b, box+"/crm/contacts/"+c.ContactID, tenant.CRMToken) })
		wg.Go(func() { fetch(b, box+"/crm/accounts/"+c.AccountID, tenant.CRMToken) })
		wg.Wait()
		times = append(times, time.Since(began))
	}
	report50(b, times)
}
