package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// crowd lets a gateway have many requests under way, and its sources the time
// that those need on a busy machine.
const crowd = `deadlines: {request: 15s, store: 10s, crm: 10s, redis: 3s}
limits: {tenant: {in_flight: 1024}}
` + settled

// herd asks for one conversation n times at once, over all gateways, and holds
// what the sources were asked to one call, or without Redis one of each gateway.
func (t *trial) herd(n int, of target) {
	seen := newRecorder()
	seen.cursory = true
	before := t.everyRecord()
	client := caller()
	defer client.CloseIdleConnections()
	replicas := t.live()
	work := make(chan int)
	var asking sync.WaitGroup
	for range 300 * len(replicas) {
		asking.Go(func() {
			for i := range work {
				r := request{target: of, meant: time.Now()}
				got := r.send(client, replicas[i%len(replicas)])
				seen.add(r, got)
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	asking.Wait()
	t.keep(seen)
	t.answered(seen, nearlyAll)
	t.share("complete", 1-seen.degraded(), nearlyAll)
	leases := func(result string) float64 { return t.metric("weft_cache_leases_total", `result="`+result+`"`) }
	without := leases("expired") + leases("failed")
	t.note("leases: %.0f won, %.0f waited for, %.0f not to be had", leases("won"), leases("waited"), without)
	bound := 1 + without
	if t.breaker("redis") != "closed" {
		bound = float64(len(replicas))
	}
	most := t.busiest(before)
	t.most(fmt.Sprintf("calls of %d gateways for any record", len(replicas)), float64(most), min(bound, float64(len(replicas))))
	t.least("calls", float64(most), 1)
}

// everyRecord is how often the sources were asked for each record of the
// native tenant, by operation and id.
func (t *trial) everyRecord() map[string]int {
	calls := map[string]int{}
	if t.over() {
		return calls
	}
	all, err := t.counts(t.ctx)
	t.must(err)
	for _, service := range []string{"native", "crm"} {
		for op, records := range all.Keys[service] {
			if op == "list" || op == "find" {
				continue // the other tenant's, whose older conversations are being listed
			}
			for id, n := range records {
				calls[service+" "+op+" "+id] = n
			}
		}
	}
	return calls
}

// busiest is how many calls there were since then for the record that had most,
// and notes those that had more than one.
func (t *trial) busiest(since map[string]int) int {
	most, often := 0, []string{}
	for record, calls := range t.everyRecord() {
		most = max(most, calls-since[record])
		if calls-since[record] > 1 {
			often = append(often, record)
		}
	}
	if len(often) > 0 {
		t.note("more than once: %s", strings.Join(often, ", "))
	}
	return most
}

// slowly has the sources take their time, so that callers meet in a load.
func (t *trial) slowly(ms int) {
	for _, service := range []string{"native", "crm"} {
		t.turn(dial{"service": service, "latencyMs": ms})
	}
}

// encrypted is settled, with made-up keys for what is in Redis.
func encrypted(ids ...string) string {
	var list []string
	for _, id := range ids {
		key := make([]byte, 32)
		copy(key, id)
		list = append(list, fmt.Sprintf("{id: %s, key: %q}", id, base64.StdEncoding.EncodeToString(key)))
	}
	return patient + strings.TrimSuffix(settled, "}") + ", encryption: [" + strings.Join(list, ", ") + "]}"
}

// erase has a gateway forget the contact of a conversation.
func (t *trial) erase(from *replica, of target) {
	if t.over() {
		return
	}
	_, err := fetch(t.ctx, http.MethodDelete, from.public+"/api/contacts/"+of.contact+"/cache", of.key, nil)
	t.must(err)
}

// asked asks a gateway that may not live to answer.
func (t *trial) asked(from *replica, of target) (reply, error) {
	client := caller()
	defer client.CloseIdleConnections()
	r := request{target: of, meant: time.Now()}
	got := r.send(client, from)
	return got, got.err
}

// cacheFaults are those that the replicas have to get over together.
func cacheFaults() []scenario {
	return slices.Concat(herds(), restarts())
}

// herds has many ask for the same, or for all at once.
func herds() []scenario {
	return []scenario{
		{
			row: "35", name: "herd", fault: "10,000 requests for one cold conversation over three gateways", ci: true,
			line:  "99.9 % answered; one call for each record (a lease that Redis does not grant in time on a starved machine is done without, which may cost one more)",
			setup: setup{replicas: 3, config: crowd},
			run: func(t *trial) {
				t.slowly(500)
				t.herd(10_000, t.globex()[0])
			},
		},
		{
			row: "36", name: "lease-holder-killed", fault: "the gateway that loads a record for all gets SIGKILL", ci: true,
			line:  "another one answers with the whole document, after no more than the lease (1.25 times a load's deadline: 5 s) and a load; at most one call more",
			setup: setup{replicas: 3, config: "deadlines: {request: 12s, store: 2s, crm: 2s, redis: 1s}\n" + settled},
			run: func(t *trial) {
				of := t.globex()[0]
				t.turn(dial{"service": "crm", "latencyMs": 800})
				var killing sync.WaitGroup
				killing.Go(func() { _, _ = t.asked(t.replica(0), of) })
				t.until("the load begun", 10*time.Second, func() bool { return t.calls("crm", "contacts") == 1 })
				t.signal(t.replica(0).process, kill)
				killing.Wait()
				got, d := t.ask(t.replica(1), of, "")
				t.holds(d.Enrichment.Complete, "answered %s, contact %s %s", got.outcome(), d.Enrichment.Contact.State, d.Enrichment.Contact.Reason)
				t.within("answered after", got.took, 9*time.Second)
				t.most("calls for the contact", float64(t.calls("crm", "contacts")), 2)
			},
		},
		{
			row: "37", name: "mass-expiry", fault: "all contacts were read in the same second, and grow old",
			line:  "no second has more than twice the mean of calls, after two rounds that spread them",
			setup: setup{config: patient + `cache: {contact: {fresh: 12s}, account: {fresh: 10m}, link: {fresh: 10m}, conversation: {fresh: 10m}}`, records: 300},
			run: func(t *trial) {
				t.all = t.globex()
				t.warmUp(t.all)
				var perSecond []int
				t.drive(time.Second, func(l *load) { l.even, l.rate, l.trespass = true, 200, 0 }, func() {
					t.sleep(26 * time.Second)
					last := t.calls("crm", "contacts")
					for range int(t.span(12*time.Second, 40*time.Second) / time.Second) {
						t.sleep(time.Second)
						n := t.calls("crm", "contacts")
						perSecond, last = append(perSecond, n-last), n
					}
				})
				sum := 0
				for _, n := range perSecond {
					sum += n
				}
				if len(perSecond) > 0 {
					t.most("most calls in a second, in means", float64(slices.Max(perSecond))*float64(len(perSecond))/float64(max(1, sum)), 2)
				}
			},
		},
	}
}

// restarts has replicas that lost their memory, their ears or their keys.
func restarts() []scenario {
	return []scenario{
		{
			row: "42", name: "gateway-killed", fault: "the gateway gets SIGKILL, and starts with an empty memory", ci: true,
			line:  "99.9 % answered after the start; no more calls of the CRM than misses in Redis",
			setup: setup{config: patient + settled},
			run: func(t *trial) {
				t.all = t.globex()
				t.warmUp(t.all)
				t.written()
				t.signal(t.replica(0).process, kill)
				_, err := t.replica(0).ended(t.ctx)
				t.must(err)
				calls := t.calls("crm", "")
				t.revive(0)
				seen := t.drive(t.span(2*time.Second, 10*time.Second), nil)
				t.answered(seen, nearlyAll)
				misses := t.metric(redisRecords, `kind="contact"`, `result="miss"`) + t.metric(redisRecords, `kind="account"`, `result="miss"`)
				t.most("calls of the CRM", float64(t.calls("crm", "")-calls), misses)
			},
		},
		{
			row: "46", name: "erasure-not-heard", fault: "a gateway is cut off from Redis for 5 s while another erases a contact",
			line:  "30 s later the first one shows nothing that was read before the erasure",
			setup: setup{replicas: 2, proxied: []string{"redis0", "redis1"}, config: patient + settled},
			run: func(t *trial) {
				of := t.globex()[0]
				t.warmUp([]target{of})
				t.sleep(time.Second)
				t.proxies["redis1"].cut()
				t.sleep(500 * time.Millisecond)
				erased := time.Now()
				t.erase(t.replica(0), of)
				t.sleep(5 * time.Second)
				t.must(t.proxies["redis1"].infect())
				took := t.until("the erased copy gone", 30*time.Second, func() bool {
					_, d := t.ask(t.replica(1), of, "")
					asOf, err := time.Parse(time.RFC3339, d.Enrichment.Contact.AsOf)
					return d.Contact == nil || err == nil && asOf.After(erased)
				})
				t.within("gone after Redis was back for", took, 30*time.Second)
			},
		},
		{
			row: "47", name: "encryption-key-changed", fault: "the key of what is in Redis is changed, with the old one beside it, and then without",
			line:  "99.9 % answered, none with 500; beside the new key the old one still reads",
			setup: setup{config: encrypted("k1")},
			run: func(t *trial) {
				t.all = t.globex()
				t.warmUp(t.all)
				t.written()
				for _, with := range [][]string{{"k2", "k1"}, {"k2"}} {
					t.config = encrypted(with...)
					calls := t.calls("crm", "contacts")
					t.signal(t.replica(0).process, kill)
					_, err := t.replica(0).ended(t.ctx)
					t.must(err)
					t.revive(0)
					seen := t.drive(t.span(2*time.Second, 10*time.Second), nil)
					t.answered(seen, nearlyAll)
					t.most("500s", float64(seen.count("500")), 0)
					if len(with) == 2 {
						t.most("calls for contacts that Redis has", float64(t.calls("crm", "contacts")-calls), 0)
						t.sleep(time.Second)
						t.redisDo("FLUSHALL") // what both could read
						t.warmUp(t.all)
					}
				}
			},
		},
	}
}
