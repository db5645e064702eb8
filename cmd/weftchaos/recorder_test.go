package main

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

// healthy is a document as a caller gets it when all is well.
const healthy = `{"id": "c1", "tenantId": "` + sandbox.Acme + `", "contact": {"id": "p1"}, "account": {"id": "a1"}, "messages": [], "enrichment": {
	"complete": true, "conversation": {"state": "fresh"}, "messages": {"state": "fresh"}, "contact": {"state": "cached"},
	"account": {"state": "cached"}, "attentionItems": {"state": "fresh"}}}`

// The recorder finds what no answer may ever be.
func TestRecorderTellsLies(t *testing.T) {
	tests := []struct {
		name, from, to string // what is changed of a healthy document
		foreign, lies  int
	}{
		{"nothing", "", "", 0, 0},
		{"another conversation", `"c1"`, `"c2"`, 0, 1},
		{"another contact", `"p1"`, `"p2"`, 0, 1},
		{"tenant", sandbox.Acme, sandbox.Globex, 1, 0},
		{"a word of another tenant", `"messages": []`, `"messages": ["` + sandbox.Globex + `"]`, 1, 0},
		{"shown and unavailable", `"contact": {"state": "cached"}`, `"contact": {"state": "unavailable", "reason": "timeout"}`, 0, 1},
		{"fresh and not shown", `"account": {"id": "a1"}`, `"account": null`, 0, 1},
		{"stale without a reason", `"account": {"state": "cached"}`, `"account": {"state": "stale"}`, 0, 1},
		{"a reason to be cached", `"account": {"state": "cached"}`, `"account": {"state": "cached", "reason": "timeout"}`, 0, 1},
		{"stale and complete", `"account": {"state": "cached"}`, `"account": {"state": "stale", "reason": "timeout"}`, 0, 1},
		{"no messages", `"messages": []`, `"messages": null`, 0, 1},
		{"missing though it is there", `"contact": {"id": "p1"}, "account"`, `"contact": null, "account"`, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := healthy
			if tt.from != "" {
				body = strings.Replace(healthy, tt.from, tt.to, 1)
				if body == healthy {
					t.Fatalf("%q is not in the document", tt.from)
				}
			}
			r := newRecorder()
			r.add(request{target: target{tenant: sandbox.Acme, id: "c1", contact: "p1"}}, reply{status: 200, body: []byte(body)})
			if len(r.foreign) != tt.foreign || len(r.untrue) != tt.lies {
				t.Errorf("foreign %q, untrue %q", r.foreign, r.untrue)
			}
		})
	}
}

func TestRecorderCounts(t *testing.T) {
	r := newRecorder()
	asked := request{target: target{tenant: sandbox.Acme, id: "c1"}}
	degraded := strings.NewReplacer(`true`, `false`, `"contact": {"state": "cached"}`, `"contact": {"state": "stale", "reason": "timeout"}`).Replace(healthy)
	for n, got := range []reply{
		{status: 200, body: []byte(healthy)},
		{status: 200, body: []byte(degraded)},
		{status: 200, body: []byte("nothing")},
		{status: 503, body: []byte(`{"code": "overloaded"}`)},
		{err: fmt.Errorf("dial: %w", syscall.ECONNREFUSED)},
		{err: errors.New("what"), hungUp: true},
	} {
		got.took = time.Duration(n+1) * time.Second
		r.add(asked, got)
	}
	foreign := asked
	foreign.foreign = true
	r.add(foreign, reply{status: 404})
	r.add(foreign, reply{status: 200, body: []byte(healthy)})

	if r.asked() != 5 || r.failed() != 3 || r.success() != .4 || r.degraded() != .5 {
		t.Errorf("asked %d, failed %d, success %v, degraded %v", r.asked(), r.failed(), r.success(), r.degraded())
	}
	if r.count("503") != 1 || r.count(hungUp) != 1 || r.count("connection refused") != 1 || r.state("contact stale") != 1 || r.state("contact") != 2 {
		t.Errorf("%s", r.text())
	}
	if len(r.foreign) != 1 {
		t.Errorf("what was shown to another tenant: %q", r.foreign)
	}
	if p50, most := r.quantile(.5), r.quantile(1); p50 != 3*time.Second || most != 5*time.Second {
		t.Errorf("p50 %s, max %s", p50, most)
	}
}
