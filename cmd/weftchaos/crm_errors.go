package main

import (
	"net/http"
	"time"
)

// crmErrors has the CRM answer that it cannot.
func crmErrors() []scenario {
	return []scenario{
		{
			row: "5", name: "crm-500-at-30-percent", fault: "30 % of the CRM's answers are 500",
			line:  "99.9 % answered; at most 1.2 times the calls and the 10 that the budget can save, of which 80 % succeed (84 % of many); the breakers stay closed",
			setup: setup{config: unhurried + uncached},
			run: func(t *trial) {
				t.warmUp(t.all)
				span := t.span(3*time.Second, 20*time.Second)
				all, good := t.crmCalls()
				before := t.calls("crm", "")
				t.turn(dial{"service": "crm", "errorRate": .3, "status": 500})
				seen := t.drive(span, nil)
				t.answered(seen, nearlyAll)
				t.succeeded(all, good, .8)
				made, _ := t.crmCalls()
				came := float64(t.calls("crm", "") - before)
				t.note("%s came of %s", number(came), number(made-all))
				t.most("above 1.2 each", came-1.2*(made-all), 10) // what the budget has saved
				t.most("openings", t.openings("rest-"), 0)
			},
		},
		{
			row: "6", name: "crm-500", fault: "all of the CRM's answers are 500",
			line:  "99.9 % answered; at most 15 calls a minute for each operation once open",
			setup: setup{config: due},
			run: func(t *trial) {
				span := t.span(4*time.Second, 60*time.Second)
				seen := t.harmed(2*time.Second, func() { t.turn(dial{"service": "crm", "errorRate": 1, "status": 500}) })
				before := t.calls("crm", "")
				open := t.drive(span, nil)
				t.answered(open, nearlyAll)
				t.most("calls of the CRM's three operations while open", float64(t.calls("crm", "")-before), 3*(3+15*span.Minutes()))
				t.share("answered while it opened", seen.success(), nearlyAll)
				t.mend()
				t.recovered()
			},
		},
		{
			row: "7", name: "crm-quota", fault: "the CRM answers 429 with Retry-After: 7",
			line:  "99.9 % answered; no call until then; no breaker opens",
			setup: setup{config: unhurried + due},
			run: func(t *trial) {
				t.warmUp(t.all)
				t.turn(dial{"service": "crm", "errorRate": 1, "status": 429, "retryAfter": "7"})
				seen := t.drive(time.Second, nil)
				before := t.calls("crm", "")
				gated := t.drive(t.span(2*time.Second, 5*time.Second), nil)
				t.answered(gated, nearlyAll)
				t.share("answered at first", seen.success(), nearlyAll)
				t.most("calls while the gate is closed", float64(t.calls("crm", "")-before), 0)
				t.most("openings", t.openings("rest-"), 0)
			},
		},
	}
}

// crmRefusals has it fail for some, or in part.
func crmRefusals() []scenario {
	return []scenario{
		{
			row: "8", name: "crm-denies-one", fault: "the CRM answers one tenant 403",
			line:  "99.9 % answered; the other tenant's documents are complete as before; no breaker opens",
			setup: setup{config: unhurried + uncached},
			run: func(t *trial) {
				t.warmUp(t.all)
				t.turn(dial{"service": "crm", "deny": 403, "tenant": t.acme()[0].tenant})
				denied := newRecorder()
				seen := t.drive(t.span(3*time.Second, 20*time.Second), func(l *load) { l.targets = t.globex() }, func() {
					denied = t.drive(t.span(3*time.Second, 20*time.Second), func(l *load) { l.targets = t.acme() })
				})
				t.answered(seen, nearlyAll)
				t.share("complete documents of the other", 1-seen.degraded(), .99)
				t.share("answered to the one", denied.success(), nearlyAll)
				t.most("openings", t.openings("rest-"), 0)
			},
		},
		{
			row: "16", name: "crm-redirects", fault: "the CRM redirects to another host",
			line:  "99.9 % answered; nobody comes to the other host",
			setup: setup{config: uncached},
			run: func(t *trial) {
				other, err := listen(t.ctx, func(http.ResponseWriter, *http.Request) {})
				if err != nil {
					t.must(err)
					return
				}
				defer other.close()
				t.warmUp(t.all)
				t.turn(dial{"service": "crm", "errorRate": 1, "status": 302, "location": other.url + "/contacts"})
				t.answered(t.drive(t.span(2*time.Second, 10*time.Second), nil), nearlyAll)
				t.most("requests at the other host", float64(other.asked.Load()), 0)
			},
		},
		{
			row: "19", name: "accounts-fail", fault: "the CRM's accounts fail, its contacts do not",
			line:  "99.9 % answered; every contact is there and not stale",
			setup: setup{config: unhurried + uncached},
			run: func(t *trial) {
				t.turn(dial{"service": "crm", "op": "accounts", "errorRate": 1, "status": 500})
				seen := t.drive(t.span(3*time.Second, 15*time.Second), func(l *load) { l.targets = t.globex() })
				t.answered(seen, nearlyAll)
				t.share("contacts fresh or cached", float64(seen.state("contact fresh")+seen.state("contact cached"))/float64(max(1, seen.count(answered))), nearlyAll)
				t.most("accounts shown", float64(seen.state("account fresh")), 0)
			},
		},
		{
			row: "14", name: "crm-resets", fault: "5 % of the CRM's answers are reset in the middle", ci: true,
			line:  "99.9 % answered; fewer than 1 % of the calls fail for good (2 % of the few in the short form); no breaker opens",
			setup: setup{relayed: []string{"crm"}, config: unhurried + uncached},
			run: func(t *trial) {
				t.warmUp(t.all)
				t.relays["crm"].reset(.05)
				all, good := t.crmCalls()
				seen := t.drive(t.span(3*time.Second, 20*time.Second), nil)
				t.answered(seen, nearlyAll)
				bound := .99
				if !t.full {
					bound = .98 // of some two hundred
				}
				t.succeeded(all, good, bound)
				t.most("openings", t.openings("rest-"), 0)
			},
		},
	}
}
