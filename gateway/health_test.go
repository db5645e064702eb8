package gateway

import (
	"strings"
	"testing"
)

func TestProbes(t *testing.T) {
	tests := []struct {
		name     string
		ready    bool
		degraded []string
		path     string
		status   int
		body     string
	}{
		{"alive", true, nil, "/livez", 200, `{"status":"ok"}`},
		{"alive while draining", false, nil, "/livez", 200, `{"status":"ok"}`},
		{"ready", true, nil, "/readyz", 200, `{"status":"ready"}`},
		{"degraded", true, []string{"canary-breaker"}, "/readyz", 200, `{"status":"degraded"}`},
		{"draining", false, nil, "/readyz", 503, `{"status":"draining"}`},
		{"draining and degraded", false, []string{"canary-breaker"}, "/readyz", 503, `{"status":"draining"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHarness(t, func(c *Config) { c.Ready = func() (bool, []string) { return tt.ready, tt.degraded } })
			a := h.do("GET", tt.path)
			if got := strings.TrimSpace(string(a.body)); a.status != tt.status || got != tt.body {
				t.Errorf("%d %s, want %d %s", a.status, got, tt.status, tt.body)
			}
			if got := a.header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control %q", got)
			}
			if got := a.header.Get("Retry-After") != ""; got != (tt.status == 503) {
				t.Errorf("%d with a Retry-After: %v", a.status, got)
			}
		})
	}
}
