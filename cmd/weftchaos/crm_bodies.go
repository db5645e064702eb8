package main

import (
	"strings"
	"time"
)

// crmBodies has it answer with what is no record, or the wrong one.
func crmBodies() []scenario {
	return []scenario{
		{
			row: "9", name: "crm-captive-page", fault: "the CRM answers a page of HTML with 200",
			line:  "99.9 % answered; nothing of it in Redis",
			setup: setup{config: due},
			run: func(t *trial) {
				seen := t.harmed(t.span(3*time.Second, 15*time.Second), func() { t.turn(dial{"service": "crm", "body": "html"}) })
				t.answered(seen, nearlyAll)
				pages := 0
				t.must(t.redis.each(t.ctx, func(_, value string) error {
					if strings.Contains(value, "<html") || strings.Contains(value, "<!DOCTYPE") {
						pages++
					}
					return nil
				}))
				t.most("pages in Redis", float64(pages), 0)
				t.mend()
				t.recovered()
			},
		},
		{
			row: "10", name: "crm-truncated", fault: "connections from the CRM end after 351 bytes", ci: true,
			line:  "99.9 % answered; no part of a record is kept: after it all documents are whole and right",
			setup: setup{proxied: []string{"crm"}, config: due},
			run: func(t *trial) {
				seen := t.harmed(t.span(2500*time.Millisecond, 15*time.Second), func() {
					t.must(t.proxies["crm"].infect(toxic{Type: "limit_data", Attributes: map[string]int64{"bytes": 351}}))
				})
				t.answered(seen, nearlyAll)
				t.least("documents that say bad_response", float64(seen.state("contact unavailable bad_response")+seen.state("contact stale bad_response")), 1)
				t.must(t.proxies["crm"].infect())
				t.warmUp(t.all) // each has to come whole, with its own contact
				t.recovered()
			},
		},
		{
			row: "11", name: "crm-huge", fault: "the CRM answers with 200 MB, or with 200 kB of gzip that unpack to as much",
			line:  "answered; memory grows by no more than the 4 MiB of each of its 64 calls, where the catalogue has 1 MiB",
			setup: setup{config: uncached},
			run: func(t *trial) {
				t.warmUp(t.all)
				before := t.replica(0).resident()
				for _, body := range []string{"huge", "gzip_bomb"} {
					t.turn(dial{"service": "crm", "body": body})
					seen := t.drive(t.span(2*time.Second, 8*time.Second), nil)
					t.share("answered with "+body, seen.success(), nearlyAll)
				}
				t.most("MiB more in memory", float64(t.replica(0).resident()-before)/(1<<20), 64*4)
				t.mend()
				t.recovered()
			},
		},
		{
			row: "13", name: "wrong-records", fault: "the CRM answers one call in twenty about another record, or as another tenant's",
			line:  "99.9 % answered; none with another's contact; nothing wrong is kept",
			setup: setup{config: unhurried + uncached},
			run: func(t *trial) {
				t.warmUp(t.all)
				for _, body := range []string{"wrong_record", "other_tenant"} {
					t.turn(dial{"service": "crm", "body": body, "rate": .05})
					seen := t.drive(t.span(2*time.Second, 30*time.Second), nil)
					t.answered(seen, nearlyAll)
					t.most("with another contact", float64(len(seen.untrue)+len(seen.foreign)), 0)
				}
				t.mend()
				t.warmUp(t.all)
			},
		},
	}
}
