package main

import (
	"fmt"
	"time"
)

// crmAway has no CRM to talk to.
func crmAway() []scenario {
	return []scenario{
		{
			row: "1", name: "crm-refuses", fault: "the CRM's port is closed",
			line:  "99.9 % answered; calls of the CRM end with its breakers open; read anew within 7 s after it",
			setup: setup{proxied: []string{"crm"}, config: due},
			run: func(t *trial) {
				span := t.span(3*time.Second, 20*time.Second)
				seen := t.harmed(span, func() { t.proxies["crm"].cut() })
				t.answered(seen, nearlyAll)
				t.most("calls of the CRM that failed", t.failures("rest-"), probes(span))
				t.must(t.proxies["crm"].infect())
				t.recovered()
			},
		},
		{
			row: "2", name: "crm-black-hole", fault: "connections to the CRM hang before they are made (SYN dropped)", ci: true,
			line:  "99.9 % answered, none after more than the request's deadline; the breakers open",
			setup: setup{proxied: []string{"crm"}, config: due},
			run: func(t *trial) {
				seen := t.harmed(t.span(4*time.Second, 20*time.Second), func() { t.must(t.proxies["crm"].swallow(t.ctx)) })
				t.answered(seen, nearlyAll)
				t.within("slowest", seen.quantile(1), 5*time.Second)
				t.least("openings of the CRM's breakers", t.openings("rest-"), 1)
				t.must(t.proxies["crm"].infect())
				t.recovered()
			},
		},
		{
			row: "33", name: "crm-name-unknown", fault: "the name of the CRM's host does not resolve",
			line:  "99.9 % answered, none after more than the request's deadline (without one a look-up may take 10 s)",
			setup: setup{crmHost: "crm.invalid:80", config: due},
			run: func(t *trial) {
				seen := t.drive(t.span(3*time.Second, 15*time.Second), nil)
				t.answered(seen, nearlyAll)
				t.within("slowest", seen.quantile(1), 5*time.Second)
			},
		},
	}
}

// crmSlow has one that takes its time.
func crmSlow() []scenario {
	return []scenario{
		{
			row: "3", name: "crm-slow", fault: "the CRM takes 30 s",
			line:  "99.9 % answered, none after more than the request's deadline; the CRM is called a tenth as often",
			setup: setup{config: due},
			run: func(t *trial) {
				t.warmUp(t.all)
				span := t.span(4*time.Second, 30*time.Second)
				before := t.calls("crm", "")
				t.drive(span, nil)
				healthy := t.calls("crm", "") - before
				t.turn(dial{"service": "crm", "latencyMs": 30000})
				before = t.calls("crm", "")
				seen := t.drive(span, nil)
				t.answered(seen, nearlyAll)
				t.within("slowest", seen.quantile(1), 5*time.Second)
				t.most(fmt.Sprintf("calls of the CRM (healthy: %d)", healthy), float64(t.calls("crm", "")-before), max(probes(span), float64(healthy)/10))
				t.mend()
				t.recovered()
			},
		},
		{
			row: "4", name: "crm-just-in-time", fault: "the CRM takes 0.9 of the 1 s that it has",
			line:  "the slow-call rule opens the breaker within 30 s; 99.9 % answered",
			setup: setup{config: due},
			run: func(t *trial) {
				t.warmUp(t.all)
				t.turn(dial{"service": "crm", "latencyMs": 900})
				var opened time.Duration
				seen := t.drive(time.Second, nil, func() {
					opened = t.until("the breaker of the contacts open", 30*time.Second, func() bool { return t.openings("rest-contacts") > 0 })
				})
				t.within("open after", opened, 30*time.Second)
				t.answered(seen, nearlyAll)
			},
		},
		{
			row: "12", name: "crm-drip", fault: "the CRM's answers come a byte a second", ci: true,
			line:  "99.9 % answered, none after more than the request's deadline",
			setup: setup{proxied: []string{"crm"}, config: due},
			run: func(t *trial) {
				seen := t.harmed(t.span(3*time.Second, 20*time.Second), func() {
					t.must(t.proxies["crm"].infect(toxic{Type: "slicer", Attributes: map[string]int64{"average_size": 1, "delay": 1e6}}))
				})
				t.answered(seen, nearlyAll)
				t.within("slowest", seen.quantile(1), 5*time.Second)
				t.least("calls that timed out", t.metric("weft_upstream_request_duration_seconds_count", `outcome="timeout"`, `upstream="rest"`), 1)
				t.must(t.proxies["crm"].infect())
				t.recovered()
			},
		},
	}
}
